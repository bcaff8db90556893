// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/span"
)

type tracedPasses[T Object] struct {
	inner reconcile.ObjectReconciler[T]
	deps  Deps
}

func (t tracedPasses[T]) Reconcile(ctx context.Context, obj T) (result ctrl.Result, err error) {
	ctx, pass := t.deps.BeginPass(ctx, obj)
	defer func() {
		if err != nil {
			span.Failed(pass)
		}
		pass.End()
	}()
	return t.inner.Reconcile(ctx, obj)
}

// BeginPass begins the span of a pass over an object, which the caller ends; it does nothing without a tracer.
func (d Deps) BeginPass(ctx context.Context, obj Object) (context.Context, trace.Span) {
	if d.Tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	kind := kinds.OfObject(obj).Name
	return d.Tracer.Start(ctx, "reconcile "+kind, trace.WithAttributes(
		attribute.String("pam.kind", kind),
		attribute.String("pam.object", client.ObjectKeyFromObject(obj).String()),
		attribute.Int64("pam.generation", obj.GetGeneration()),
	))
}

// setReason records the reason of Ready at the end of a pass.
func setReason(ctx context.Context, reason string) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("pam.reason", reason))
}
