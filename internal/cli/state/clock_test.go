// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestASessionEndsAtTheSameTimeWhateverItsServersClockSays(t *testing.T) {
	t.Parallel()
	ends := time.Date(2026, 1, 1, 12, 30, 0, 0, time.UTC)
	for _, ahead := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute, 2 * time.Hour, -2 * time.Hour} {
		s := builder.ActivitySession("a")
		s.Status.Phase, s.Status.ExpiresAt = pamv1alpha1.SessionActive, &metav1.Time{Time: ends.Add(ahead)}
		if ahead != 0 {
			s.Status.ClockOffset = &metav1.Duration{Duration: ahead}
		}
		if at, known := state.Ends(s); !known || !at.Equal(ends) {
			t.Errorf("%s ahead: %s, want %s", ahead, at, ends)
		}
	}
}

func TestOnlyASessionThatHasStartedHasAnEnd(t *testing.T) {
	t.Parallel()
	for phase, want := range map[pamv1alpha1.SessionPhase]bool{
		"": false, pamv1alpha1.SessionPending: false, pamv1alpha1.SessionWaitingForApproval: false,
		pamv1alpha1.SessionScheduled: false, pamv1alpha1.SessionStarting: true, pamv1alpha1.SessionActive: true,
		pamv1alpha1.SessionEnding: true, pamv1alpha1.SessionCompleted: false, pamv1alpha1.SessionCancelled: false,
		pamv1alpha1.SessionFailed: false, pamv1alpha1.SessionDenied: false,
	} {
		s := builder.ActivitySession("a")
		s.Status.Phase, s.Status.ExpiresAt = phase, new(metav1.Now())
		if _, known := state.Ends(s); known != want {
			t.Errorf("%q: %t, want %t", phase, known, want)
		}
	}
}
