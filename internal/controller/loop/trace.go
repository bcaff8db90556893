// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/span"
)

type tracedPasses[T Object] struct {
	inner reconcile.ObjectReconciler[T]
	deps  Deps
}

func (t tracedPasses[T]) Reconcile(ctx context.Context, obj T) (result ctrl.Result, err error) {
	ctx, pass := t.deps.BeginPass(ctx, obj)
	defer func() { span.End(pass, err) }()
	return t.inner.Reconcile(ctx, obj)
}

// BeginPass begins the span of a pass over an object, which the caller ends; it does nothing without a tracer. The
// passes over a session are in one trace, from its request to its end, whichever manager makes them.
func (d Deps) BeginPass(ctx context.Context, obj Object) (context.Context, trace.Span) {
	if d.Tracer == nil {
		return ctx, span.Of(ctx)
	}
	if s, ok := obj.(*pamv1alpha1.ActivitySession); ok {
		ctx = span.In(ctx, NewRequestID(s))
	}
	kind := kinds.OfObject(obj).Name
	ctx, pass := d.Tracer.Start(ctx, "reconcile "+kind)
	if pass.IsRecording() {
		span.Set(pass, span.Kind, kind)
		span.Set(pass, span.Object, client.ObjectKeyFromObject(obj).String())
		span.SetNumber(pass, span.Generation, obj.GetGeneration())
	}
	return ctx, pass
}
