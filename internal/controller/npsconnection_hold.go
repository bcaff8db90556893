// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// hold keeps a connection for as long as sessions live that were asked for through it, so that they can still be ended
// when a namespace is deleted with everything in it.
func (r npsConnections) hold(ctx context.Context, conn *pamv1alpha1.NPSConnection) (keeping, error) {
	sessions, err := sessionsOf(ctx, r.client, client.ObjectKeyFromObject(conn))
	if err != nil {
		return keeping{}, err
	}
	need := needs{what: "sessions that live", remedy: "delete their ActivitySessions, or cancel them"}
	for i := range sessions {
		if sessionNeedsConnection(&sessions[i]) {
			need.count, need.example = need.count+1, client.ObjectKeyFromObject(&sessions[i])
		}
	}
	return r.keep(ctx, conn, need)
}

// sessionNeedsConnection says that the end of a session needs its connection.
func sessionNeedsConnection(s *pamv1alpha1.ActivitySession) bool {
	return holdsFinalizer(s) && (lives(s) || awaitsAnswer(s))
}

// onNeed passes that a session begins or ceases to need its connection.
func onNeed() builder.WatchesOption {
	needs := func(o client.Object) bool {
		s, ok := o.(*pamv1alpha1.ActivitySession)
		return ok && sessionNeedsConnection(s)
	}
	return builder.WithPredicates(predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return needs(e.Object) },
		UpdateFunc:  func(e event.UpdateEvent) bool { return needs(e.ObjectOld) != needs(e.ObjectNew) },
		DeleteFunc:  func(e event.DeleteEvent) bool { return needs(e.Object) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	})
}

// unheldConnections enqueues the connection of the session that changed, if it has to begin or to end being held at
// once. That a connection which nobody deletes is held a little longer than it is needed does no harm.
func unheldConnections(c client.Reader) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		s, ok := obj.(*pamv1alpha1.ActivitySession)
		if !ok {
			return nil
		}
		conn := &pamv1alpha1.NPSConnection{}
		key := connection.Target(s.Spec.ConnectionRef, s.Namespace)
		if c.Get(ctx, key, conn) != nil || conn.DeletionTimestamp.IsZero() && holdsFinalizer(conn) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: key}}
	})
}
