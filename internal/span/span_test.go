// SPDX-License-Identifier: Apache-2.0

package span_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/span"
)

// TestWhatIsNotTracedCostsNothing is what keeps tracing that is off from changing the memory budget.
func TestWhatIsNotTracedCostsNothing(t *testing.T) {
	ctx, failed := t.Context(), errors.New("failed")
	allocations := testing.AllocsPerRun(100, func() {
		ctx, s := span.Start(ctx, "change")
		_, call := span.Call(ctx, "list")
		span.Set(call, span.Method, "GET")
		span.SetNumber(call, span.Status, 200)
		span.End(call, failed)
		span.Link(ctx, s)
		span.End(s, nil)
		_ = span.TraceID(span.With(ctx, ctx))
		_, carrying := span.Carrying(ctx, ctx, "transaction")
		carrying.End()
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

func recorder() (*tracetest.SpanRecorder, trace.Tracer) {
	r := tracetest.NewSpanRecorder()
	return r, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r)).Tracer("test")
}

func TestAnErrorIsNotShown(t *testing.T) {
	r, tracer := recorder()
	_, s := tracer.Start(t.Context(), "call")
	span.End(s, errors.New("the appliance said: password1"))
	for _, s := range r.Ended() {
		if status := s.Status(); status.Description != "" || status.Code.String() != "Error" || len(s.Events()) > 0 {
			t.Errorf("the span says %v and %v", status, s.Events())
		}
	}
}

func TestWorkIsInTheTraceOfWhoeverBeganIt(t *testing.T) {
	r, tracer := recorder()
	caller, s := tracer.Start(t.Context(), "pass")
	_, call := span.Call(span.With(t.Context(), caller), "log_in")
	call.End()
	s.End()
	ended := r.Ended()
	if len(ended) != 2 || ended[0].Parent().SpanID() != s.SpanContext().SpanID() {
		t.Errorf("%d spans, not one below the other", len(ended))
	}
	if _, late := span.Call(caller, "late"); late.IsRecording() {
		t.Error("a span began below one that had ended")
	}
}

func TestALastingTraceEndsOnlyWithinItself(t *testing.T) {
	r, tracer := recorder()
	ctx, s := tracer.Start(t.Context(), "another trace")
	defer s.End()
	span.EndLasting(ctx, "a", "session", time.Now(), time.Now(), func(trace.Span) {})
	if n := len(r.Started()); n != 1 {
		t.Errorf("%d spans, want 1", n)
	}
}

// TestEveryAttributeIsDocumented keeps the page from knowing less, or more, than is sent.
func TestEveryAttributeIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tracing.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range span.Keys() {
		if !strings.Contains(string(page), "| `"+string(key)+"` |") {
			t.Errorf("docs/tracing.md has no row for %s", key)
		}
	}
	if rows := strings.Count(string(page), "| `pam.") + strings.Count(string(page), "| `http.") +
		strings.Count(string(page), "| `server."); rows != len(span.Keys()) {
		t.Errorf("docs/tracing.md has %d attributes, the program %d", rows, len(span.Keys()))
	}
}
