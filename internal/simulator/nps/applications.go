// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"fmt"
	"net/http"
	"strings"
)

// applicationToken returns a token to an application user, which needs no second factor (docs/vendors/nps.md 2).
// Certificate errors are 403, as from the web server in front; a wrong key is 401.
func (s *Server) applicationToken(c *call) (answer, error) {
	var form struct{ Login, Password, CertificateSerialNumber string }
	if err := c.readJSON(&form); err != nil {
		return answer{}, err
	}
	token, err := s.applicationLogIn(c, form.Login, form.Password, form.CertificateSerialNumber)
	if err != nil {
		s.stats.FailedAppTokens++
		return answer{}, err
	}
	s.stats.AppTokens++
	return c.text(token), nil
}

func (s *Server) applicationLogIn(c *call, login, key, serial string) (string, error) {
	presented, ok := c.clientSerial()
	if !ok {
		return "", refuse(http.StatusForbidden, "A client certificate is required.")
	}
	who := s.catalogue.account(login)
	if who == nil || who.app == nil {
		return "", refuse(http.StatusUnauthorized, "")
	}
	registered := normalSerial(who.app.SerialNumber)
	if presented != normalSerial(serial) || registered != "" && registered != presented {
		return "", refuse(http.StatusForbidden, "The certificate serial number does not match.")
	}
	if !passes(c, who, key) {
		return "", refuse(http.StatusUnauthorized, "")
	}
	who.unlock()
	return s.issue(c, ticket{account: who, stage: stageFull})
}

// clientSerial is the serial number of the client's certificate.
func (c *call) clientSerial() (string, bool) {
	if c.r.TLS == nil || len(c.r.TLS.PeerCertificates) == 0 {
		return "", false
	}
	return normalSerial(fmt.Sprintf("%X", c.r.TLS.PeerCertificates[0].SerialNumber)), true
}

// normalSerial makes serial numbers comparable: upper case, hexadecimal digits only, no leading zeros
// (docs/vendors/nps.md 2).
func normalSerial(text string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'F' {
			return r
		}
		return -1
	}, strings.ToUpper(text))
	return strings.TrimLeft(digits, "0")
}

// SetAPIKey replaces the key of an application as if the server had generated a new one; only the latest is valid (nps
// contract 2). Tokens obtained with the previous key stay valid and can be renewed.
func (s *Server) SetAPIKey(login, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.catalogue.account(login)
	if who == nil || who.app == nil {
		return fmt.Errorf("application %q: %w", login, ErrNotFound)
	}
	who.app.APIKey = key
	return nil
}

// SetApplicationSerial registers the serial number of an application's client certificate; empty accepts any.
func (s *Server) SetApplicationSerial(login, serial string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.catalogue.account(login)
	if who == nil || who.app == nil {
		return fmt.Errorf("application %q: %w", login, ErrNotFound)
	}
	who.app.SerialNumber = serial
	return nil
}
