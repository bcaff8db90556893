// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What the controls of sessions and applications can refuse.
var (
	ErrNotFound   = errors.New("not found")
	ErrWrongState = errors.New("not possible in this state")
)

// Session is a copy of what the server knows of a session.
type Session struct {
	ID string `json:"id"`
	// Status is the vendor's name, or the text of what SetStatus forced.
	Status      string `json:"status"`
	Description string `json:"description,omitempty"`
	// User is the login for whom, CreatedBy the login by whom it was created.
	User      string `json:"user"`
	CreatedBy string `json:"createdBy"`
	Activity  string `json:"activity"`
	// Resource is the name of the resource, or Credential that of the credential.
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
	// CancelledBy is the login of who ended it early.
	CancelledBy string `json:"cancelledBy,omitempty"`
}

// Sessions returns all sessions in the order of their creation.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Session, 0, len(s.sessions.inOrder))
	for _, x := range s.sessions.inOrder {
		out = append(out, x.snapshot(s.now()))
	}
	return out
}

// Session returns one session; false if there is none of this id.
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

// change runs a function on a session under the lock. It returns ErrNotFound, or ErrWrongState if the function says no.
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

// Approve gives the approval that a session waits for.
func (s *Server) Approve(id string) error {
	return s.change(id, func(x *session, now time.Time) bool { return x.decide(decision{at: now, approved: true}) })
}

// Deny refuses the approval that a session waits for.
func (s *Server) Deny(id string) error {
	return s.change(id, func(x *session, now time.Time) bool { return x.decide(decision{at: now}) })
}

// Fail makes a session that has not ended fail with a message, which becomes its description and a line of its log.
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

// Lock locks a session or lets it go.
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

// SetStatus puts a session into a state, whatever it is in. A name or number of SessionStatus (Status, int or string)
// is a jump into that state: Pending and Cancelling then last until something else is done, Active ends as scheduled.
// Anything else is shown as it is, and the session goes on beneath it, until nil or another state is set or somebody
// ends the session.
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
