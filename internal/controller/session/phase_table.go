// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// This file is all that distinguishes one phase from another. A new phase is a new row.

// phaseRow is one phase. A column that is left out does not apply to the phase.
type phaseRow struct {
	phase pamv1alpha1.SessionPhase
	// handle picks the handler of the phase.
	handle func(phaseHandlers) phaseHandler
	// states are the server's states that mean this phase. The first row that has a state of the session decides.
	states []serverState
	// atServer says that the server has the session, so that the status has its id.
	atServer bool
	// usable says that the session can be used: it has connection data, and ends at its expiresAt.
	usable bool
	// deadline is when the operator stops waiting in this phase, by our clock.
	deadline func(*pamv1alpha1.ActivitySession, moment) time.Time
	// timeout is why the session is ended at the deadline.
	timeout func(*pamv1alpha1.ActivitySession) ending
	// waiting is the outcome of a reconcile that leaves the session in this phase.
	waiting func(*pamv1alpha1.ActivitySession) loop.Outcome
	// changesFrom is when the session is expected to change, by our clock: from then on it is polled at the faster
	// interval. Left out, it may stay as it is for long.
	changesFrom func(*pamv1alpha1.ActivitySession, moment) time.Time
	// moments are when else something is due, by our clock.
	moments func(*pamv1alpha1.ActivitySession, moment) []time.Time
	// endsUnseen says that a session which the server no longer knows came to its ordinary end; otherwise it was lost.
	endsUnseen bool
	// outcome is the outcome of a session that is over; message is what its history or its failure says.
	outcome func(message string) loop.Outcome
}

// phaseHandler does what is to be done in a phase. Its outcome is nextPhase if the session has entered another phase,
// whose handler then runs in the same reconcile.
type phaseHandler func(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error)

// phaseHandlers are the handlers of all phases.
type phaseHandlers struct{ request, await, active, ending, finished, unknown phaseHandler }

// serverState is a state of a session at the server (docs/vendors/nps.md 6).
type serverState struct {
	status nps.Status
	// when restricts the state; nil does not.
	when func(session nps.Session, now time.Time) bool
	// failure is the reason of the failure that the state is, and what describes it.
	failure, what string
}

// ending is why the operator ends a session.
type ending struct {
	why string
	// failure is the reason of the failure that it is; empty if it is none.
	failure string
}

// phaseTable has the phases in the order of a session's life. A session only moves forward.
var phaseTable = []phaseRow{
	{
		phase:  pamv1alpha1.SessionPending,
		handle: func(h phaseHandlers) phaseHandler { return h.request },
	},
	{
		phase:    pamv1alpha1.SessionWaitingForApproval,
		handle:   func(h phaseHandlers) phaseHandler { return h.await },
		states:   []serverState{{status: nps.StatusApprovalRequired}},
		atServer: true,
		deadline: approvalDeadline,
		timeout:  approvalTimeout,
		waiting:  waitsForApproval,
	},
	{
		phase:       pamv1alpha1.SessionScheduled,
		handle:      func(h phaseHandlers) phaseHandler { return h.await },
		states:      []serverState{{status: nps.StatusPending, when: startsLater}},
		atServer:    true,
		deadline:    startDeadline,
		timeout:     startTimeout,
		waiting:     waitsForStart,
		changesFrom: beforeStart,
	},
	{
		phase:       pamv1alpha1.SessionStarting,
		handle:      func(h phaseHandlers) phaseHandler { return h.await },
		states:      []serverState{{status: nps.StatusPending}},
		atServer:    true,
		deadline:    startDeadline,
		timeout:     startTimeout,
		waiting:     waitsForServer,
		changesFrom: always,
	},
	{
		phase:       pamv1alpha1.SessionActive,
		handle:      func(h phaseHandlers) phaseHandler { return h.active },
		states:      []serverState{{status: nps.StatusActive}},
		atServer:    true,
		usable:      true,
		changesFrom: atExpiry,
		moments:     aroundExpiry,
		endsUnseen:  true,
	},
	{
		phase:       pamv1alpha1.SessionEnding,
		handle:      func(h phaseHandlers) phaseHandler { return h.ending },
		states:      []serverState{{status: nps.StatusCancelling}},
		atServer:    true,
		deadline:    endDeadline,
		waiting:     waitsForEnd,
		changesFrom: always,
		endsUnseen:  true,
	},
	{
		phase:   pamv1alpha1.SessionCompleted,
		handle:  func(h phaseHandlers) phaseHandler { return h.finished },
		states:  []serverState{{status: nps.StatusComplete}},
		outcome: completed,
	},
	{
		phase:   pamv1alpha1.SessionCancelled,
		handle:  func(h phaseHandlers) phaseHandler { return h.finished },
		states:  []serverState{{status: nps.StatusCancelled}},
		outcome: cancelled,
	},
	{
		phase:  pamv1alpha1.SessionFailed,
		handle: func(h phaseHandlers) phaseHandler { return h.finished },
		states: []serverState{
			{
				status: nps.StatusFailed, failure: pamv1alpha1.FailureProvisioningFailed,
				what: "the server could not start the session",
			},
			{
				status: nps.StatusApprovalFailed, failure: pamv1alpha1.FailureApprovalFailed,
				what: "the server could not complete the approval",
			},
		},
		outcome: failed,
	},
	{
		phase:  pamv1alpha1.SessionDenied,
		handle: func(h phaseHandlers) phaseHandler { return h.finished },
		states: []serverState{{
			status: nps.StatusApprovalDenied, failure: pamv1alpha1.FailureApprovalDenied,
			what: "an approver denied the session",
		}},
		outcome: denied,
	},
}

