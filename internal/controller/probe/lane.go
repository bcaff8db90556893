// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/lane"
)

// unprovenProbes is how many connections that are not known to work are probed at the same time. A dead address takes
// ten seconds to fail, and working connections must not wait for it.
const unprovenProbes = 256

// connectionPlace gives each connection a lane of its own. Those that are not known to work share a limit.
func connectionPlace[T connectionObject](conn T) lane.Place {
	ready := loop.ReadyOf(conn)
	return lane.Place{
		Lane:  client.ObjectKeyFromObject(conn).String(),
		Crowd: ready == nil || ready.Status != metav1.ConditionTrue,
	}
}

// connectionsOf enqueues the connection of the object that changed, once for all changes within a pause. The pause
// begins with the first change, so the last one does not wait longer either.
func connectionsOf(pause time.Duration) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(obj client.Object, q queue) {
		if c, ok := obj.(kinds.Connected); ok {
			q.AddAfter(reconcile.Request{NamespacedName: connection.Target(c.Connection(), obj.GetNamespace())}, pause)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { enqueue(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { enqueue(e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { enqueue(e.Object, q) },
	}
}
