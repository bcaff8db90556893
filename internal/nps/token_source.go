// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// renewalPause is the time between two attempts to replace a token that still works.
	renewalPause = 30 * time.Second
	// signInPause is how long no new sign-in follows when a token is refused although it was obtained after a 401: then
	// the token is not the problem, and signing in for each call would not help.
	signInPause = time.Minute
	// signInBudget bounds a sign-in including all waits and retries.
	signInBudget = 5 * time.Minute
)

var errClosed = errors.New("the client is closed")

// signInRetries are the waits before a sign-in is retried after a server error (docs/vendors/nps.md 1.2).
var signInRetries = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// tokenSource owns the single token of a client. The first caller that finds it missing or due starts a flight; all
// other callers wait for the same flight, each for as long as its own context lives.
type tokenSource struct {
	signIn  signIn
	rest    *rest.Client
	secrets *rest.Secrets
	clock   *serverClock
	account *login.Account
	flights singleflight.Group
	closed  chan struct{}
	close   func() // cancels flights in progress

	mu               sync.Mutex
	current          token
	renewalPauseTill time.Time         // a token that still works is not replaced before then
	signInPauseTill  time.Time         // see signInPause
	refusal          *CredentialsError // the latest one, nil after a success
	provedAt         time.Time         // when the credentials were last accepted
}

func newTokenSource(wire wireConfig) (*tokenSource, error) {
	client, err := rest.NewClient(wire.signIns())
	if err != nil {
		return nil, err
	}
	s := &tokenSource{
		rest: client, secrets: wire.secrets, account: wire.config.Account,
		clock: &serverClock{wire.config.Now, wire.config.Clock},
	}
	if s.signIn, err = wire.config.Auth.newSignIn(wire, client, s.clock); err != nil {
		return nil, err
	}
	s.closed = make(chan struct{})
	s.close = sync.OnceFunc(func() {
		close(s.closed)
		client.Close()
	})
	return s, nil
}

func (s *tokenSource) expiresAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.expiresAt
}

// get returns a token that should be valid, and signs in or renews it if necessary.
func (s *tokenSource) get(ctx context.Context) (token, error) {
	if t, err := s.cached(); t.raw != "" || err != nil {
		return t, err
	}
	// A flight also serves other callers; see refresh.
	flight := s.flights.DoChan("", func() (any, error) { return s.refresh(rest.Marked(context.Background(), ctx)) })
	select {
	case <-ctx.Done():
		return token{}, ctx.Err()
	case result := <-flight:
		t, _ := result.Val.(token)
		return t, result.Err
	}
}

// cached returns the token if it can be used unchanged.
func (s *tokenSource) cached() (token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	local := s.clock.local()
	switch {
	case s.current.usable(local):
		if local.Before(s.current.renewAt) || local.Before(s.renewalPauseTill) {
			return s.current, nil
		}
	}
	return token{}, nil
}

