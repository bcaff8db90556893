// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/lane"
)

// sessionPasses is enough to keep a server busy up to its requestsPerSecond.
const sessionPasses = 32

// sessionPlace is the lane of the session's connection. A reconcile that may end a session goes first.
func sessionPlace(d loop.Deps) func(*pamv1alpha1.ActivitySession) lane.Place {
	return func(s *pamv1alpha1.ActivitySession) lane.Place {
		return lane.Place{Lane: loop.LaneOf(s), Urgent: endsSession(s, momentAt(context.Background(), d, s, time.Now()))}
	}
}

// endsSession reports whether the next reconcile may have to end the session: it is cancelled, deleted, expired, or
// bound to a workload, and only the reconcile finds out whether that has finished.
func endsSession(s *pamv1alpha1.ActivitySession, now moment) bool {
	if !s.DeletionTimestamp.IsZero() || s.Cancelled() {
		return true
	}
	overdue := s.Status.ExpiresAt != nil && now.left(s.Status.ExpiresAt) <= 0
	return loop.Lives(s) && (overdue || s.Spec.BoundTo != nil)
}
