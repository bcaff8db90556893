// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crcontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
)

// This file says where the passes of each kind wait; package lane says why. The numbers bound what one connection may
// cost, not what all of them do together: a goroutine that waits for an appliance costs a few kilobytes.

const (
	// dispatchers hand objects to their lanes, which takes microseconds.
	dispatchers = 4
	// policyPasses is how many objects of one kind are compared with one appliance at the same time. Those that wait for
	// a commit stand aside.
	policyPasses = 16
	// sessionPasses is enough to keep a server busy up to its requestsPerSecond.
	sessionPasses = 32
	// reservedPasses are for what takes access away: deletions, and ends and cancels of sessions.
	reservedPasses = 16
	// terminationPasses is how many SessionTerminations of one appliance run at the same time.
	terminationPasses = 8
	// unprovenProbes is how many connections that are not known to work are tried at the same time. A dead address takes
	// ten seconds to say so, and connections that work are not to wait for it.
	unprovenProbes = 256
)

// complete adds a controller whose passes run in lanes to a manager.
func complete(mgr ctrl.Manager, b *builder.Builder, inner reconcile.Reconciler, o lane.Options) error {
	lanes := lane.New(inner, o)
	if err := mgr.Add(lanes); err != nil {
		return err
	}
	return b.WithOptions(crcontroller.Options{
		MaxConcurrentReconciles: dispatchers,
		NewQueue:                lanes.Queue,
		RateLimiter: jittered{
			workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		},
	}).Complete(lanes)
}

// laneFor looks an object up and says where it waits. Of one that has gone nothing is left to do, wherever it waits.
func laneFor[T client.Object](
	c client.Reader, empty func() T, place func(T) lane.Place,
) func(context.Context, reconcile.Request) lane.Place {
	return func(ctx context.Context, request reconcile.Request) lane.Place {
		obj := empty()
		// It is only looked at, so a copy would be a waste.
		if err := c.Get(ctx, request.NamespacedName, obj, client.UnsafeDisableDeepCopy); err != nil {
			return lane.Place{}
		}
		return place(obj)
	}
}

// policyPlace is the lane of the object's connection. Deletions take access away, and go first.
func policyPlace[T policyObject](obj T) lane.Place {
	return lane.Place{Lane: laneOf(obj), Urgent: !obj.GetDeletionTimestamp().IsZero()}
}

func terminationPlace(t *pamv1alpha1.SessionTermination) lane.Place {
	return lane.Place{Lane: laneOf(t)}
}

// sessionPlace is the lane of the session's connection. What may end a session goes first.
func sessionPlace(d deps) func(*pamv1alpha1.ActivitySession) lane.Place {
	return func(s *pamv1alpha1.ActivitySession) lane.Place {
		return lane.Place{Lane: laneOf(s), Urgent: endsSession(s, momentAt(context.Background(), d, s, time.Now()))}
	}
}

// endsSession says that the next pass over a session may have to end it: it is cancelled, deleted, over its time, or
// bound to a workload, of which only the pass finds out that it has finished.
func endsSession(s *pamv1alpha1.ActivitySession, now moment) bool {
	if !s.DeletionTimestamp.IsZero() || s.Cancelled() {
		return true
	}
	overdue := s.Status.ExpiresAt != nil && now.left(s.Status.ExpiresAt) <= 0
	return lives(s) && (overdue || s.Spec.BoundTo != nil)
}

// connectionPlace gives each connection a lane of its own. Those that are not known to work share a bound.
func connectionPlace[T connectionObject](conn T) lane.Place {
	ready := readyOf(conn)
	return lane.Place{
		Lane:  client.ObjectKeyFromObject(conn).String(),
		Crowd: ready == nil || ready.Status != metav1.ConditionTrue,
	}
}

func laneOf(obj connected) string {
	return connection.Target(obj.Connection(), obj.GetNamespace()).String()
}
