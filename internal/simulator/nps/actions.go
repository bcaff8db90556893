// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"time"
)

// deleteSession requests the end of a session (docs/vendors/nps.md 9). It responds at once; the session ends in its own
// time.
func (s *Server) deleteSession(c *call) (answer, error) {
	x, err := s.visible(c)
	if err != nil {
		return answer{}, err
	}
	if x.life.at(c.now).status.Ended() {
		if status := c.switches.DeleteEndedStatus; status != http.StatusAccepted {
			return answer{}, refuse(status, "The activity session has ended.")
		}
		return answer{status: http.StatusAccepted}, nil
	}
	outcome := Complete // the requester ended it early (docs/vendors/nps.md 6.3)
	if !x.mine(c.who) {
		outcome = Cancelled
	}
	s.stats.Deletes++
	if x.end(c.now, outcome) {
		x.cancelledBy = c.who
	}
	return answer{status: http.StatusAccepted}, nil
}

// end starts the end of a session, unless it has already begun.
func (x *session) end(now time.Time, outcome Status) bool {
	st := x.life.at(now)
	if st.status.Ended() || st.status == Cancelling {
		return false
	}
	x.life.stop, x.life.forced, x.modified = &stop{at: now, outcome: outcome}, nil, now
	return true
}

// profileMinutes, sent as the number of minutes, means the number in the profile (docs/vendors/nps.md 9).
const profileMinutes = -1

// extendSession moves the scheduled end (docs/vendors/nps.md 9 and 12).
func (s *Server) extendSession(c *call) (answer, error) {
	x, err := s.visible(c)
	if err != nil {
		return answer{}, err
	}
	var minutes int
	if err := c.readJSON(&minutes); err != nil {
		return answer{}, err
	}
	if reason := x.extensionRefused(c, minutes); reason != "" {
		return answer{}, refuse(c.switches.ExtendRefusedStatus, reason)
	}
	if limit := x.policy.Profile.ExtensionMinutes; minutes == profileMinutes || minutes > limit {
		minutes = limit
	}
	s.stats.Extends++
	if !c.switches.ExtendIgnored {
		x.life.end = x.life.end.Add(time.Duration(minutes) * time.Minute)
		x.extensions++
		x.modified = c.now
	}
	return ok(x.full(c.switches, x.life.at(c.now))), nil
}

// extensionRefused reports whether a session may not be extended. Administrators always may.
func (x *session) extensionRefused(c *call, minutes int) string {
	profile, st := &x.policy.Profile, x.life.at(c.now)
	switch {
	case minutes != profileMinutes && minutes <= 0:
		return "The number of minutes is not valid."
	case st.raw != nil || st.status != Active:
		return "Only an active session can be extended."
	case c.who.admin:
		return ""
	case !profile.AllowExtension:
		return "The policy does not allow extensions."
	case x.extensions >= profile.ExtensionCount:
		return "The session cannot be extended any more."
	case c.switches.ExtendOnlyNearEnd && x.life.end.Sub(c.now) > defaultNotification:
		return "It is too early to extend the session."
	}
	return ""
}
