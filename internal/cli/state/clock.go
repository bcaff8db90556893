// SPDX-License-Identifier: Apache-2.0

package state

import (
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Ends is when a session ends by itself, by the operator's clock: the status has it by the server's. known is false if
// it has no end yet, because it has not started, or none any more.
func Ends(s *pamv1alpha1.ActivitySession) (at time.Time, known bool) {
	switch s.Status.Phase {
	case pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive, pamv1alpha1.SessionEnding:
	default:
		return time.Time{}, false
	}
	if s.Status.ExpiresAt == nil {
		return time.Time{}, false
	}
	at = s.Status.ExpiresAt.Time
	if ahead := s.Status.ClockOffset; ahead != nil {
		at = at.Add(-ahead.Duration)
	}
	return at, true
}
