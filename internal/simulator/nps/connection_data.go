// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"fmt"
	"net/url"
	"strings"
)

// Ports of the proxy (docs/vendors/nps.md 7.1).
const (
	rdpProxyPort = 4489
	sshProxyPort = 4422
)

// getRDP returns the RDP file of a session on Windows or Active Directory (docs/vendors/nps.md 7.1), each time with a
// new token.
func (s *Server) getRDP(c *call) (answer, error) {
	_, err := s.connectable(c, PlatformWindows, PlatformActiveDirectory)
	if err != nil {
		return answer{}, err
	}
	s.stats.RDPs++
	return c.text(s.rdpFile(c.switches)), nil
}

// getSSH returns the SSH URL of a session on Linux or Cisco (docs/vendors/nps.md 7.1).
func (s *Server) getSSH(c *call) (answer, error) {
	x, err := s.connectable(c, PlatformLinux, PlatformCisco)
	if err != nil {
		return answer{}, err
	}
	s.stats.SSHs++
	if url := c.switches.SSHURL; url != "" {
		return c.text(url), nil
	}
	user := x.directConnectUser()
	if c.switches.SSHTokenUser {
		user = oneTimeToken()
	}
	return c.text(fmt.Sprintf("ssh://%s@%s:%d", user, s.proxyHost, sshProxyPort)), nil
}

// connectable finds a session that can be connected to now, on one of these platforms or a clone of them.
func (s *Server) connectable(c *call, platforms ...string) (*session, error) {
	x, err := s.visible(c)
	if err != nil {
		return nil, err
	}
	usable := x.usable(x.life.at(c.now)) && x.activity.Type != TaskAutomation && x.target.resource != nil
	if usable {
		base := s.catalogue.basePlatform(x.target.resource.PlatformID)
		for _, id := range platforms {
			if strings.EqualFold(base, id) {
				return x, nil
			}
		}
	}
	return nil, refuse(c.switches.ConnectionRefusedStatus, "The session offers no such connection.")
}

// usable reports whether a session hands out connection data: it is active and not locked (docs/vendors/nps.md 13, Q5).
func (x *session) usable(st state) bool { return st.raw == nil && st.status == Active && !x.locked }

// rdpFile follows the vendor's template: one key, type and value per line.
func (s *Server) rdpFile(sw *Switches) string {
	lines := []string{
		"screen mode id:i:1", "smart sizing:i:1", "allow font smoothing:i:1", "audiomode:i:0",
		"redirectsmartcards:i:0", "disable wallpaper:i:1",
		"full address:s:" + s.proxyHost,
		fmt.Sprintf("server port:i:%d", rdpProxyPort),
		"username:s:" + oneTimeToken(),
	}
	end, start := "\n", ""
	if sw.RDPWithCRLF {
		end = "\r\n"
	}
	if sw.RDPWithBOM {
		start = "\ufeff"
	}
	return start + strings.Join(lines, end) + end
}

// oneTimeToken stands for what the proxy would accept for about a minute. There is no proxy, so the server does not
// store it.
func oneTimeToken() string { return strings.ReplaceAll(newGUID(), "-", "") }

// directConnectUser combines user, activity and resource. A blank becomes an underscore, and an at sign in the user's
// name is kept (docs/vendors/nps.md 7.1).
func (x *session) directConnectUser() string {
	text := x.owner.login + "+" + x.activity.Name + "+" + x.target.name()
	return strings.ReplaceAll(url.QueryEscape(strings.ReplaceAll(text, " ", "_")), "%40", "@")
}

// canViewPassword reports whether getPassword would succeed (docs/vendors/nps.md 7.2).
func (s *Server) canViewPassword(c *call) (answer, error) {
	x, err := s.visible(c)
	if err != nil {
		return answer{}, err
	}
	return ok(x.passwordAllowed(x.life.at(c.now))), nil
}

// getPassword returns the password of the session's log-in account (docs/vendors/nps.md 7.2).
func (s *Server) getPassword(c *call) (answer, error) {
	x, err := s.visible(c)
	if err != nil {
		return answer{}, err
	}
	if !x.passwordAllowed(x.life.at(c.now)) {
		return answer{}, refuse(c.switches.ConnectionRefusedStatus, "The password may not be viewed.")
	}
	if cr := x.target.credential; cr != nil {
		return c.text(cr.Password), nil
	}
	return c.text("simulated-" + deriveGUID("password", x.id)), nil
}

// passwordAllowed reports whether the password may be read: always for a credential, as the profile decides for a
// resource.
func (x *session) passwordAllowed(st state) bool {
	return x.usable(st) && (x.target.credential != nil || !x.policy.Profile.PasswordAccessDenied)
}
