// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// reloginPolicy is what a log-in session does after a 401.
type reloginPolicy bool

const (
	// relogin logs in again and repeats the request, once.
	relogin reloginPolicy = true
	// noRelogin passes the 401 on: the transaction ended with its log-in session, and a new session would have an empty
	// one.
	noRelogin reloginPolicy = false
)

// loginSession is one log-in session: a transport that adds the cookie, and the rest client that uses it.
type loginSession struct {
	rest       *rest.Client
	next       http.RoundTripper
	logins     *authenticator
	policy     reloginPolicy
	stored     bool // loaded from the SessionStore, so another process may own it
	flight     singleflight.Group
	strayCheck *time.Timer // the next check for a stray transaction; guarded by the Client's mutex

	mu     sync.Mutex
	cookie string
}

func (c *Client) newLoginSession(p reloginPolicy) (*loginSession, error) {
	s := &loginSession{logins: c.logins, policy: p}
	client, err := c.connect(func(next http.RoundTripper) http.RoundTripper {
		s.next = next
		return s
	})
	s.rest = client
	return s, err
}

// send sends a request that changes something. If nothing of the answer is needed, out is nil: the answer may then be
// empty, but a page of a proxy in front of the appliance proves nothing, whatever its status.
func (s *loginSession) send(ctx context.Context, req rest.Request, out any) error {
	if out != nil {
		return s.rest.DoJSON(ctx, req, out)
	}
	resp, err := s.rest.Do(ctx, req)
	if err != nil {
		return err
	}
	if body := bytes.TrimSpace(resp.Body); len(body) > 0 && !json.Valid(body) {
		return malformed(req, "the answer is neither JSON nor empty")
	}
	return nil
}

// RoundTrip sends the request in this session. It repeats only requests without a body; no session with relogin sends
// any other.
func (s *loginSession) RoundTrip(req *http.Request) (*http.Response, error) {
	cookie := s.current()
	if cookie == "" {
		var err error
		if cookie, err = s.replaceCookie(req.Context(), ""); err != nil {
			return nil, err
		}
	}
	if err := s.checkFence(req); err != nil {
		return nil, err
	}
	resp, err := s.next.RoundTrip(withCookie(req, cookie))
	repeatable := s.policy == relogin && (req.Body == nil || req.Body == http.NoBody)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !repeatable {
		return resp, err
	}
	discard(resp)
	if cookie, err = s.replaceCookie(req.Context(), cookie); err != nil {
		return nil, err
	}
	return s.next.RoundTrip(withCookie(req, cookie))
}

func (s *loginSession) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cookie
}

// replaceCookie logs in, unless the stale cookie has been replaced in the meantime. Concurrent callers with the same
// stale cookie share one log-in, which continues if one of them gives up.
func (s *loginSession) replaceCookie(ctx context.Context, stale string) (cookie string, err error) {
	done := s.flight.DoChan(stale, func() (any, error) {
		if now := s.current(); now != stale {
			return now, nil
		}
		if s.policy == noRelogin { // the new cookie is about to replace another one in the store
			if err := s.logins.cfg.fence(); err != nil {
				return "", err
			}
		}
		fresh, err := s.logins.logIn(rest.Marked(s.logins.lifetime, ctx))
		if err != nil {
			return "", err
		}
		s.save(s.logins.lifetime, fresh) //nolint:contextcheck // it also serves other callers
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cookie = fresh
		return fresh, nil
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case result := <-done:
		cookie, _ = result.Val.(string)
		return cookie, result.Err
	}
}

func withCookie(req *http.Request, cookie string) *http.Request {
	req = req.Clone(req.Context())
	req.Header.Set("Cookie", sessionCookie+"="+cookie)
	return req
}

// discard reads the rest of a small answer, so that its connection can be reused.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}
