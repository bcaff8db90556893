// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"net"
	"net/http"
	"time"
	"unicode/utf8"
)

// createSession creates one session (docs/vendors/nps.md 4).
func (s *Server) createSession(c *call) (answer, error) {
	var body json.RawMessage
	if err := c.readJSON(&body); err != nil {
		return answer{}, err
	}
	x, err := s.prepare(c, body)
	if err != nil {
		return answer{}, err
	}
	if s.store(x); s.createLost() {
		return answer{}, refuse(http.StatusInternalServerError, "")
	}
	a := answer{
		status: c.switches.CreatedStatus,
		header: http.Header{"Location": {"/api/v1/ActivitySession/" + x.id}},
	}
	if !c.switches.CreatedWithoutBody {
		a.body = x.full(c.switches, x.life.at(c.now))
	}
	return a, nil
}

func (s *Server) store(x *session) {
	s.sessions.add(x)
	s.stats.Creates++
}

// createLost reports whether this create is one of those that are stored and then answered with an error.
func (s *Server) createLost() bool {
	if s.switches.CreatesLost > 0 {
		s.switches.CreatesLost--
		return true
	}
	return s.switches.CreatesLost < 0
}

// prepare turns a request into a session that is not stored yet, or returns why it is refused.
func (s *Server) prepare(c *call, body []byte) (*session, error) {
	r, err := parseCreate(body)
	if err != nil {
		return nil, err
	}
	if c.switches.LicenceExpired {
		return nil, refuse(http.StatusForbidden, "The licence has expired. Sessions cannot be created.")
	}
	x, err := s.requested(c, r)
	if err != nil {
		return nil, err
	}
	if err := x.policy.Profile.accepts(r, x.policy.ID); err != nil {
		return nil, err
	}
	if x.life, err = newLifecycle(c, r, x); err != nil {
		return nil, err
	}
	if c.switches.DuplicatesRefused && s.hasLiveTwin(x, c.now) {
		return nil, refuse(http.StatusBadRequest, "A session of this activity on this resource exists already.")
	}
	return x, nil
}

// requested looks up everything that a request names and chooses the policy.
func (s *Server) requested(c *call, r createRequest) (*session, error) {
	owner, err := s.accountFor(c, r.accountID, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	if r.activityID == "" && r.activityName == "" {
		return nil, refuse(http.StatusBadRequest, "Name an activity.")
	}
	activity := s.catalogue.activity(r.activityID, r.activityName)
	if activity == nil {
		return nil, refuse(http.StatusNotFound, "The activity was not found.")
	}
	on, err := s.catalogue.target(r)
	if err != nil {
		return nil, err
	}
	policy := find(s.catalogue.policiesFor(owner, activity, on), func(p **Policy) bool {
		return r.policyID == "" || (*p).ID == r.policyID
	})
	if policy == nil {
		return nil, refuse(http.StatusBadRequest, "No policy allows this activity on this resource.")
	}
	return &session{
		id: newGUID(), configID: newGUID(), creator: c.who, owner: owner, fromAddress: c.peerAddress(),
		activity: activity, policy: *policy, target: on, modified: c.now,
		note: c.switches.storedNote(r.note), ticket: r.ticket, fields: r.fields,
	}, nil
}

func (c *call) peerAddress() string {
	if host, _, err := net.SplitHostPort(c.r.RemoteAddr); err == nil {
		return host
	}
	return c.r.RemoteAddr
}

// storedNote is what the server keeps of a note.
func (sw *Switches) storedNote(note *string) *string {
	if note == nil || sw.NotesDropped {
		return nil
	}
	if n := sw.NoteMaxLength; n > 0 && utf8.RuneCountInString(*note) > n {
		short := string([]rune(*note)[:n])
		return &short
	}
	return note
}

// newLifecycle schedules a session (docs/vendors/nps.md 4.1): it starts now unless a later start was requested, and
// lasts for the profile's maximum unless an earlier end was requested.
func newLifecycle(c *call, r createRequest, x *session) (lifecycle, error) {
	profile, sw := &x.policy.Profile, c.switches
	l := lifecycle{
		created: c.now, start: latest(c.now, r.start), end: r.end,
		needsApproval: profile.Approval == ApprovalWorkflow, approvalExpires: sw.ApprovalExpires,
		provisioning: time.Duration(sw.ProvisioningDelay), provisioningError: sw.ProvisioningError,
		automation: x.activity.Type == TaskAutomation, runtime: time.Duration(sw.AutomationRuntime),
		ending: time.Duration(sw.EndingDelay),
	}
	limit := l.start.Add(profile.MaxSessionLength)
	if l.end.IsZero() {
		l.end = limit
	}
	if !l.end.After(l.start) {
		return l, refuse(http.StatusBadRequest, "The session would end before it starts.")
	}
	if l.end.After(limit) {
		if sw.EndBeyondMaximumRefused {
			return l, refuse(http.StatusBadRequest, "The session would be longer than the maximum session length.")
		}
		l.end = limit
	}
	return l, nil
}

func (s *Server) hasLiveTwin(x *session, now time.Time) bool {
	for _, y := range s.sessions.inOrder {
		same := y.owner == x.owner && y.activity == x.activity && y.target.id() == x.target.id()
		if same && !y.life.at(now).status.Ended() {
			return true
		}
	}
	return false
}
