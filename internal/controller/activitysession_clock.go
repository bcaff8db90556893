// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// This file is where the server's clock and ours meet. A session's own times are the server's and are shown as they
// are: startTime, expiresAt and, of a session that the server has, endTime. Everything else in a status is ours:
// deadline, history, and when what was done. The two are compared by a moment, and by nothing else.

// moment is one moment by both clocks.
type moment struct {
	local time.Time
	// ahead is how far the server's clock is ahead of ours, as last known; known says that it is.
	ahead time.Duration
	known bool
}

// moment is now, by our clock and by that of the session's server, which need not be there to be asked.
func (r *activitySessionReconciler) moment(ctx context.Context, s *pamv1alpha1.ActivitySession) moment {
	return momentAt(ctx, r.deps, s, r.now())
}

func momentAt(ctx context.Context, d deps, s *pamv1alpha1.ActivitySession, now time.Time) moment {
	ahead, known := d.pool.ClockAhead(ctx, s.Spec.ConnectionRef, s.Namespace)
	return moment{now, ahead, known}
}

// server is the moment by the server's clock.
func (m moment) server() time.Time { return m.local.Add(m.ahead) }

// ours is a time of the server's clock by ours. One that there is not stays so.
func (m moment) ours(t *metav1.Time) time.Time {
	if t == nil || t.IsZero() {
		return time.Time{}
	}
	return t.Add(-m.ahead)
}

// left is how long it is until a time of the server's clock.
func (m moment) left(t *metav1.Time) time.Duration { return t.Sub(m.server()) }

// theirs is a time that a person has given by the server's clock. Clocks that differ by no more than servers round are
// taken for the same, so that a whole hour stays one.
func (m moment) theirs(t time.Time) time.Time {
	if m.ahead.Abs() <= soon {
		return t
	}
	return t.Add(m.ahead)
}

// endedAt is when a session was over, by our clock; now is not later than its last step was seen. The server's word
// counts, for the operator may have looked later; but not beyond that.
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
