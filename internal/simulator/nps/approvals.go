// SPDX-License-Identifier: Apache-2.0

package nps

import "net/http"

// approval is one decision of an approver (docs/vendors/nps.md 9).
type approval struct {
	ApprovalState       int     `json:"approvalState"` // 0 Pending, 1 Approved, 2 Denied
	ApproverNotes       *string `json:"approverNotes"`
	ApproverAccount     object  `json:"approverAccount"`
	CreatedDateTimeUtc  string  `json:"createdDateTimeUtc"`
	ModifiedDateTimeUtc string  `json:"modifiedDateTimeUtc"`
}

// approvals is the state of a session's approval: one tier with one approver.
func (x *session) approvals(sw *Switches) []approval {
	created := sw.timeText(x.life.created)
	d := x.decision
	if d == nil {
		return []approval{{CreatedDateTimeUtc: created, ModifiedDateTimeUtc: created}}
	}
	a := approval{
		ApprovalState: 2, ApproverNotes: optional(d.notes),
		ApproverAccount:    object{"name": operatorName, "sid": nil, "userId": adminID()},
		CreatedDateTimeUtc: created, ModifiedDateTimeUtc: sw.timeText(d.at),
	}
	if d.approved {
		a.ApprovalState = 1
	}
	if d.approver != nil {
		a.ApproverAccount = object{"name": d.approver.login, "sid": nil, "userId": d.approver.userID}
	}
	return []approval{a}
}

// approveSession approves a session, with notes in the query (docs/vendors/nps.md 9).
func (s *Server) approveSession(c *call) (answer, error) {
	return s.decide(c, decision{at: c.now, approver: c.who, approved: true, notes: c.query.Get("notes")})
}

// denySession denies a session, with notes as a JSON string (docs/vendors/nps.md 9).
func (s *Server) denySession(c *call) (answer, error) {
	var notes string
	if len(c.body) > 0 {
		if err := c.readJSON(&notes); err != nil {
			return answer{}, err
		}
	}
	return s.decide(c, decision{at: c.now, approver: c.who, notes: notes})
}

// decide needs no visibility: approvers decide about other users' sessions. Only 200 and 500 are documented.
func (s *Server) decide(c *call, d decision) (answer, error) {
	id, err := c.id()
	if err != nil {
		return answer{}, err
	}
	x := s.sessions.byID[id]
	switch {
	case x == nil:
		return answer{}, refuse(http.StatusInternalServerError, "The activity session was not found.")
	case !c.who.admin && !containsFold(x.policy.Profile.Approvers, c.who.login):
		return answer{}, refuse(http.StatusForbidden, "")
	case !x.decide(d):
		return answer{}, refuse(http.StatusInternalServerError, "The activity session is not waiting for approval.")
	}
	return answer{status: http.StatusOK}, nil
}

// decide applies an approver's decision if the session is waiting for one.
func (x *session) decide(d decision) bool {
	if x.life.at(d.at).status != ApprovalRequired {
		return false
	}
	x.decision, x.life.forced, x.modified = &d, nil, d.at
	if d.approved {
		x.life.approved = d.at
	} else {
		x.life.verdict = &verdict{at: d.at, status: ApprovalDenied}
	}
	return true
}
