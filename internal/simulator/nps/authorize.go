// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"strings"
)

// authorize identifies the caller and checks the access. Without a valid token it returns 401, with an insufficient one
// 403 (docs/vendors/nps.md 12).
func (s *Server) authorize(c *call, a access) error {
	if a == anonymous {
		return nil
	}
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	found, valid := s.tokens.find(strings.TrimSpace(token), c.now)
	if !valid || !strings.EqualFold(scheme, "Bearer") {
		return errNoToken
	}
	c.who, c.token = found.account, strings.TrimSpace(token)
	if !c.allowed(a, found.stage) {
		return refuse(http.StatusForbidden, "")
	}
	return nil
}

func (c *call) allowed(a access, reached stage) bool {
	full := reached == stageFull || reached == stagePassword && c.switches.FirstTokenFull && !c.who.needsSecondFactor()
	switch a {
	case firstStage:
		return true
	case mfaRequired:
		return full
	}
	return false
}

// accountFor returns the account that a request is for: the caller's own or, for an administrator, the one named in the
// request (docs/vendors/nps.md 4.1 and 10). An unknown account gets the given status.
func (s *Server) accountFor(c *call, id string, unknown int) (*account, error) {
	if id == "" || id == c.who.id {
		return c.who, nil
	}
	if !c.who.admin {
		return nil, refuse(http.StatusForbidden, "The managed account is not yours.")
	}
	if found := s.catalogue.accountByID(id); found != nil {
		return found, nil
	}
	return nil, refuse(unknown, "The managed account was not found.")
}