// refresh replaces the token. It inherits nothing from the context of the caller that came first: not its end, because
// a used-up code or a confirmation on a phone should benefit the next caller, and not its trace, which would mistake
// the sign-in for the caller's own request. If it fails, a token that still works stays in use.
func (s *tokenSource) refresh(ctx context.Context) (token, error) {
	if t, err := s.cached(); t.raw != "" || err != nil { // an earlier flight has finished meanwhile
		return t, err
	}
	ctx, cancel := context.WithTimeout(ctx, signInBudget)
	defer cancel()
	go func() {
		select {
		case <-s.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	t, err := s.replace(ctx)
	if err != nil && s.isClosed() {
		err = errClosed
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.current, s.renewalPauseTill = t, time.Time{}
		return t, nil
	case s.current.usable(s.clock.local()):
		s.renewalPauseTill = s.clock.local().Add(renewalPause)
		return s.current, nil
	}
	return token{}, err
}

func (s *tokenSource) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// replace renews the current token, and signs in if there is none or renewal fails.
func (s *tokenSource) replace(ctx context.Context) (token, error) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current.usable(s.clock.local()) {
		if renewed, err := s.renew(ctx, current); err == nil {
			return renewed, nil
		}
	}
	return s.signInWithCredentials(ctx)
}

// signInWithCredentials exchanges the credentials for a token, unless they are throttled.
func (s *tokenSource) signInWithCredentials(ctx context.Context) (token, error) {
	attempt, err := s.account.Begin(ctx)
	if throttled, ok := errors.AsType[*login.ThrottledError](err); ok {
		return token{}, s.throttled(throttled)
	}
	if err != nil {
		return token{}, err
	}
	defer attempt.Inconclusive() // unless it has ended already
	raw, err := s.signInWithRetries(ctx)
	if refusal, ok := errors.AsType[*CredentialsError](err); ok {
		refusal.Until = attempt.Refused(ctx)
		s.remember(refusal)
	}
	if err != nil {
		return token{}, err
	}
	attempt.Accepted()
	s.remember(nil)
	return newToken(raw, s.clock), nil
}

// prove tries the credentials even though there is a token that works and could be renewed, unless they were accepted
// no longer ago than maxAge. After a refusal that token stays in use.
func (s *tokenSource) prove(ctx context.Context, maxAge time.Duration) error {
	s.mu.Lock()
	age := s.clock.local().Sub(s.provedAt)
	s.mu.Unlock()
	if age < maxAge {
		return nil
	}
	fresh, err := s.signInWithCredentials(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.renewalPauseTill = fresh, time.Time{}
	return nil
}

func (s *tokenSource) remember(refusal *CredentialsError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal = refusal; refusal == nil {
		s.provedAt = s.clock.local()
	}
}

// throttled returns the earlier refusal that keeps the credentials from being sent.
func (s *tokenSource) throttled(cause *login.ThrottledError) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == nil { // known from an earlier process, or caused by other accounts at the address
		return &CredentialsError{Reason: ReasonThrottled, Answer: cause.Why, Until: cause.Until}
	}
	again := *s.refusal
	again.Until = cause.Until
	return &again
}

// renew exchanges a token for a newer one (docs/vendors/nps.md 1.4).
func (s *tokenSource) renew(ctx context.Context, old token) (token, error) {
	req := get(operationRenewToken, "UserToken")
	req.Header = bearer(old.raw)
	resp, err := s.rest.Do(ctx, req)
	if err != nil {
		return token{}, err
	}
	raw, err := tokenIn(resp, s.secrets)
	if err != nil {
		return token{}, err
	}
	s.clock.observe(resp.Header)
	return newToken(raw, s.clock), nil
}

func (s *tokenSource) signInWithRetries(ctx context.Context) (string, error) {
	for _, wait := range signInRetries {
		raw, err := s.signIn.token(ctx)
		if err == nil || !isTransient(err) {
			return raw, err
		}
		if rest.Sleep(ctx, wait) != nil {
			return "", err
		}
	}
	return s.signIn.token(ctx)
}

// isTransient reports whether a sign-in failed for a reason that passes within seconds. A time-out is not retried: it
// may have prompted a user on their phone.
func isTransient(err error) bool {
	e := rest.As(err)
	if e == nil || rest.IsOpen(err) || rest.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled) {
		return false
	}
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	if unverified || rest.CauseOf(err) == rest.CauseHandshake {
		return false
	}
	return e.Status == 0 || e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
}

// discard discards a token that the server refused, so that the next get signs in. It reports false if that would be
// useless.
func (s *tokenSource) discard(refused token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.raw != refused.raw {
		return true // another caller was faster
	}
	if s.clock.local().Before(s.signInPauseTill) {
		return false
	}
	s.current = token{}
	return true
}

// pauseSignIns records that a token was refused although it was obtained because of a refusal.
func (s *tokenSource) pauseSignIns(fresh token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.raw == fresh.raw {
		s.signInPauseTill = s.clock.local().Add(signInPause)
	}
}
