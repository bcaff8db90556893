// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"slices"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// CountTransition counts what changed between two states of an object. Save does it for what it has stored; an object
// that is gone has to be counted by the code that let it go.
func CountTransition(before, after Object) {
	was, is := *before.GetStatus().HandledRequest(), *after.GetStatus().HandledRequest()
	if is != was && is != "" {
		metrics.ReconcileRequested(kinds.OfObject(after).Name)
	}
	countPhase(before, after)
}

// countPhase counts a session that can be used from now on, or that is over.
func countPhase(before, after Object) {
	was, ok1 := before.(*pamv1alpha1.ActivitySession)
	is, ok2 := after.(*pamv1alpha1.ActivitySession)
	if !ok1 || !ok2 || was.Status.Phase == is.Status.Phase {
		return
	}
	through := metrics.NPS(connection.Target(is.Spec.ConnectionRef, is.Namespace))
	if took, active := timeToActive(was, is); active {
		through.SessionActive(neededApproval(is), took)
	}
	if !was.Status.Phase.Terminal() && is.Status.Phase.Terminal() {
		failure := ""
		if is.Status.Failure != nil {
			failure = is.Status.Failure.Reason
		}
		through.SessionEnded(string(is.Status.Phase), failure)
	}
}

// timeToActive returns how long it took from the request of a session until it could be used, if that has just become
// possible. Until the start time that the author wanted, nobody waits.
func timeToActive(was, is *pamv1alpha1.ActivitySession) (took time.Duration, active bool) {
	history := is.Status.History
	i := slices.IndexFunc(history, entered(pamv1alpha1.SessionActive))
	if i < 0 || slices.ContainsFunc(was.Status.History, entered(pamv1alpha1.SessionActive)) ||
		is.Status.RequestTime == nil {
		return 0, false
	}
	from := is.Status.RequestTime.Time
	if start := is.Spec.StartTime; start != nil && start.After(from) {
		from = start.Time
	}
	return history[i].Time.Sub(from), true
}

func neededApproval(s *pamv1alpha1.ActivitySession) bool {
	return slices.ContainsFunc(s.Status.History, entered(pamv1alpha1.SessionWaitingForApproval))
}

func entered(phase pamv1alpha1.SessionPhase) func(pamv1alpha1.SessionTransition) bool {
	return func(t pamv1alpha1.SessionTransition) bool { return t.Phase == phase }
}
