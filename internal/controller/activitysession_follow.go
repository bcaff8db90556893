// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// This file is how a session learns what became of it. No session asks the server by itself: the connection's poller
// lists the sessions of all objects and tells those whose session has changed, whose pass then goes by what the lists
// said. The server itself is asked where a decision depends on it.

const (
	// sessionRecheck is when a session is looked at although nobody told of it. It costs the server nothing.
	sessionRecheck = 10 * time.Minute
	// freshFor is how old the reading of a session may be that its end is decided by.
	freshFor = 2 * time.Second
)

// tellSession returns a function that tells the controller that the session of an object has changed.
func tellSession(sessions chan<- event.GenericEvent) func(context.Context, types.NamespacedName) {
	return func(ctx context.Context, name types.NamespacedName) {
		s := &pamv1alpha1.ActivitySession{}
		s.Namespace, s.Name = name.Namespace, name.Name
		select {
		case sessions <- event.GenericEvent{Object: s}:
		case <-ctx.Done():
		}
	}
}

// server is the server of a session that was asked for, which is followed there from now on.
func (r *activitySessionReconciler) server(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (*connection.Server, error) {
	_, server, err := r.pool.Following(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err == nil {
		r.follow(ctx, s)
	}
	return server, err
}

// follow has the poller look at a session that lives, and at no other.
func (r *activitySessionReconciler) follow(ctx context.Context, s *pamv1alpha1.ActivitySession) {
	name, now := client.ObjectKeyFromObject(s), r.moment(ctx, s)
	if !lives(s) && !watched(s, now) {
		r.pool.Unfollow(s.Spec.ConnectionRef, name)
		return
	}
	followed := connection.Followed{
		Object: name, RequestID: newRequestID(s), SessionID: s.Status.SessionID,
		Status: statusOf(s.Status.Phase), FastFrom: fastFrom(s, now),
	}
	if s.Status.Phase.Terminal() {
		followed.Over, followed.Pressing = true, uncertain(s)
		followed.Until = endedAt(s, now).Add(watchFor)
	}
	r.pool.Follow(s.Spec.ConnectionRef, followed)
}

// deleted forgets an object that is gone, whoever has taken its finalizer away.
func (r *activitySessionReconciler) deleted(
	_ context.Context, e event.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request],
) {
	if s, ok := e.Object.(*pamv1alpha1.ActivitySession); ok {
		r.forget(s)
	}
}

func (r *activitySessionReconciler) forget(s *pamv1alpha1.ActivitySession) {
	r.pool.Unfollow(s.Spec.ConnectionRef, client.ObjectKeyFromObject(s))
	r.outlive(s)
	r.gone.forget(s.UID)
	r.unanswered.forget(s.UID)
	for _, known := range []*sync.Map{&r.refusedExtensions, &r.hints, &r.open, &r.concluded, &r.unwritten} {
		known.Delete(s.UID)
	}
	r.places.give(s.UID)
	r.claims.forget(s)
	r.written.Delete(s.UID)
}

// seen is the session as it is: as the lists show it, or read from the server where they do not, and where something is
// decided that cannot be taken back.
func (r *activitySessionReconciler) seen(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (nps.Session, error) {
	now := r.moment(ctx, s)
	if decides(s, now) {
		return server.Read(ctx, s.Status.SessionID)
	}
	seen, ok, err := server.Sighting(ctx, s.Status.SessionID)
	if err != nil {
		return nps.Session{}, err
	}
	if !ok || needsReading(s, seen, r.moment(ctx, s)) {
		return server.Read(ctx, s.Status.SessionID)
	}
	return seen.Session, nil
}

// decides says that this pass may end the session, or give it up.
func decides(s *pamv1alpha1.ActivitySession, now moment) bool {
	passed := s.Status.Deadline != nil && !now.local.Before(s.Status.Deadline.Time)
	expired := s.Status.Phase == pamv1alpha1.SessionActive && s.Status.ExpiresAt != nil &&
		now.left(s.Status.ExpiresAt) <= 0
	return passed || expired || s.Cancelled() || !s.DeletionTimestamp.IsZero()
}

// needsReading says that a sighting is not enough to go by. A step to another phase is made by the session itself, but
// for the one to Active, for which a summary has all that is needed; a list that lags leads nowhere.
func needsReading(s *pamv1alpha1.ActivitySession, seen connection.Sighting, now moment) bool {
	if seen.Whole && now.local.Sub(seen.At) < freshFor {
		return false
	}
	if seen.Guessed { // the list does not tell
		return true
	}
	probe := *s // what a phase notes in passing is not for now
	phase, _ := phaseOf(&probe, seen.Session, now.server())
	if phase == pamv1alpha1.SessionActive && later(s.Status.Phase, phase) {
		return seen.Session.PlatformID() == ""
	}
	return phase != s.Status.Phase
}

// statusOf is the server's state of the sessions that are in a phase.
func statusOf(phase pamv1alpha1.SessionPhase) nps.Status {
	switch phase {
	case pamv1alpha1.SessionWaitingForApproval:
		return nps.StatusApprovalRequired
	case pamv1alpha1.SessionActive:
		return nps.StatusActive
	case pamv1alpha1.SessionEnding:
		return nps.StatusCancelling
	}
	return nps.StatusPending
}

// fastFrom is from when on a session is expected to change, by our clock; zero if that is up to people.
func fastFrom(s *pamv1alpha1.ActivitySession, now moment) time.Time {
	switch s.Status.Phase {
	case pamv1alpha1.SessionStarting, pamv1alpha1.SessionEnding:
		return time.Unix(0, 0)
	case pamv1alpha1.SessionScheduled:
		if s.Status.StartTime != nil {
			return now.ours(s.Status.StartTime).Add(-soon)
		}
	case pamv1alpha1.SessionActive:
		return now.ours(s.Status.ExpiresAt)
	}
	return time.Time{}
}

// untilNext is how long it is to the next moment at which something is due by the clock; 0 if there is none. What
// became due while the pass was under way, which began then, is due at once: the pass may have decided before.
func untilNext(s *pamv1alpha1.ActivitySession, began time.Time, now moment) time.Duration {
	moments := []time.Time{timeOf(s.Status.Deadline)}
	switch s.Status.Phase {
	case pamv1alpha1.SessionScheduled:
		moments = append(moments, now.ours(s.Status.StartTime).Add(-soon))
	case pamv1alpha1.SessionActive:
		end := now.ours(s.Status.ExpiresAt)
		moments = append(moments, end.Add(-extendBefore), end, end.Add(endTimeout))
	}
	next := time.Duration(0)
	for _, m := range moments {
		if m.After(began) {
			next = soonest(next, max(m.Sub(now.local), time.Millisecond))
		}
	}
	return next
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// sessionOutcome is outcomeOf, but that nobody has to try again who is told when a server can be looked at again.
func sessionOutcome(err error) outcome {
	out := outcomeOf(err)
	if connection.IsTrouble(err) {
		out.err, out.after = nil, soonest(out.after, sessionRecheck)
	}
	return out
}
