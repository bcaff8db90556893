// SPDX-License-Identifier: Apache-2.0

package session

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file is what is decided by the table of phases. All of it is pure.

// rowOf is the row of a phase.
func rowOf(phase pamv1alpha1.SessionPhase) phaseRow {
	if i := indexOf(phase); i >= 0 {
		return phaseTable[i]
	}
	return unknownPhase
}

func indexOf(phase pamv1alpha1.SessionPhase) int {
	return slices.IndexFunc(phaseTable, func(row phaseRow) bool { return row.phase == phase })
}

// later reports whether a session may go from one phase to another one.
func later(from, to pamv1alpha1.SessionPhase) bool {
	if from.Terminal() {
		return false
	}
	return to.Terminal() || indexOf(to) > indexOf(from)
}

// nextPhase is the outcome of a step by which the session has entered another phase. It is seen only if a session
// enters more phases in one reconcile than are possible.
func nextPhase() loop.Outcome {
	return loop.Wait(pamv1alpha1.ReasonProgressing, "the session has entered another phase", time.Second)
}

// transition is what an answer of the server means for a session.
type transition struct {
	phase   pamv1alpha1.SessionPhase
	message string
	failure *pamv1alpha1.SessionFailure
}

// transitionOf finds the phase that a session has at the server. An unknown state leaves the phase as it is.
func transitionOf(s *pamv1alpha1.ActivitySession, session nps.Session, now time.Time) transition {
	row, state, known := meantBy(session, now)
	message := session.StatusDescription
	switch {
	case state.failure != "":
		failure := failureOf(s, state, message)
		return transition{row.phase, failure.Message, failure}
	case known && session.Status.Terminal():
		if session.Status == nps.StatusCancelled {
			message = cancellation(s, session)
		}
		return transition{phase: endOf(s, session.Status), message: message}
	case known:
		return transition{phase: row.phase, message: message}
	case !session.ActualEnd.IsZero() && !session.ActualEnd.After(now): // whatever the server calls that
		return transition{phase: endOf(s, nps.StatusComplete), message: message}
	case !rowOf(s.Status.Phase).atServer: // it exists, and Starting has a deadline
		return transition{phase: pamv1alpha1.SessionStarting, message: message}
	}
	return transition{phase: s.Status.Phase}
}

// byAdministrator begins the message about a session that somebody ended at the server.
const byAdministrator = "ended by an administrator"

// cancellation says who ended a session early. What the operator ends before it is active is cancelled as well
// (docs/vendors/nps.md 6.3): its author's word, or the end of the workload, is then why.
func cancellation(s *pamv1alpha1.ActivitySession, session nps.Session) string {
	last := pamv1alpha1.SessionTransition{}
	if n := len(s.Status.History); n > 0 {
		last = s.Status.History[n-1]
	}
	bound := s.Spec.BoundTo
	switch {
	case s.Cancelled():
		return "spec.cancel is set"
	case bound != nil && last.Phase == pamv1alpha1.SessionEnding &&
		strings.HasPrefix(last.Message, bound.Kind+" "+bound.Name+" "):
		return last.Message
	case session.CancelledBy != "":
		return byAdministrator + " (" + rest.Shorten(session.CancelledBy, maxShownUser) + ")"
	}
	return session.StatusDescription
}

// maxShownUser is how much of the name or id of a user of the server is shown.
const maxShownUser = 64

// meantBy is the row of the state of a session.
func meantBy(session nps.Session, now time.Time) (row phaseRow, state serverState, known bool) {
	for _, row := range phaseTable {
		for _, state := range row.states {
			if state.status == session.Status && (state.when == nil || state.when(session, now)) {
				return row, state, true
			}
		}
	}
	return phaseRow{}, serverState{}, false
}

// failureOf is the failure that a state is. A time-out for which the operator has ended the session is the better
// reason.
func failureOf(s *pamv1alpha1.ActivitySession, state serverState, words string) *pamv1alpha1.SessionFailure {
	if s.Status.Failure != nil {
		return s.Status.Failure
	}
	reason, message := state.failure, state.what
	if reason == pamv1alpha1.FailureProvisioningFailed && wasActive(s) {
		reason, message = pamv1alpha1.FailureSessionFailed, "the session failed after it had become active"
	}
	if words != "" {
		message += ": " + words
	}
	return newFailure(reason, message)
}

// wasActive reports whether somebody could use the session.
func wasActive(s *pamv1alpha1.ActivitySession) bool {
	return slices.ContainsFunc(s.Status.History, func(t pamv1alpha1.SessionTransition) bool {
		return rowOf(t.Phase).usable
	})
}

func newFailure(reason, message string) *pamv1alpha1.SessionFailure {
	return &pamv1alpha1.SessionFailure{Reason: reason, Message: rest.Shorten(message, loop.MaxConditionMessage)}
}

