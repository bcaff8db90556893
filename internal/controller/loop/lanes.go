// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crcontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// This file assigns the reconciles of each kind to lanes; package lane explains why. The numbers bound what one
// connection may cost, not the total: a goroutine that waits for an appliance costs a few kilobytes.

const (
	// dispatchers pass objects to their lanes, which takes microseconds.
	dispatchers = 4
	// ReservedPasses are for what revokes access: deletions, and the ending and cancelling of sessions.
	ReservedPasses = 16
)

// Complete adds a controller that reconciles in lanes to a manager.
func Complete(mgr ctrl.Manager, b *builder.Builder, inner reconcile.Reconciler, o lane.Options) error {
	o.Moved = func(from, to lane.State) { metrics.PassMoved(o.Name, from, to) }
	o.Over = func(took time.Duration, err error) { metrics.PassOver(o.Name, took, err != nil) }
	lanes := lane.New(inner, o)
	if err := mgr.Add(lanes); err != nil {
		return err
	}
	return b.WithOptions(crcontroller.Options{
		MaxConcurrentReconciles: dispatchers,
		NewQueue:                lanes.Queue,
		RateLimiter: jittered{
			workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](FirstRetry, LastRetry),
		},
	}).Complete(lanes)
}

// LaneFor looks up an object and returns its lane. An object that is gone needs no work, in any lane.
func LaneFor[T client.Object](
	c client.Reader, empty func() T, place func(T) lane.Place,
) func(context.Context, reconcile.Request) lane.Place {
	return func(ctx context.Context, request reconcile.Request) lane.Place {
		obj := empty()
		// It is only read, so a copy would be a waste.
		if err := c.Get(ctx, request.NamespacedName, obj, client.UnsafeDisableDeepCopy); err != nil {
			return lane.Place{}
		}
		return place(obj)
	}
}

// LaneOf is the lane of an object's connection.
func LaneOf(obj kinds.Connected) string {
	return connection.Target(obj.Connection(), obj.GetNamespace()).String()
}
