// SPDX-License-Identifier: Apache-2.0

// Package probe probes connections: it shows whether an appliance or a server answers and accepts the credentials, and
// retains a connection that is being deleted while other objects need it.
package probe

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/panics"
)

// connectionObject is a connection of either kind.
type connectionObject interface {
	loop.Object
	connectionSpec
	Connectivity() *pamv1alpha1.ConnectionStatus
}

// connectionSpec is what the specs of both kinds have in common.
type connectionSpec interface {
	Address() string
	Suspended() bool
	TLSSettings() *pamv1alpha1.TLSSettings
}

// connectionReconciler reconciles one kind of connection.
type connectionReconciler[T connectionObject] struct {
	loop.Deps

	kind  string
	empty func() T
	// probe probes the connection and fills its status. If the connection works, it also handles the request.
	probe func(ctx context.Context, conn T, request loop.ReconcileRequest) (loop.Outcome, error)
	// waiting are the connections whose wait for their dependents was reported.
	waiting *loop.Once[types.NamespacedName]
	// hold keeps the connection as long as it is needed; nil keeps it no longer than asked for.
	retain func(ctx context.Context, conn T) (retention, error)
	// forget is called for a connection that is gone; nil does nothing.
	forget func(name types.NamespacedName)
}

// complete adds the controller to the manager.
func (r connectionReconciler[T]) complete(mgr ctrl.Manager, b *builder.Builder) error {
	return loop.Complete(mgr, b, r, lane.Options{
		Name:  strings.ToLower(r.kind),
		Place: loop.LaneFor(r.Client, r.empty, connectionPlace[T]), Running: 1, Crowd: unprovenProbes,
	})
}

// Reconcile probes a connection and writes its status.
func (r connectionReconciler[T]) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	conn := r.empty()
	err := r.Client.Get(ctx, request.NamespacedName, conn)
	if apierrors.IsNotFound(err) {
		r.gone(ctx, request.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if ok, err := r.UpToDate(ctx, conn); !ok {
		return loop.StartOver(), err
	}
	ctx, pass := r.BeginPass(ctx, conn)
	defer pass.End()
	before := loop.CopyOf(conn)
	var retained retention
	if r.retain != nil {
		if retained, err = r.retain(ctx, conn); err != nil || retained.released {
			after, err := afterConflict(err)
			return ctrl.Result{RequeueAfter: after}, err
		}
	}
	asked := r.Requests.Of(conn)
	out, err := r.tryOut(ctx, conn, asked)
	if err != nil { // there is no client to probe with
		conn.Connectivity().CircuitBreaker = nil
		out = ofOwner(conn, err)
	}
	if connection.IsNotReady(err) {
		out.After = connection.RevokedAfter // then a client whose Secret is gone is retired
	}
	if out.State != loop.StateReady { // it was tried, and there is nothing to read
		asked.Handle(conn)
	}
	out = retained.apply(asSuspended(conn, out))
	if retained.note != "" && r.waiting.First(request.NamespacedName) {
		r.StatusWriter().Event(conn, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, retained.note)
	}
	showInsecureTLS(conn, conn.TLSSettings())
	if conn.GetResourceVersion() != before.GetResourceVersion() { // the status of a running probe was written
		if err := r.Live.Get(ctx, request.NamespacedName, before); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	return r.StatusWriter().Save(ctx, before, conn, out)
}

// gone forgets a connection that does not exist any more.
func (r connectionReconciler[T]) gone(ctx context.Context, name types.NamespacedName) {
	gone := metrics.Connection{Kind: r.kind, NamespacedName: name}
	r.Pool.Forget(ctx, gone)
	gone.Forget()
	r.waiting.Forget(name)
	if r.forget != nil {
		r.forget(name)
	}
}

// tryOut checks what can be checked locally, and then probes the connection.
func (r connectionReconciler[T]) tryOut(
	ctx context.Context, conn T, request loop.ReconcileRequest,
) (out loop.Outcome, err error) {
	if err := r.Pool.CheckSelectors(conn); err != nil {
		return loop.Outcome{}, err
	}
	defer panics.Catch(&err)
	return r.probe(ctx, conn, request)
}

// asSuspended turns the outcome of a working connection into Suspended if its owner has suspended it.
func asSuspended(conn connectionObject, out loop.Outcome) loop.Outcome {
	if !conn.Suspended() || out.State != loop.StateReady {
		return out
	}
	after := out.After
	out = loop.Suspended("suspended by spec.suspend" + loop.SuspendReason(conn) +
		": nothing is written or requested; " + out.Message)
	out.After = after
	return out
}
