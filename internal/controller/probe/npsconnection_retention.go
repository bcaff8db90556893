// SPDX-License-Identifier: Apache-2.0

package probe

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
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// retain retains a connection while sessions live that were requested through it, so that they can still be ended when
// a namespace is deleted with everything in it.
func (r npsConnections) retain(ctx context.Context, conn *pamv1alpha1.NPSConnection) (retention, error) {
	sessions, err := loop.SessionsOf(ctx, r.Client, client.ObjectKeyFromObject(conn))
	if err != nil {
		return retention{}, err
	}
	need := needs{what: "live sessions",
		remedy: "cancel them, delete their ActivitySessions, or set their deletionPolicy: Keep"}
	for i := range sessions {
		if sessionNeedsConnection(&sessions[i]) {
			need.count, need.example = need.count+1, client.ObjectKeyFromObject(&sessions[i])
		}
	}
	return retain(ctx, r.Deps, conn, need)
}

// sessionNeedsConnection reports whether ending a session needs its connection.
func sessionNeedsConnection(s *pamv1alpha1.ActivitySession) bool {
	return loop.HasFinalizer(s) && (loop.Lives(s) || loop.AwaitsAnswer(s)) && !s.Keeps()
}

// onNeed passes events about a session that begins or ceases to need its connection.
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

// connectionsToRetain enqueues the connection of the session that changed, if its retention has to begin or end at
// once. A connection that is not being deleted may be retained a little longer than needed.
func connectionsToRetain(c client.Reader) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		s, ok := obj.(*pamv1alpha1.ActivitySession)
		if !ok {
			return nil
		}
		conn := &pamv1alpha1.NPSConnection{}
		key := connection.Target(s.Spec.ConnectionRef, s.Namespace)
		if c.Get(ctx, key, conn) != nil || conn.DeletionTimestamp.IsZero() && loop.HasFinalizer(conn) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: key}}
	})
}
