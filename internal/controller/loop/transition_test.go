// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestHowLongASessionTookToBecomeActive(t *testing.T) {
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	steps := func(phases ...pamv1alpha1.SessionPhase) (history []pamv1alpha1.SessionTransition) {
		for i, phase := range phases {
			at := begun.Add(time.Duration(i+1) * time.Minute)
			history = append(history, pamv1alpha1.SessionTransition{Phase: phase, Time: metav1.NewTime(at)})
		}
		return history
	}
	session := func(start time.Time, phases ...pamv1alpha1.SessionPhase) *pamv1alpha1.ActivitySession {
		s := builder.ActivitySession("a")
		s.Status.History = steps(phases...)
		s.Status.RequestTime = &metav1.Time{Time: begun}
		if !start.IsZero() {
			s.Spec.StartTime = &metav1.Time{Time: start}
		}
		return s
	}
	never := time.Time{}
	for name, c := range map[string]struct {
		was, is  *pamv1alpha1.ActivitySession
		want     time.Duration
		active   bool
		approval bool
	}{
		"started at once": {
			session(never), session(never, pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive), 2 * time.Minute, true, false,
		},
		"approved first": {
			session(never, pamv1alpha1.SessionWaitingForApproval),
			session(never, pamv1alpha1.SessionWaitingForApproval, pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive),
			3 * time.Minute, true, true,
		},
		"for later": {
			session(begun.Add(90*time.Second), pamv1alpha1.SessionScheduled),
			session(begun.Add(90*time.Second), pamv1alpha1.SessionScheduled, pamv1alpha1.SessionActive),
			30 * time.Second, true, false,
		},
		"used and ended between two passes": {
			session(never), session(never, pamv1alpha1.SessionActive, pamv1alpha1.SessionCompleted), time.Minute, true, false,
		},
		"active before": {
			session(never, pamv1alpha1.SessionActive),
			session(never, pamv1alpha1.SessionActive, pamv1alpha1.SessionEnding), 0, false, false,
		},
		"never active": {session(never), session(never, pamv1alpha1.SessionFailed), 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			took, active := timeToActive(c.was, c.is)
			if took != c.want || active != c.active || neededApproval(c.is) != c.approval {
				t.Errorf("%s, %v, approval %v", took, active, neededApproval(c.is))
			}
		})
	}
}

func TestARequestToReconcileIsCountedOnceItIsHandled(t *testing.T) {
	before := builder.SPSConnection("a")
	after := before.DeepCopy()
	after.Status.HandledReconcileRequest = "now"
	counted := func() float64 { return requestsHandled(t, "SPSConnection") }
	already := counted()
	CountTransition(before, before)
	CountTransition(after, after)
	CountTransition(after, before)
	if n := counted() - already; n != 0 {
		t.Errorf("%v were counted", n)
	}
	CountTransition(before, after)
	if n := counted() - already; n != 1 {
		t.Errorf("%v were counted, want 1", n)
	}
}

// requestsHandled is the value of the counter for a kind.
func requestsHandled(t *testing.T, kind string) (sum float64) {
	t.Helper()
	families, err := crmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "pam_reconcile_requests_total" && m.GetLabel()[0].GetValue() == kind {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
