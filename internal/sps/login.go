// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// LogInTerms are how an appliance punishes failed log-ins: after 20 of them it blocks our address, and with it every
// administrator behind the same NAT, for 10 minutes by default. The period over which it counts is unknown
// (docs/vendors/sps.md 1.13).
var LogInTerms = login.Terms{Block: 10 * time.Minute, Failures: 5, Window: 30 * time.Minute, Reserve: 5}

// CredentialsError means that the appliance did not accept the credentials, or denies their user access. Until then the
// error is returned without a call.
type CredentialsError struct {
	Until time.Time
	// Err is the *rest.Error of the attempted log-in.
	Err error
}

// HeldBack reports whether the credentials were not sent at all, because log-ins of others at the same address were
// refused.
func (e *CredentialsError) HeldBack() bool {
	_, unsent := errors.AsType[*login.ThrottledError](e.Err)
	return unsent
}

// Error returns when the credentials are tried again, and the appliance's message.
func (e *CredentialsError) Error() string {
	if e.HeldBack() {
		return "the log-in was not sent: " + e.Err.Error()
	}
	until := e.Until.UTC().Format(time.RFC3339)
	return fmt.Sprintf("the log-in was refused and is not repeated before %s: %v", until, e.Err)
}

// Unwrap returns the appliance's answer.
func (e *CredentialsError) Unwrap() error { return e.Err }

// authenticator logs in, one log-in at a time for all sessions of a client, and remembers a refusal.
type authenticator struct {
	cfg      Config
	secrets  *rest.Secrets
	rest     *rest.Client
	lifetime context.Context

	mu      sync.Mutex
	refused error // the appliance's answer to the last log-in, if it was a refusal
}

// logIn returns the value of a new session cookie. The context should end with the client, not with a caller. The mutex
// is held during the call on purpose: a second session that starts meanwhile must learn of a refusal instead of causing
// another one.
func (a *authenticator) logIn(ctx context.Context) (cookie string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	attempt, err := a.cfg.Account.Begin(ctx)
	if throttled, ok := errors.AsType[*login.ThrottledError](err); ok {
		return "", &CredentialsError{Until: throttled.Until, Err: cmp.Or(a.refused, error(throttled))}
	}
	if err != nil {
		return "", err
	}
	defer attempt.Inconclusive() // unless it has ended already
	a.refused = nil
	resp, err := a.rest.Do(ctx, a.request())
	if err != nil {
		return "", a.judge(ctx, attempt, err)
	}
	cookies := parseCookies(resp.Header)
	for _, value := range cookies {
		a.secrets.Add(value)
	}
	if cookies[sessionCookie] == "" {
		return "", &rest.Error{
			Method: http.MethodGet, Path: loginPath, Status: resp.Status,
			Message: "the log-in was answered without a session cookie", Err: rest.ErrMalformedAnswer,
		}
	}
	attempt.Accepted()
	return cookies[sessionCookie], nil
}

// certificateAdvice precedes the alert with which an appliance ended the TLS handshake of a log-in
// (docs/vendors/sps.md 1.6).
const certificateAdvice = "the appliance did not accept the client certificate; check that it has not expired, and " +
	"that the appliance trusts its issuer: "

const loginPath = "/api/authentication"

func (a *authenticator) request() rest.Request {
	req := rest.Request{
		Operation: operationLogIn, Method: http.MethodGet, Path: []string{"api", "authentication"}, Query: url.Values{},
	}
	if a.cfg.LoginMethod != "" {
		req.Query.Set("login_method", a.cfg.LoginMethod)
	}
	if a.cfg.X509 {
		req.Query.Set("type", "x509")
		return req
	}
	req.Header = http.Header{"Authorization": {"Basic " + basic(a.cfg.Username, a.cfg.Password)}}
	return req
}

// judge remembers a refusal. Whatever went wrong, the request that needed the log-in was not sent.
func (a *authenticator) judge(ctx context.Context, attempt *login.Attempt, err error) error {
	answer := rest.As(err)
	if answer == nil {
		return err
	}
	unsent := *answer
	unsent.Sent = false
	switch {
	case rest.IsCertificateRefused(err):
		unsent.Message = certificateAdvice + unsent.Message
	case refusesLogIn(unsent.Status):
	case rest.IsRejected(&unsent): // the url does not lead to a log-in
		unsent.Message = strings.TrimSpace(fmt.Sprintf("the log-in was answered with %d %s; check that the url leads to the "+
			"appliance %s", unsent.Status, http.StatusText(unsent.Status), unsent.Message))
		unsent.Status = 0
		return &unsent
	default:
		return &unsent
	}
	return a.refuse(ctx, attempt, &unsent)
}

// refusesLogIn reports whether a status means that this log-in is refused and would be refused again. 400 is for a
// log-in method that does not exist.
func refusesLogIn(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusBadRequest
}

func (a *authenticator) refuse(ctx context.Context, attempt *login.Attempt, answer *rest.Error) error {
	a.refused = answer
	return &CredentialsError{Until: attempt.Refused(ctx), Err: answer}
}

const sessionCookie = "session_id"

// cookiePattern finds the two cookies of a log-in. net/http's parser does not: both may be in one header, joined by a
// comma, with commas in their expiry dates (docs/vendors/sps.md 10.7).
var cookiePattern = regexp.MustCompile(`(?:^|[,;\s])(session_id|ticket)="?([^;,"\s]+)`)

// parseCookies returns the values by name; if a name occurs twice, the last one wins. Expiry dates in the header are
// ignored: with clock skew a good cookie looks expired (docs/vendors/sps.md 1.11).
func parseCookies(h http.Header) map[string]string {
	cookies := map[string]string{}
	for _, line := range h.Values("Set-Cookie") {
		for _, m := range cookiePattern.FindAllStringSubmatch(line, -1) {
			cookies[m[1]] = m[2]
		}
	}
	return cookies
}
