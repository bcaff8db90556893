// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
)

// connectionObject is a connection of either kind.
type connectionObject interface {
	object
	connectionSpec
	Connectivity() *pamv1alpha1.ConnectionStatus
}

// connectionSpec is what both kinds of connection let their owner say.
type connectionSpec interface {
	Address() string
	Suspended() bool
	TLSSettings() *pamv1alpha1.TLSSettings
}

// connectionReconciler is the loop of one kind of connection.
type connectionReconciler[T connectionObject] struct {
	deps

	kind  string
	empty func() T
	// probe tries the connection out and fills its status.
	probe func(ctx context.Context, conn T) (outcome, error)
	// hold keeps the connection as long as it is needed; nil keeps it no longer than asked for.
	hold func(ctx context.Context, conn T) (keeping, error)
}

// complete adds the controller to the manager.
func (r connectionReconciler[T]) complete(mgr ctrl.Manager, b *builder.Builder) error {
	return complete(mgr, b, r, lane.Options{
		Name:  strings.ToLower(r.kind),
		Place: laneFor(r.client, r.empty, connectionPlace[T]), Running: 1, Crowd: unprovenProbes,
	})
}

// Reconcile makes one pass over a connection and writes down what it came to.
func (r connectionReconciler[T]) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	conn := r.empty()
	err := r.client.Get(ctx, request.NamespacedName, conn)
	if apierrors.IsNotFound(err) {
		r.pool.Forget(ctx, request.NamespacedName)
		insecureConnections.DeleteLabelValues(r.kind, request.Namespace, request.Name)
		circuits.DeleteLabelValues(r.kind, request.Namespace, request.Name)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	before := copyOf(conn)
	var kept keeping
	if r.hold != nil {
		if kept, err = r.hold(ctx, conn); err != nil || kept.gone {
			after, err := afterConflict(err)
			return ctrl.Result{RequeueAfter: after}, err
		}
	}
	out, err := r.tryOut(ctx, conn)
	if err != nil { // there is no client to try
		conn.Connectivity().CircuitBreaker = nil
		out = ofOwner(conn, err)
	}
	if connection.IsNotReady(err) {
		out.after = connection.RevokedAfter // then what was built from a Secret that is gone is dropped
	}
	handled(conn)
	out = kept.apply(asSuspended(conn, out))
	if is := readyOf(before); kept.note != "" && (is == nil || !strings.Contains(is.Message, deletionWaits)) {
		r.statusWriter().event(conn, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, kept.note)
	}
	showInsecureTLS(conn, r.kind, conn.TLSSettings())
	if conn.GetResourceVersion() != before.GetResourceVersion() { // it shows a probe that was under way
		if err := r.live.Get(ctx, request.NamespacedName, before); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	return r.statusWriter().save(ctx, before, conn, out)
}

// tryOut looks at what can be told without the appliance or the server, and then tries the connection out.
func (r connectionReconciler[T]) tryOut(ctx context.Context, conn T) (outcome, error) {
	if err := r.pool.CheckSelectors(conn); err != nil {
		return outcome{}, err
	}
	return r.probe(ctx, conn)
}

// asSuspended says of a connection that works that its owner holds it back.
func asSuspended(conn connectionObject, out outcome) outcome {
	if !conn.Suspended() || out.state != stateReady {
		return out
	}
	after := out.after
	out = held("suspended (spec.suspend): nothing is written or asked for; " + out.message)
	out.after = after
	return out
}

// requested says that somebody wants the connection looked at anew, and credentials tried again that were refused.
func requested(conn connectionObject) bool {
	wanted := reconcileRequest(conn)
	return wanted != "" && wanted != conn.Connectivity().HandledReconcileRequest
}

// handled notes that this was done.
func handled(conn connectionObject) {
	if wanted := reconcileRequest(conn); wanted != "" {
		conn.Connectivity().HandledReconcileRequest = wanted
	}
}

func reconcileRequest(conn connectionObject) string {
	return shorten(conn.GetAnnotations()[pamv1alpha1.AnnotationReconcileRequestedAt], maxHandledRequest)
}

// showInsecureTLS is loud about a connection that verifies nothing.
func showInsecureTLS(conn object, kind string, t *pamv1alpha1.TLSSettings) {
	insecure := t != nil && isTrue(t.InsecureSkipVerify)
	setInsecureCondition(conn.GetStatus().ObjectConditions(), conn.GetGeneration(), insecure)
	if !insecure {
		insecureConnections.DeleteLabelValues(kind, conn.GetNamespace(), conn.GetName())
		return
	}
	insecureConnections.WithLabelValues(kind, conn.GetNamespace(), conn.GetName()).Set(1)
}
