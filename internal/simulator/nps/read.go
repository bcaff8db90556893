// SPDX-License-Identifier: Apache-2.0

package nps

import "net/http"

// visible finds the session in the path, if the caller may see it. Other users' sessions are visible only to
// administrators (docs/vendors/nps.md 12).
func (s *Server) visible(c *call) (*session, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return s.visibleByID(c, id)
}

func (s *Server) visibleByID(c *call, id string) (*session, error) {
	x := s.sessions.byID[id]
	switch {
	case x == nil:
		return nil, refuse(http.StatusNotFound, "The activity session was not found.")
	case !c.who.admin && !x.mine(c.who):
		return nil, refuse(c.switches.ForeignStatus, "")
	}
	return x, nil
}

// getSession returns the full object (docs/vendors/nps.md 5).
func (s *Server) getSession(c *call) (answer, error) {
	s.stats.Gets++
	x, err := s.visible(c)
	if err != nil {
		return answer{}, err
	}
	return ok(x.full(c.switches, x.life.at(c.now))), nil
}
