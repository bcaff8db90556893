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
	// renewalPause is the time between two tries to replace a token that still works.
	renewalPause = 30 * time.Second
	// distrustPause is how long a token is kept that is refused although it is the fruit of a 401: what is wrong is
	// then not the token, and signing in for each call would not help.
	distrustPause = time.Minute
	// signInBudget bounds a sign-in with all of its waits and repetitions.
	signInBudget = 5 * time.Minute
)

var errClosed = errors.New("the client is closed")

// signInRetries are the waits before a sign-in is repeated that met a server in trouble (nps contract 1.2).
var signInRetries = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// tokenSource holds the one token of a client. Whoever finds it missing or due starts a flight; all others wait for the
// same flight, each as long as its own context lives.
type tokenSource struct {
	signIn  signIn
	rest    *rest.Client
	secrets *rest.Secrets
	clock   *serverClock
	account *login.Account
	flights singleflight.Group
	closed  chan struct{}
	close   func() // ends flights that are under way

	mu        sync.Mutex
	current   token
	pauseTill time.Time         // no try to replace a token that still works before then
	keepTill  time.Time         // see distrustPause
	refusal   *CredentialsError // the last one, nil if none came after a success
	provedAt  time.Time         // when the credentials were last accepted
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

// get returns a token that should be good, and signs in or renews for it if need be.
func (s *tokenSource) get(ctx context.Context) (token, error) {
	if t, err := s.cached(); t.raw != "" || err != nil {
		return t, err
	}
	// A flight serves others too; see fly.
	flight := s.flights.DoChan("", func() (any, error) { return s.fly(rest.Marked(context.Background(), ctx)) })
	select {
	case <-ctx.Done():
		return token{}, ctx.Err()
	case result := <-flight:
		t, _ := result.Val.(token)
		return t, result.Err
	}
}

// cached returns the token if it can be used as it is.
func (s *tokenSource) cached() (token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	local := s.clock.local()
	switch {
	case s.current.usable(local):
		if local.Before(s.current.renewAt) || local.Before(s.pauseTill) {
			return s.current, nil
		}
	}
	return token{}, nil
}

// fly replaces the token. It has nothing of the context of the caller who happened to come first: not its end, because
// a code that is used up and a phone that has rung should serve the next one, and not its trace, which would take the
// sign-in for the caller's own request. A token that still works outlives a failure to replace it.
func (s *tokenSource) fly(ctx context.Context) (token, error) {
	if t, err := s.cached(); t.raw != "" || err != nil { // an earlier flight landed meanwhile
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
		s.current, s.pauseTill = t, time.Time{}
		return t, nil
	case s.current.usable(s.clock.local()):
		s.pauseTill = s.clock.local().Add(renewalPause)
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

// replace renews the present token, and signs in if there is none or that fails.
func (s *tokenSource) replace(ctx context.Context) (token, error) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current.usable(s.clock.local()) {
		if renewed, err := s.renew(ctx, current); err == nil {
			return renewed, nil
		}
	}
	return s.signInAnew(ctx)
}

// signInAnew trades the credentials for a token, unless they are held off.
func (s *tokenSource) signInAnew(ctx context.Context) (token, error) {
	attempt, err := s.account.Begin(ctx)
	if held, ok := errors.AsType[*login.HeldError](err); ok {
		return token{}, s.heldOff(held)
	}
	if err != nil {
		return token{}, err
	}
	defer attempt.Unanswered() // unless it ends otherwise
	raw, err := s.signInPatiently(ctx)
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

// prove has the credentials tried although there is a token that works and would go on being renewed, unless they were
// accepted no longer ago than maxAge. A refusal leaves that token in use.
func (s *tokenSource) prove(ctx context.Context, maxAge time.Duration) error {
	s.mu.Lock()
	age := s.clock.local().Sub(s.provedAt)
	s.mu.Unlock()
	if age < maxAge {
		return nil
	}
	fresh, err := s.signInAnew(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.pauseTill = fresh, time.Time{}
	return nil
}

func (s *tokenSource) remember(refusal *CredentialsError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal = refusal; refusal == nil {
		s.provedAt = s.clock.local()
	}
}

// heldOff is the refusal because of which the credentials are not sent.
func (s *tokenSource) heldOff(held *login.HeldError) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == nil { // an earlier process knows it, or other accounts have used the address up
		return &CredentialsError{Reason: ReasonHeldOff, Answer: held.Why, Until: held.Until}
	}
	again := *s.refusal
	again.Until = held.Until
	return &again
}

// renew trades a token for a younger one (nps contract 1.4).
func (s *tokenSource) renew(ctx context.Context, old token) (token, error) {
	req := get("UserToken")
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

func (s *tokenSource) signInPatiently(ctx context.Context) (string, error) {
	for _, wait := range signInRetries {
		raw, err := s.signIn.token(ctx)
		if err == nil || !worthRepeating(err) {
			return raw, err
		}
		if rest.Sleep(ctx, wait) != nil {
			return "", err
		}
	}
	return s.signIn.token(ctx)
}

// worthRepeating says that a sign-in failed for a reason that passes by itself in seconds. A time-out is not repeated:
// it may have rung somebody's phone.
func worthRepeating(err error) bool {
	e := rest.As(err)
	if e == nil || rest.IsOpen(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	return e.Status == 0 || e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
}

// drop forgets a token that the server refused, so that the next get signs in. It is false if that would be useless.
func (s *tokenSource) drop(refused token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.raw != refused.raw {
		return true // somebody else was faster
	}
	if s.clock.local().Before(s.keepTill) {
		return false
	}
	s.current = token{}
	return true
}

// keep notes that a token was refused although it was got because of a refusal.
func (s *tokenSource) keep(fresh token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.raw == fresh.raw {
		s.keepTill = s.clock.local().Add(distrustPause)
	}
}
