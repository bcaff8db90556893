// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
)

// factorCookie connects the second stage to the first (docs/vendors/nps.md 1.2).
const factorCookie = "NPS.SecondFactor"

// signInBody is the first stage with a JSON body (docs/vendors/nps.md 1.1).
func (s *Server) signInBody(c *call) (answer, error) {
	var form struct{ Login, Password string }
	if err := c.readJSON(&form); err != nil {
		return answer{}, err
	}
	return s.firstStage(c, form.Login, form.Password)
}

func (s *Server) firstStage(c *call, login, password string) (answer, error) {
	who := s.catalogue.account(login)
	if !passes(c, who, password) {
		s.stats.FailedSignIns++
		return c.signInFailed()
	}
	k := ticket{account: who, stage: stagePassword, cookie: newGUID()}
	if who.app != nil {
		k.stage = stageNoRole
	}
	token, err := s.issue(c, k)
	if err != nil {
		return answer{}, err
	}
	s.stats.SignIns++
	cookie := http.Cookie{
		Name: factorCookie, Value: k.cookie, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
	}
	a := c.text(token)
	a.header = http.Header{"Set-Cookie": {cookie.String()}}
	return a, nil
}

// passes checks an account's secret and counts failures for its lockout. A locked account never passes.
func passes(c *call, who *account, secret string) bool {
	if who == nil {
		return false
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(who.secret())) != 1 {
		who.fail(c.now)
		return false
	}
	return !who.lockedOut(c.now)
}

// signInSecondFactor is the second stage (docs/vendors/nps.md 1.1). The body is the code, bare or as a JSON string.
func (s *Server) signInSecondFactor(c *call) (answer, error) {
	first, _ := s.tokens.find(c.token, c.now)
	if first.stage == stageFull {
		return answer{}, errNoToken
	}
	if !c.cookiePasses(first.cookie) || !codePasses(c, c.who, readCode(c.body)) {
		s.stats.FailedSecondFactors++
		return c.signInFailed()
	}
	c.who.unlock()
	next := ticket{account: c.who, stage: stageFull}
	if first.stage == stageNoRole {
		next.stage = stageNoRole
	}
	token, err := s.issue(c, next)
	if err != nil {
		return answer{}, err
	}
	s.stats.SecondFactors++
	return c.text(token), nil
}

func (c *call) cookiePasses(want string) bool {
	if !c.switches.CookieRequired {
		return true
	}
	cookie, err := c.r.Cookie(factorCookie)
	return err == nil && cookie.Value == want
}

// readCode strips the quotes of a JSON string; anything else is the code itself, valid JSON or not.
func readCode(body []byte) string {
	var quoted string
	if json.Unmarshal(body, &quoted) == nil {
		return strings.TrimSpace(quoted)
	}
	return strings.TrimSpace(string(body))
}

// codePasses checks the second factor. A user without one passes with any text.
func codePasses(c *call, who *account, code string) bool {
	if who.lockedOut(c.now) {
		return false
	}
	if !who.needsSecondFactor() {
		return true
	}
	if code != "" && code == who.user.MFACode {
		return true
	}
	secret, err := decodeBase32(who.user.TOTPSecret)
	if err == nil && len(secret) > 0 {
		step, fits := totpMatch(secret, code, c.now)
		if fits && (step > who.lastTOTPStep || c.switches.ReplayAllowed) {
			who.lastTOTPStep = step
			return true
		}
	}
	who.fail(c.now)
	return false
}

// signInFailed rejects wrong credentials as the switch selects (docs/vendors/nps.md 13, Q1).
func (c *call) signInFailed() (answer, error) {
	if status := c.switches.SignInFailureStatus; status != http.StatusOK {
		return answer{}, refuse(status, "")
	}
	return answer{status: http.StatusOK}, nil
}