// unknownPhase stands for a phase that a newer version wrote before a downgrade. Every phase may follow it: the session
// takes the one that its state at the server means.
var unknownPhase = phaseRow{
	handle:     func(h phaseHandlers) phaseHandler { return h.unknown },
	endsUnseen: true,
}

const (
	defaultApprovalTimeout = 24 * time.Hour
	defaultStartTimeout    = 5 * time.Minute
	// endTimeout is how long a server may take to end a session before it is told again, and the status says so.
	endTimeout = 5 * time.Minute
	// soon is how far in the future a start still counts as now: clocks differ, and servers round.
	soon = 30 * time.Second
)

func startsLater(session nps.Session, now time.Time) bool {
	return session.ScheduledStart.After(now.Add(soon))
}

func approvalDeadline(s *pamv1alpha1.ActivitySession, m moment) time.Time {
	return m.local.Add(durationOr(s.Spec.ApprovalTimeout, defaultApprovalTimeout))
}

func startDeadline(s *pamv1alpha1.ActivitySession, m moment) time.Time {
	from := m.local
	if start := m.ours(s.Status.StartTime); start.After(from) {
		from = start
	}
	return from.Add(durationOr(s.Spec.StartTimeout, defaultStartTimeout))
}

func endDeadline(_ *pamv1alpha1.ActivitySession, m moment) time.Time { return m.local.Add(endTimeout) }

func approvalTimeout(*pamv1alpha1.ActivitySession) ending {
	return ending{"no approver decided in time", pamv1alpha1.FailureApprovalTimeout}
}

func startTimeout(s *pamv1alpha1.ActivitySession) ending {
	return ending{"the server did not start the session in time; its state is " + s.Status.ServerStatus,
		pamv1alpha1.FailureStartTimeout}
}

func waitsForApproval(s *pamv1alpha1.ActivitySession) loop.Outcome {
	return loop.Wait(pamv1alpha1.ReasonWaitingForApproval,
		"the server waits for approval"+atTime(" until ", s.Status.Deadline), 0)
}

func waitsForStart(s *pamv1alpha1.ActivitySession) loop.Outcome {
	return loop.Wait(pamv1alpha1.ReasonProgressing, "the session is scheduled"+atTime(" for ", s.Status.StartTime), 0)
}

func waitsForServer(s *pamv1alpha1.ActivitySession) loop.Outcome {
	return loop.Wait(pamv1alpha1.ReasonProgressing, "the server is starting the session: "+s.Status.ServerStatus, 0)
}

func waitsForEnd(*pamv1alpha1.ActivitySession) loop.Outcome {
	return loop.Wait(pamv1alpha1.ReasonProgressing, "the server is ending the session", 0)
}

func always(*pamv1alpha1.ActivitySession, moment) time.Time { return time.Unix(0, 0) }

func beforeStart(s *pamv1alpha1.ActivitySession, m moment) time.Time {
	if s.Status.StartTime == nil {
		return time.Time{}
	}
	return m.ours(s.Status.StartTime).Add(-soon)
}

func atExpiry(s *pamv1alpha1.ActivitySession, m moment) time.Time { return m.ours(s.Status.ExpiresAt) }

// aroundExpiry are the times at which a session is extended, and at which it should have ended.
func aroundExpiry(s *pamv1alpha1.ActivitySession, m moment) []time.Time {
	end := m.ours(s.Status.ExpiresAt)
	return []time.Time{end.Add(-extendBefore), end.Add(endTimeout)}
}

// completed keeps what a server says of an ordinary end to itself.
func completed(message string) loop.Outcome {
	if !endedTooEarly(message) {
		return loop.Done(pamv1alpha1.ReasonCompleted, "the session is over")
	}
	out := loop.Done(pamv1alpha1.ReasonCompleted, "the session is over: "+message)
	out.Warn = true
	return out
}

func cancelled(message string) loop.Outcome {
	warn := endedTooEarly(message)
	if message != "" {
		message = ": " + message
	}
	out := loop.Done(pamv1alpha1.ReasonCompleted, "the session was ended early"+message)
	out.Warn = warn
	return out
}

func failed(message string) loop.Outcome {
	return final(pamv1alpha1.ReasonFailed, message+"; create a new ActivitySession to try again")
}

func denied(message string) loop.Outcome { return final(pamv1alpha1.ReasonDenied, message) }

// final is the outcome of a session that never recovers, so that there is nothing to look at again.
func final(reason, message string) loop.Outcome {
	out := loop.Stalled(reason, message)
	out.After = 0
	return out
}

// atTime is a time with what is said before it; empty if there is none.
func atTime(before string, t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return before + t.UTC().Format(time.RFC3339)
}
