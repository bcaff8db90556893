// SPDX-License-Identifier: Apache-2.0

// Package span records spans, if there is a tracer: one for each reconcile, and below it one for each call. A span
// begins below the one of its context, or not at all: where nothing is traced, nothing is allocated. Package tracing
// sends them.
//
// The name of an object, the address of an appliance and values of closed lists go into a span; never a path, a header,
// a body or the text of an error, which may quote an appliance.
package span

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Scope names the operator in its spans.
const Scope = "github.com/pam-operator/pam-operator"

// Call begins the span of a call to another system below the one of ctx. The caller ends it.
func Call(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, parent
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
}

// Failed marks a span as that of something that failed. Why is in its attributes.
func Failed(s trace.Span) { s.SetStatus(codes.Error, "") }

// TraceID is the ID of the trace that a context is part of; empty if it is not sampled.
func TraceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.IsSampled() && c.IsValid() {
		return c.TraceID().String()
	}
	return ""
}

// With returns ctx with the span of another context, for work that one caller begins and several wait for.
func With(ctx, other context.Context) context.Context {
	return trace.ContextWithSpan(ctx, trace.SpanFromContext(other))
}
