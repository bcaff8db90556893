// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of the controls for sessions and applications.
var (
	ErrNotFound   = errors.New("not found")
	ErrWrongState = errors.New("not possible in this state")
)

// Session is a copy of what the server knows about a session.
type Session struct {
	ID string `json:"id"`
	// Status is the vendor's name, or the text set by SetStatus.
	Status      string `json:"status"`
	Description string `json:"description,omitempty"`
	// User is the login that the session is for, CreatedBy the login that created it.
	User      string `json:"user"`
	CreatedBy string `json:"createdBy"`
	Activity  string `json:"activity"`
	// Resource is the name of the resource, Credential that of the credential; one is empty.
	Resource   string `json:"resource,omitempty"`
	Credential string `json:"credential,omitempty"`
	Policy     string `json:"policy"`
	// Note and Ticket are as stored; empty and missing are the same here.
	Note   string `json:"note,omitempty"`
	Ticket string `json:"ticket,omitempty"`
	// Created, Start and End are as scheduled; Started and Ended are when it happened, zero before.
	Created    time.Time `json:"created"`
	Start      time.Time `json:"start"`
	End        time.Time `json:"end"`
	Started    time.Time `json:"started,omitzero"`
	Ended      time.Time `json:"ended,omitzero"`
	Extensions int       `json:"extensions"`
	Locked     bool      `json:"locked"`
	// CancelledBy is the login that ended it early.
	CancelledBy string `json:"cancelledBy,omitempty"`
}

// Sessions returns all sessions in order of creation.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Session, 0, len(s.sessions.inOrder))
	for _, x := range s.sessions.inOrder {
		out = append(out, x.snapshot(s.now()))
	}
	return out
}

// Session returns one session; false for an unknown ID.
func (s *Server) Session(id string) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions.byID[strings.ToLower(id)]
	if x == nil {
		return Session{}, false
	}
	return x.snapshot(s.now()), true
}

func (x *session) snapshot(now time.Time) Session {
	st := x.life.at(now)
	out := Session{
		ID: x.id, Status: st.status.String(), Description: st.description, User: x.owner.login,
		CreatedBy: x.creator.login, Activity: x.activity.Name, Policy: x.policy.Name, Note: deref(x.note),
		Ticket: deref(x.ticket), Created: x.life.created, Start: x.life.start, End: x.life.end, Started: st.started,
		Ended: st.ended, Extensions: x.extensions, Locked: x.locked,
	}
	if st.raw != nil {
		out.Status = fmt.Sprint(st.raw)
	}
	if x.target.resource != nil {
		out.Resource = x.target.resource.Name
	} else {
		out.Credential = x.target.credential.Name
	}
	if x.cancelledBy != nil {
		out.CancelledBy = x.cancelledBy.login
	} else if x.byOperator {
		out.CancelledBy = operatorName
	}
	return out
}

// change runs a function on a session under the lock. It returns ErrNotFound, or ErrWrongState if the function returns
// false.
func (s *Server) change(id string, f func(x *session, now time.Time) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions.byID[strings.ToLower(id)]
	if x == nil {
		return fmt.Errorf("session %q: %w", id, ErrNotFound)
	}
	now := s.now()
	if !f(x, now) {
		return fmt.Errorf("session %q is %s: %w", id, x.life.at(now).status, ErrWrongState)
	}
	return nil
}

// Approve approves a waiting session.
func (s *Server) Approve(id string) error {
	return s.change(id, func(x *session, now time.Time) bool { return x.decide(decision{at: now, approved: true}) })
}

// Deny denies a waiting session.
func (s *Server) Deny(id string) error {
	return s.change(id, func(x *session, now time.Time) bool { return x.decide(decision{at: now}) })
}

// Fail makes a live session fail with a message, which becomes its description and a line in its log.
func (s *Server) Fail(id, message string) error {
	return s.change(id, func(x *session, now time.Time) bool {
		if x.life.at(now).status.Ended() {
			return false
		}
		x.life.verdict, x.life.forced = &verdict{at: now, status: Failed, description: message}, nil
		x.modified = now
		return true
	})
}

// End ends a session as an administrator does: it becomes Cancelled.
func (s *Server) End(id string) error {
	return s.change(id, func(x *session, now time.Time) bool {
		if !x.end(now, Cancelled) {
			return false
		}
		x.byOperator = true
		return true
	})
}

// Lock locks or unlocks a session.
func (s *Server) Lock(id string, locked bool) error {
	return s.change(id, func(x *session, _ time.Time) bool {
		x.locked = locked
		return true
	})
}

// Purge removes every trace of a session.
func (s *Server) Purge(id string) error {
	return s.change(id, func(x *session, _ time.Time) bool {
		s.sessions.remove(x)
		return true
	})
}

// SetStatus puts a session into a state, whatever its current one. A name or number of SessionStatus (Status, int or
// string) makes it jump to that state: Pending and Cancelling then last until something else is done, Active ends as
// scheduled. Any other value is only displayed, and the session continues underneath until nil or another state is set
// or the session is ended.
func (s *Server) SetStatus(id string, raw any) error {
	if _, err := json.Marshal(raw); err != nil {
		return fmt.Errorf("status of session %q: %w", id, err)
	}
	return s.change(id, func(x *session, now time.Time) bool {
		x.modified = now
		status, known := parseStatus(fmt.Sprint(raw))
		switch {
		case raw == nil:
			x.life.forced = nil
		case known:
			x.life.setStatus(now, status)
		default:
			x.life.forced = &forced{at: now, raw: raw}
		}
		return true
	})
}
