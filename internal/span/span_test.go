// SPDX-License-Identifier: Apache-2.0

package span_test

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pam-operator/pam-operator/internal/span"
)

func TestWorkIsInTheTraceOfTheCallerThatBeganIt(t *testing.T) {
	r := tracetest.NewSpanRecorder()
	caller, s := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r)).Tracer("test").Start(t.Context(), "reconcile")
	ctx, call := span.Call(span.With(t.Context(), caller), "log_in")
	if id := span.TraceID(ctx); id != s.SpanContext().TraceID().String() {
		t.Errorf("trace %q", id)
	}
	call.End()
	s.End()
	ended := r.Ended()
	if len(ended) != 2 || ended[0].Parent().SpanID() != s.SpanContext().SpanID() {
		t.Errorf("%d spans, not one below the other", len(ended))
	}
	if _, late := span.Call(caller, "late"); late.IsRecording() {
		t.Error("a span began below one that had ended")
	}
	if ctx, call := span.Call(t.Context(), "untraced"); call.IsRecording() || span.TraceID(ctx) != "" {
		t.Error("a span began below none")
	}
}
