// SPDX-License-Identifier: Apache-2.0

// Package span is how the program takes part in traces. Its parts know only this package and the interface of
// OpenTelemetry; package tracing knows the rest.
//
// A span begins below the one of its context, or not at all: where nothing is traced, nothing is allocated. Nothing
// but the attributes of attribute.go goes into a span, and never the text of an error: it may quote an appliance.
package span

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Scope names the operator in its spans.
const Scope = "github.com/pam-operator/pam-operator"

// Start begins a span below the one of ctx. The caller ends it.
func Start(ctx context.Context, name string) (context.Context, trace.Span) {
	return start(ctx, name, trace.SpanKindInternal)
}

// Call begins the span of a call to another system below the one of ctx. The caller ends it.
func Call(ctx context.Context, name string) (context.Context, trace.Span) {
	return start(ctx, name, trace.SpanKindClient)
}

func start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, parent
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name, trace.WithSpanKind(kind))
}

// End ends a span. Of an error it records only that there was one.
func End(s trace.Span, err error) {
	if err != nil && s.IsRecording() {
		s.SetStatus(codes.Error, "")
	}
	s.End()
}

// Of returns the span of a context; it does nothing if there is none.
func Of(ctx context.Context) trace.Span { return trace.SpanFromContext(ctx) }

// TraceID is the ID of the trace that a context is part of; empty if nobody will find it.
func TraceID(ctx context.Context) string { return TraceIDOf(trace.SpanFromContext(ctx)) }

// TraceIDOf is the ID of the trace that a span is part of; empty if nobody will find it.
func TraceIDOf(s trace.Span) string {
	if c := s.SpanContext(); c.IsSampled() && c.IsValid() {
		return c.TraceID().String()
	}
	return ""
}

// With returns ctx with the span of another context, for work that one caller begins and several wait for.
func With(ctx, other context.Context) context.Context {
	s := trace.SpanFromContext(other)
	if !s.IsRecording() {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s)
}
