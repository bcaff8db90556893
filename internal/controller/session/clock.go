// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// This file is where the server's clock and ours meet. A session's own times are by the server's clock and are shown as
// they are: startTime, expiresAt and, if the server has the session, endTime. All other times in a status are by ours:
// deadline, history, and when something was done. Only a moment compares the two.

// moment is one instant by both clocks.
type moment struct {
	local time.Time
	// ahead is how far the server's clock is ahead of ours, as last known; known says that it is.
	ahead time.Duration
	known bool
}

func momentAt(ctx context.Context, d loop.Deps, s *pamv1alpha1.ActivitySession, now time.Time) moment {
	ahead, known := d.Pool.ClockAhead(ctx, s.Spec.ConnectionRef, s.Namespace)
	return moment{now, ahead, known}
}

// server is the moment by the server's clock.
func (m moment) server() time.Time { return m.local.Add(m.ahead) }

// ours is a time of the server's clock by ours; zero if there is none.
func (m moment) ours(t *metav1.Time) time.Time {
	if t == nil || t.IsZero() {
		return time.Time{}
	}
	return t.Add(-m.ahead)
}

// passed reports whether a time of our clock has come.
func (m moment) passed(t *metav1.Time) bool { return t != nil && !m.local.Before(t.Time) }

// left is how long it is until a time of the server's clock.
func (m moment) left(t *metav1.Time) time.Duration { return t.Sub(m.server()) }

// theirs is a time that a user has given, by the server's clock. Clocks that differ by no more than servers round count
// as equal, so that a full hour remains one.
func (m moment) theirs(t time.Time) time.Time {
	if m.ahead.Abs() <= soon {
		return t
	}
	return t.Add(m.ahead)
}

// endedAt is when a session was over, by our clock. The server's time counts, because the operator may have looked
// later, but not if it is after the operator has seen the end.
func endedAt(s *pamv1alpha1.ActivitySession, m moment) time.Time {
	end := timeOf(s.Status.EndTime)
	if s.Status.SessionID != "" {
		end = m.ours(s.Status.EndTime)
	}
	if n := len(s.Status.History); n > 0 && s.Status.History[n-1].Phase.Terminal() {
		if seen := s.Status.History[n-1].Time.Time; end.IsZero() || !m.known || seen.Before(end) {
			return seen
		}
	}
	return end
}
