// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

// ready gives an object the condition Ready and, for anything but True, one more.
func ready(o kinds.Object, value metav1.ConditionStatus, reason, more string) kinds.Object {
	o.SetGeneration(1)
	o.GetStatus().Observed(1)
	at := metav1.NewTime(time.Unix(100, 0))
	conditions := []metav1.Condition{{
		Type: pamv1alpha1.ConditionReady, Status: value, Reason: reason, Message: "m", ObservedGeneration: 1,
		LastTransitionTime: at,
	}}
	if more != "" {
		conditions = append(conditions, metav1.Condition{
			Type: more, Status: metav1.ConditionTrue, Reason: reason, ObservedGeneration: 1, LastTransitionTime: at,
		})
	}
	*o.GetStatus().ObjectConditions() = conditions
	return o
}

func policy() *pamv1alpha1.RDPConnectionPolicy { return builder.RDPConnectionPolicy("a") }

func session(phase pamv1alpha1.SessionPhase) *pamv1alpha1.ActivitySession {
	s := builder.ActivitySession("a")
	s.Status.Phase = phase
	return s
}

func deleting(o kinds.Object) kinds.Object {
	at := metav1.NewTime(time.Unix(200, 0))
	o.SetDeletionTimestamp(&at)
	return o
}

func newer(o kinds.Object) kinds.Object {
	o.SetGeneration(2)
	return o
}

func TestAStateIsOneMarkAndOneWord(t *testing.T) {
	t.Parallel()
	const reconciling, stalled = pamv1alpha1.ConditionReconciling, pamv1alpha1.ConditionStalled
	for name, c := range map[string]struct {
		object  kinds.Object
		mark    printer.Mark
		word    string
		verdict status.Status
	}{
		"an object that nobody has seen": {policy(), printer.MarkUnderWay, "Progressing", status.InProgressStatus},
		"synced": {
			ready(policy(), metav1.ConditionTrue, "Synced", ""), printer.MarkReady, "Synced", status.CurrentStatus,
		},
		"synced, and changed since": {
			newer(ready(policy(), metav1.ConditionTrue, "Synced", "")), printer.MarkUnderWay, "Progressing",
			status.InProgressStatus,
		},
		"locked by somebody": {
			ready(policy(), metav1.ConditionFalse, "Locked", reconciling), printer.MarkUnderWay, "Locked",
			status.InProgressStatus,
		},
		"suspended": {
			ready(policy(), metav1.ConditionFalse, "Suspended", ""), printer.MarkSuspended, "Suspended",
			status.InProgressStatus,
		},
		"refused": {
			ready(policy(), metav1.ConditionFalse, "AdoptionRefused", stalled), printer.MarkFailed, "AdoptionRefused",
			status.FailedStatus,
		},
		"being deleted": {
			deleting(ready(policy(), metav1.ConditionFalse, "Progressing", reconciling)), printer.MarkUnderWay, "Deleting",
			status.TerminatingStatus,
		},
		"a deletion that the appliance refuses": {
			deleting(ready(policy(), metav1.ConditionFalse, "DeletionBlocked", stalled)), printer.MarkFailed,
			"DeletionBlocked", status.TerminatingStatus,
		},
		"a session that starts": {
			ready(session(pamv1alpha1.SessionStarting), metav1.ConditionFalse, "Progressing", reconciling),
			printer.MarkUnderWay, "Starting", status.InProgressStatus,
		},
		"a session that waits for people": {
			ready(session(pamv1alpha1.SessionWaitingForApproval), metav1.ConditionFalse, "WaitingForApproval", reconciling),
			printer.MarkUnderWay, "WaitingForApproval", status.InProgressStatus,
		},
		"a session that somebody ended": {
			ready(session(pamv1alpha1.SessionCancelled), metav1.ConditionTrue, "Completed", ""), printer.MarkReady,
			"Cancelled", status.CurrentStatus,
		},
		"a session that was denied": {
			ready(session(pamv1alpha1.SessionDenied), metav1.ConditionFalse, "Denied", stalled), printer.MarkFailed,
			"Denied", status.FailedStatus,
		},
		"a connection": {
			ready(builder.SPSConnection("a"), metav1.ConditionFalse, "Unauthorized", stalled), printer.MarkFailed,
			"Unauthorized", status.FailedStatus,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := state.Of(c.object)
			if got.Mark != c.mark || got.Word != c.word || got.Verdict != c.verdict {
				t.Errorf("mark %d %s, %s; want mark %d %s, %s", got.Mark, got.Word, got.Verdict, c.mark, c.word, c.verdict)
			}
		})
	}
}

// Whatever the reason, exactly one of ready, stuck, suspended and in progress holds, and who is stuck has an actor.
func TestEveryReasonOfEveryKindHasAState(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds.All() {
		for _, reason := range pamv1alpha1.AllReasons() {
			s := state.Of(ready(kind.New(), metav1.ConditionFalse, reason, pamv1alpha1.ConditionStalled))
			if !s.Stuck() || s.Ready() || s.Suspended() || s.Actor == "" || s.Word != reason {
				t.Errorf("%s with %s: %+v", kind.Name, reason, s)
			}
		}
	}
}
