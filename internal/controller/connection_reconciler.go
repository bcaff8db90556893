// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// connectionConcurrency lets one connection that hangs not hold up the others.
const connectionConcurrency = 16

// connectionObject is a connection of either kind.
type connectionObject interface {
	object
	TLSSettings() *pamv1alpha1.TLSSettings
}

// connectionReconciler is the loop of one kind of connection.
type connectionReconciler[T connectionObject] struct {
	deps

	kind  string
	empty func() T
	// probe tries the connection out and fills its status.
	probe func(ctx context.Context, conn T) (outcome, error)
}

// Reconcile makes one pass over a connection and writes down what it came to.
func (r connectionReconciler[T]) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	conn := r.empty()
	err := r.client.Get(ctx, request.NamespacedName, conn)
	if apierrors.IsNotFound(err) {
		r.pool.Forget(ctx, request.NamespacedName)
		insecureConnections.DeleteLabelValues(r.kind, request.Namespace, request.Name)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	before := copyOf(conn)
	out, err := r.probe(ctx, conn)
	if err != nil {
		out = outcomeOf(err)
	}
	showInsecureTLS(conn, r.kind, conn.TLSSettings())
	return r.statusWriter().save(ctx, before, conn, out)
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
