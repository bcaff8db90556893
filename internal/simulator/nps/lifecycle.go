// SPDX-License-Identifier: Apache-2.0

package nps

import "time"

// never is a time that no clock reaches.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// lifecycle is everything that was decided about the course of a session, with the time of each decision. Its state at
// any time follows from this alone (docs/vendors/nps.md 6.3).
type lifecycle struct {
	created, start, end time.Time // end is the scheduled end

	needsApproval   bool
	approvalExpires bool
	approved        time.Time // zero until approved

	provisioning      time.Duration
	provisioningError string
	ready             time.Time // when it becomes Active, if set by hand rather than by provisioning

	automation bool // completes by itself after runtime
	runtime    time.Duration
	ending     time.Duration // how long Cancelling lasts

	stop    *stop    // a request to end it
	verdict *verdict // set to a final state by hand
	forced  *forced  // a state outside the enumeration
}

// stop is a request to end the session; outcome is the resulting status.
type stop struct {
	at      time.Time
	outcome Status
}

// verdict ends the session at once.
type verdict struct {
	at          time.Time
	status      Status
	description string
}

// forced is displayed as the status instead of the true one.
type forced struct {
	at  time.Time
	raw any
}

// state is what a session shows at a given time. started and ended are zero until they happen.
type state struct {
	status         Status
	raw            any // if not nil, shown instead of status
	description    string
	started, ended time.Time
}

var descriptions = map[Status]string{
	ApprovalRequired: "Activity session is waiting for approval.",
	Pending:          "Activity session created.",
	Active:           "Activity session  started.", // two blanks, as the vendor writes it
	Cancelling:       "Activity session is ending.",
	Complete:         "Activity session completed.",
	Failed:           "Activity session failed.",
	Cancelled:        "Activity session cancelled.",
	ApprovalDenied:   "Activity session was denied.",
	ApprovalFailed:   "Activity session approval could not be completed.",
}

// at computes the state at a given time.
func (l *lifecycle) at(now time.Time) state {
	st := l.reached(now)
	if st.description == "" {
		st.description = descriptions[st.status]
	}
	if f := l.forced; f != nil && !now.Before(f.at) {
		st.raw, st.description = f.raw, ""
	}
	return st
}

func (l *lifecycle) reached(now time.Time) state {
	if v := l.verdict; v != nil && !now.Before(v.at) {
		return state{status: v.status, description: v.description, started: l.startedBefore(v.at), ended: v.at}
	}
	if l.waiting(now) {
		return l.undecided(now)
	}
	ready, over := l.readyAt(), l.stopAt()
	if !now.Before(over.at) {
		return l.stopped(now, over)
	}
	switch {
	case now.Before(ready):
		return state{status: Pending}
	case l.provisioningError != "":
		return state{status: Failed, description: l.provisioningError, ended: ready}
	}
	return state{status: Active, started: ready}
}

// waiting reports whether the approval is outstanding.
func (l *lifecycle) waiting(now time.Time) bool {
	return l.needsApproval && (l.approved.IsZero() || now.Before(l.approved))
}

// undecided is the state of a session without a decision; ending it needs no clean-up.
func (l *lifecycle) undecided(now time.Time) state {
	if l.stop != nil && !now.Before(l.stop.at) {
		return state{status: Cancelled, ended: l.stop.at}
	}
	if l.approvalExpires && !now.Before(l.end) {
		return state{status: ApprovalFailed, ended: l.end}
	}
	return state{status: ApprovalRequired}
}

// readyAt is when provisioning ends.
func (l *lifecycle) readyAt() time.Time {
	if !l.ready.IsZero() {
		return l.ready
	}
	return l.begin().Add(l.provisioning)
}

// begin is when provisioning starts.
func (l *lifecycle) begin() time.Time { return latest(l.created, l.start, l.approved) }

// stopAt is the earliest reason to end: the scheduled end, the end of an automation, a request. A session that failed
// in provisioning has nothing left to end.
func (l *lifecycle) stopAt() stop {
	over := stop{at: latest(l.end, l.approved), outcome: Complete}
	if l.ready.Equal(never) {
		over.at = never // stuck sessions outlive their end
	}
	if done := l.readyAt().Add(l.runtime); l.automation && done.Before(over.at) {
		over.at = done
	}
	if l.stop != nil && l.stop.at.Before(over.at) {
		over = *l.stop
	}
	if l.provisioningError != "" && !over.at.Before(l.readyAt()) {
		over.at = never
	}
	return over
}

func (l *lifecycle) stopped(now time.Time, over stop) state {
	started, ended := l.startedBefore(over.at), over.at.Add(l.ending)
	if now.Before(ended) {
		return state{status: Cancelling, started: started}
	}
	return state{status: over.outcome, started: started, ended: ended}
}

// startedBefore is when the session became active, or zero if it did not before t.
func (l *lifecycle) startedBefore(t time.Time) time.Time {
	if ready := l.readyAt(); !l.waiting(t) && !ready.After(t) {
		return ready
	}
	return time.Time{}
}

// setStatus puts the session into a state of the enumeration, whatever its current one. Pending and Cancelling last
// until something else is done to it.
func (l *lifecycle) setStatus(now time.Time, status Status) {
	l.stop, l.verdict, l.forced = nil, nil, nil
	l.needsApproval, l.provisioningError = false, ""
	switch {
	case status.Ended():
		l.verdict = &verdict{at: now, status: status}
	case status == ApprovalRequired:
		l.needsApproval, l.approved = true, time.Time{}
	case status == Pending:
		l.ready = never
	case status == Active:
		l.ready = now
	case status == Cancelling:
		l.stop, l.ending = &stop{at: now, outcome: Complete}, never.Sub(now)
	}
}

func latest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.After(first) {
			first = t
		}
	}
	return first
}