// endOf is the phase of a session that ended without a failure of the server.
func endOf(s *pamv1alpha1.ActivitySession, status nps.Status) pamv1alpha1.SessionPhase {
	switch {
	case s.Status.Failure != nil:
		return pamv1alpha1.SessionFailed
	case s.Cancelled(), status == nps.StatusCancelled:
		return pamv1alpha1.SessionCancelled
	}
	return pamv1alpha1.SessionCompleted
}

// listedAs is the state of a session by which the poller knows the list that should contain it.
func (r phaseRow) listedAs() nps.Status {
	if len(r.states) == 0 {
		return nps.StatusPending
	}
	return r.states[0].status
}

// maxHistory is how many steps a status keeps.
const maxHistory = 20

// enterPhase moves a session to a phase and adds that to its history.
func enterPhase(s *pamv1alpha1.ActivitySession, phase pamv1alpha1.SessionPhase, message string, now time.Time) {
	s.Status.Phase, s.Status.Deadline = phase, nil
	s.Status.History = append(s.Status.History, pamv1alpha1.SessionTransition{
		Time: metav1.Time{Time: now}, Phase: phase, Message: rest.Shorten(message, 512),
	})
	if extra := len(s.Status.History) - maxHistory; extra > 0 {
		s.Status.History = slices.Delete(s.Status.History, 0, extra)
	}
}

// enteredAt is when the present phase began.
func enteredAt(s *pamv1alpha1.ActivitySession) time.Time {
	if n := len(s.Status.History); n > 0 {
		return s.Status.History[n-1].Time.Time
	}
	return s.CreationTimestamp.Time
}

// torn reports whether the status has lost the id of a session that must exist, in a restore for instance. The status
// is then worth nothing, and the session is found again by its request id.
func torn(s *pamv1alpha1.ActivitySession) bool {
	return rowOf(s.Status.Phase).atServer && s.Status.SessionID == ""
}

// deadline is when the operator stops waiting in the present phase, by our clock.
func deadline(s *pamv1alpha1.ActivitySession, m moment) *metav1.Time {
	row := rowOf(s.Status.Phase)
	if row.deadline == nil {
		return nil
	}
	return at(row.deadline(s, m))
}

// expired reports whether a session that can be used has passed its end.
func expired(s *pamv1alpha1.ActivitySession, m moment) bool {
	return rowOf(s.Status.Phase).usable && s.Status.ExpiresAt != nil && m.left(s.Status.ExpiresAt) <= 0
}

// decides reports whether this reconcile may end the session, or give it up.
func decides(s *pamv1alpha1.ActivitySession, m moment) bool {
	return m.passed(s.Status.Deadline) || expired(s, m) || s.Cancelled() || !s.DeletionTimestamp.IsZero()
}

// timedOut is why a session is to be ended by the clock; nil if it is not.
func timedOut(s *pamv1alpha1.ActivitySession, m moment) *ending {
	row := rowOf(s.Status.Phase)
	if row.usable && s.Status.ExpiresAt != nil && m.left(s.Status.ExpiresAt) < -endTimeout {
		return &ending{why: "the session has expired, and the server has not ended it"}
	}
	if row.timeout == nil || !m.passed(s.Status.Deadline) {
		return nil
	}
	end := row.timeout(s)
	return &end
}

// changesFrom is when the session is expected to change, by our clock; zero if it may stay as it is for long.
func changesFrom(s *pamv1alpha1.ActivitySession, m moment) time.Time {
	if row := rowOf(s.Status.Phase); row.changesFrom != nil {
		return row.changesFrom(s, m)
	}
	return time.Time{}
}

// untilNext is how long it is to the next moment at which something is due by the clock; 0 if there is none. What
// became due during the reconcile, which began at that time, is due at once: the decision may have been made before.
func untilNext(s *pamv1alpha1.ActivitySession, began time.Time, now moment) time.Duration {
	moments := []time.Time{timeOf(s.Status.Deadline), changesFrom(s, now)}
	if row := rowOf(s.Status.Phase); row.moments != nil {
		moments = append(moments, row.moments(s, now)...)
	}
	next := time.Duration(0)
	for _, m := range moments {
		if m.After(began) {
			next = loop.Soonest(next, max(m.Sub(now.local), time.Millisecond))
		}
	}
	return next
}

// finalOutcome is the outcome of a session that is over.
func finalOutcome(s *pamv1alpha1.ActivitySession) loop.Outcome {
	message := ""
	if s.Status.Failure != nil {
		message = s.Status.Failure.Message
	} else if n := len(s.Status.History); n > 0 {
		message = s.Status.History[n-1].Message
	}
	return rowOf(s.Status.Phase).outcome(message)
}

// setSessionConditions sets Active and Finished, once there is a phase.
func setSessionConditions(s *pamv1alpha1.ActivitySession) {
	phase := s.Status.Phase
	if phase == "" {
		return
	}
	set := func(kind string, on bool) {
		status := metav1.ConditionFalse
		if on {
			status = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: string(phase), Message: "the phase of the session is " + string(phase),
			ObservedGeneration: s.Generation,
		})
	}
	set(pamv1alpha1.ConditionActive, rowOf(phase).usable)
	set(pamv1alpha1.ConditionFinished, phase.Terminal())
}
