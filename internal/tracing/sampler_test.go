// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"fmt"
	"slices"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/span"
)

func recorded(ratio float64) (*tracetest.SpanRecorder, trace.Tracer) {
	r := tracetest.NewSpanRecorder()
	return r, NewProvider(ratio, sdktrace.WithSpanProcessor(r)).Tracer(span.Scope)
}

func TestTheRatioCountsForPasses(t *testing.T) {
	const passes = 2000
	for ratio, want := range map[float64][2]int{0: {0, 0}, 0.1: {100, 350}, 1: {passes, passes}} {
		r, tracer := recorded(ratio)
		for range passes {
			ctx, pass := tracer.Start(t.Context(), "reconcile")
			_, call := span.Call(ctx, "list")
			call.End()
			pass.End()
		}
		if n := len(r.Ended()); n < 2*want[0] || n > 2*want[1] || n%2 != 0 {
			t.Errorf("%d spans of %d passes with ratio %v", n, passes, ratio)
		}
	}
}

// TestATransactionIsTracedIfOneOfItsChangesIs: with any other rule, links would lead nowhere.
func TestATransactionIsTracedIfOneOfItsChangesIs(t *testing.T) {
	r, tracer := recorded(0.1)
	traced := 0
	for range 500 {
		change, s := tracer.Start(t.Context(), "change")
		ctx, transaction := span.Carrying(t.Context(), change, "transaction")
		span.Link(change, transaction)
		_, step := span.Start(ctx, "commit")
		for _, s := range []trace.Span{step, transaction, s} {
			if s.IsRecording() {
				traced++
			}
			s.End()
		}
	}
	if traced == 0 || traced == 1500 || traced%3 != 0 || len(r.Ended()) != traced {
		t.Errorf("%d spans are traced, and %d recorded", traced, len(r.Ended()))
	}
	for _, s := range r.Ended() {
		linked, root := s.Name() != "commit", s.Name() == "transaction"
		if linked != (len(s.Links()) == 1) || root && s.Parent().IsValid() {
			t.Errorf("%s has %d links", s.Name(), len(s.Links()))
		}
	}
}

// TestASessionIsOneTrace: the passes of every manager are below one root, which the last of them writes.
func TestASessionIsOneTrace(t *testing.T) {
	sampled := 0
	for i := range 200 {
		key := fmt.Sprint("session ", i)
		var names []string
		traces, begun := map[trace.TraceID]bool{}, time.Now().Add(-time.Hour)
		for range 2 { // two managers
			r, tracer := recorded(0.2)
			ctx, pass := tracer.Start(span.In(t.Context(), key), "reconcile")
			span.EndLasting(ctx, key, "session", begun, time.Now(), func(trace.Span) {})
			pass.End()
			for _, s := range r.Ended() {
				names, traces[s.SpanContext().TraceID()] = append(names, s.Name()), true
				if root := s.Name() == "session"; root == s.Parent().IsValid() || root && !s.StartTime().Equal(begun) {
					t.Errorf("%s began at %s, below %v", s.Name(), s.StartTime(), s.Parent())
				}
			}
			for _, s := range r.Ended()[min(1, len(r.Ended())):] {
				if s.Parent().SpanID() != r.Ended()[0].SpanContext().SpanID() {
					t.Error("the pass is not below the root")
				}
			}
		}
		switch {
		case len(names) == 0:
		case len(traces) != 1 || !slices.Equal(names, []string{"session", "reconcile", "session", "reconcile"}):
			t.Errorf("%v in %d traces", names, len(traces))
		default:
			sampled++
		}
	}
	if sampled < 10 || sampled > 100 {
		t.Errorf("%d of 200 sessions are traced, which is not about a fifth", sampled)
	}
}

func TestATransactionIsLinkedToAllItsChanges(t *testing.T) {
	const changes = 1000
	r, tracer := recorded(1)
	first, _ := tracer.Start(t.Context(), "change")
	_, transaction := span.Carrying(t.Context(), first, "transaction")
	for range changes {
		ctx, change := tracer.Start(t.Context(), "change")
		span.Link(ctx, transaction)
		change.End()
	}
	transaction.End()
	ended := r.Ended()
	if last := ended[len(ended)-1]; len(last.Links()) != changes || last.DroppedLinks() != 0 {
		t.Errorf("%d links, %d dropped", len(last.Links()), last.DroppedLinks())
	}
}
