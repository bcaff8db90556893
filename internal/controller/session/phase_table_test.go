// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

func TestEveryPhaseOfTheAPIHasARow(t *testing.T) {
	var rows []pamv1alpha1.SessionPhase
	for _, row := range phaseTable {
		rows = append(rows, row.phase)
	}
	if diff := cmp.Diff(pamv1alpha1.AllSessionPhases(), rows); diff != "" {
		t.Errorf("-API +table:\n%s", diff)
	}
}

func TestEveryRowIsWhole(t *testing.T) {
	all := handlersThatSay()
	for _, row := range append(slices.Clone(phaseTable), unknownPhase) {
		t.Run(string(row.phase), func(t *testing.T) {
			if row.handle(all) == nil {
				t.Error("it has no handler")
			}
			if row.phase.Terminal() != (row.outcome != nil) {
				t.Error("a final phase has an outcome, and no other one has")
			}
			if row.timeout != nil && row.deadline == nil {
				t.Error("it times out without a deadline")
			}
			if row.atServer && row.deadline == nil && !row.usable {
				t.Error("nothing ends it")
			}
			for _, state := range row.states {
				if state.status.Terminal() != row.phase.Terminal() {
					t.Errorf("%s is final, or the phase is, but not both", state.status)
				}
				if (state.failure != "") != (state.what != "") ||
					state.failure != "" && !slices.Contains(pamv1alpha1.AllFailureReasons(), state.failure) {
					t.Errorf("%s is the failure %q", state.status, state.failure)
				}
			}
		})
	}
}

// handlersThatSay are handlers whose outcomes tell them apart.
func handlersThatSay() phaseHandlers {
	say := func(name string) phaseHandler {
		return func(context.Context, *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
			return loop.Stalled(name, ""), nil
		}
	}
	return phaseHandlers{
		request: say("request"), await: say("await"), active: say("active"), ending: say("ending"),
		finished: say("finished"), unknown: say("unknown"),
	}
}

func TestThePollerListsTheStatesOfPhasesThatAreAtTheServer(t *testing.T) {
	var live []nps.Status
	for _, row := range phaseTable {
		if row.atServer {
			live = append(live, row.listedAs())
		}
	}
	if diff := cmp.Diff(sessions.LiveStatuses(), slices.Compact(live)); diff != "" {
		t.Errorf("-sessions +table:\n%s", diff)
	}
}

func TestEveryKnownStateOfTheServerMeansAPhase(t *testing.T) {
	for _, status := range []nps.Status{
		nps.StatusApprovalRequired, nps.StatusPending, nps.StatusActive, nps.StatusCancelling, nps.StatusComplete,
		nps.StatusFailed, nps.StatusCancelled, nps.StatusApprovalDenied, nps.StatusApprovalFailed,
	} {
		if row, _, known := meantBy(nps.Session{Status: status}, noon); !known || row.phase == "" {
			t.Errorf("%s means no phase", status)
		}
	}
}

// A session that is polled fast in a phase must be expected to change there, and to be read when it does.
func TestPhasesArePolledAtTheirPace(t *testing.T) {
	start, end := &metav1.Time{Time: noon.Add(time.Hour)}, &metav1.Time{Time: noon.Add(2 * time.Hour)}
	for phase, want := range map[pamv1alpha1.SessionPhase]time.Time{
		pamv1alpha1.SessionPending:            {},
		pamv1alpha1.SessionWaitingForApproval: {},
		pamv1alpha1.SessionScheduled:          start.Add(-soon),
		pamv1alpha1.SessionStarting:           time.Unix(0, 0),
		pamv1alpha1.SessionActive:             end.Time,
		pamv1alpha1.SessionEnding:             time.Unix(0, 0),
		pamv1alpha1.SessionCompleted:          {},
		"Hibernating":                         {},
	} {
		s := &pamv1alpha1.ActivitySession{}
		s.Status.Phase, s.Status.StartTime, s.Status.ExpiresAt = phase, start, end
		if got := changesFrom(s, moment{local: noon}); !got.Equal(want) {
			t.Errorf("%s: from %s, want %s", phase, got, want)
		}
	}
}

func TestAPhaseThatIsNotKnownHasARowOfItsOwn(t *testing.T) {
	const hibernating pamv1alpha1.SessionPhase = "Hibernating"
	s := &pamv1alpha1.ActivitySession{}
	s.Status.Phase = hibernating
	out, err := rowOf(hibernating).handle(handlersThatSay())(t.Context(), s)
	if err != nil || out.Reason != "unknown" {
		t.Errorf("its handler says %+v, %v", out, err)
	}
	if torn(s) || deadline(s, moment{local: noon}) != nil || timedOut(s, moment{local: noon}) != nil {
		t.Error("it is given up, although nothing is known of it")
	}
	for status, want := range map[nps.Status]pamv1alpha1.SessionPhase{
		nps.StatusApprovalRequired: pamv1alpha1.SessionWaitingForApproval, nps.StatusPending: pamv1alpha1.SessionStarting,
		nps.StatusActive: pamv1alpha1.SessionActive, nps.StatusCancelling: pamv1alpha1.SessionEnding,
		nps.StatusComplete: pamv1alpha1.SessionCompleted, nps.StatusCancelled: pamv1alpha1.SessionCancelled,
		nps.StatusFailed: pamv1alpha1.SessionFailed, nps.StatusApprovalDenied: pamv1alpha1.SessionDenied,
		"Dreaming": pamv1alpha1.SessionStarting,
	} {
		next := transitionOf(s, nps.Session{Status: status}, noon)
		if next.phase != want || !later(hibernating, next.phase) {
			t.Errorf("%s leads to %s, want %s", status, next.phase, want)
		}
	}
}
