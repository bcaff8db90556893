// SPDX-License-Identifier: Apache-2.0

package span

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

type carryingKey struct{}

// Carrying begins the trace of something that is done for several others at once, such as a transaction. It is traced
// if at least one of them is, and linked to each by Link: a span has one parent only. one is a context of any of them
// that is being traced.
func Carrying(ctx, one context.Context, name string) (context.Context, trace.Span) {
	carried := trace.SpanFromContext(one)
	if !carried.IsRecording() {
		return ctx, trace.SpanFromContext(ctx)
	}
	return carried.TracerProvider().Tracer(Scope).Start(context.WithValue(ctx, carryingKey{}, true), name,
		trace.WithNewRoot())
}

// Carries reports whether a span without a parent is one of Carrying.
func Carries(ctx context.Context) bool { return ctx.Value(carryingKey{}) != nil }

// Traced reports whether a context's span is recorded.
func Traced(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }

// Link links a span of Carrying and that of a context which it carries, in both directions.
func Link(carried context.Context, carrying trace.Span) {
	one := trace.SpanFromContext(carried)
	if !carrying.IsRecording() || !one.IsRecording() {
		return
	}
	carrying.AddLink(trace.Link{SpanContext: one.SpanContext()})
	one.AddLink(trace.Link{SpanContext: carrying.SpanContext()})
}
