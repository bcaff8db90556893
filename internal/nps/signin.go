// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// minSecondFactor is the minimum time-out of signin2fa: it may wait for a user to confirm on a phone
	// (docs/vendors/nps.md 1.2).
	minSecondFactor = 60 * time.Second
	// maxCodes is how many codes are tried before the log-in counts as refused; accounts are locked after five.
	maxCodes = 2
	// noSecondFactor is sent if the server requires none; it ignores the value (docs/vendors/nps.md 1.2).
	noSecondFactor = "0"
)

// applicationSignIn gets the token of an application user in one call (docs/vendors/nps.md 2).
type applicationSignIn struct {
	rest    *rest.Client
	secrets *rest.Secrets
	clock   *serverClock
	user    ApplicationUser
}

func (s *applicationSignIn) token(ctx context.Context) (string, error) {
	resp, err := s.rest.Do(ctx, rest.Request{
		Operation: operationLogIn,
		Method:    http.MethodPost,
		Path:      applicationSignInPath,
		Header:    http.Header{acceptHeader: {jsonType}},
		Body: struct {
			Login        string `json:"login"`
			Password     string `json:"password"`
			SerialNumber string `json:"certificateSerialNumber"`
		}{s.user.Login, s.user.APIKey, s.user.SerialNumber},
	})
	if err != nil {
		return "", refusedApplication(err)
	}
	s.clock.observe(resp.Header)
	return tokenIn(resp, s.secrets)
}

// userSignIn gets the token of a user by password and second factor (docs/vendors/nps.md 1.1).
type userSignIn struct {
	rest    *rest.Client
	secrets *rest.Secrets
	clock   *serverClock
	user    User
	codes   *totpCodes    // nil if the code is fixed or not required
	timeout time.Duration // of the second factor
}

// token tries a second code if the first one is refused: clocks differ, and another client of the same user may have
// just used it. Each attempt starts with the password, because it is unknown what a refused code leaves of the first
// step.
func (s *userSignIn) token(ctx context.Context) (string, error) {
	for try := 1; ; try++ {
		token, err := s.attempt(ctx)
		refusal, ok := errors.AsType[*CredentialsError](err)
		if !ok || refusal.Reason != ReasonWrongCode || s.codes == nil || try == maxCodes {
			return token, err
		}
	}
}

func (s *userSignIn) attempt(ctx context.Context) (string, error) {
	resp, err := s.rest.Do(ctx, rest.Request{
		Operation: operationLogIn,
		Method:    http.MethodPost,
		Path:      []string{"signinBody"},
		Header:    http.Header{acceptHeader: {jsonType}},
		Body: struct {
			Login    string `json:"Login"`
			Password string `json:"Password"`
		}{s.user.Username, s.user.Password},
	})
	if err != nil {
		return "", refused(err, ReasonWrongPassword)
	}
	s.clock.observe(resp.Header)
	first, err := tokenIn(resp, s.secrets)
	if err != nil {
		return "", err
	}
	return s.secondFactor(ctx, first, cookiesOf(resp.Header))
}

// secondFactor sends the bare digits, as the vendor's scripts do; the quoted form is never tried after a refusal,
// because that would be another failed log-in (docs/vendors/nps.md 13 Q8).
func (s *userSignIn) secondFactor(ctx context.Context, first, cookies string) (string, error) {
	code, err := s.code(ctx)
	if err != nil {
		return "", err
	}
	req := rest.Request{
		Operation: operationSecondFactor,
		Method:    http.MethodPost,
		Path:      []string{"signin2fa"},
		Header:    bearer(first),
		Body:      rest.RawBody(code),
		Timeout:   s.timeout,
	}
	req.Header.Set("Content-Type", jsonType)
	if cookies != "" {
		req.Header.Set("Cookie", cookies)
	}
	resp, err := s.rest.Do(ctx, req)
	if err != nil {
		return "", refused(err, ReasonWrongCode)
	}
	return tokenIn(resp, s.secrets)
}

func (s *userSignIn) code(ctx context.Context) (string, error) {
	switch {
	case s.codes != nil:
		code, err := s.codes.next(ctx)
		s.secrets.Add(code)
		return code, err
	case s.user.MFACode != "":
		return s.user.MFACode, nil
	}
	return noSecondFactor, nil
}

// cookiesOf returns the cookies of an answer for the next request. Only the two sign-in calls share them
// (docs/vendors/nps.md 1.2), so no cookie jar is needed.
func cookiesOf(header http.Header) string {
	var pairs []string
	for _, line := range header.Values("Set-Cookie") {
		if cookie, err := http.ParseSetCookie(line); err == nil && cookie.MaxAge >= 0 {
			pairs = append(pairs, cookie.Name+"="+cookie.Value)
		}
	}
	return strings.Join(pairs, "; ")
}

func bearer(token string) http.Header {
	return http.Header{acceptHeader: {jsonType}, "Authorization": {"Bearer " + token}}
}

// tokenIn extracts the token from a good answer. An answer without one is a refusal in disguise
// (docs/vendors/nps.md 13 Q1).
func tokenIn(resp *rest.Response, secrets *rest.Secrets) (string, error) {
	raw := strings.TrimSpace(decodeText(resp.Body))
	if len(raw) > maxToken || !looksLikeJWT(raw) {
		return "", &CredentialsError{Reason: ReasonEmptyAnswer}
	}
	secrets.Add(raw)
	return raw, nil
}
