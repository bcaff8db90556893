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

// renewal says what a session does when the appliance does not know it any more.
type renewal bool

const (
	// renewing logs in again and repeats the request, once.
	renewing renewal = true
	// steadfast passes the 401 on: with the log-in session its transaction is gone, and a new one would be empty.
	steadfast renewal = false
)

// session is one log-in session: a transport that adds the cookie, and the rest client that uses it.
type session struct {
	rest    *rest.Client
	next    http.RoundTripper
	logins  *authenticator
	renewal renewal
	stored  bool // it came from the SessionStore, and is not ours
	flight  singleflight.Group
	look    *time.Timer // when it is looked at again; the Client's mutex guards it

	mu     sync.Mutex
	cookie string
}

func (c *Client) newSession(r renewal) (*session, error) {
	s := &session{logins: c.logins, renewal: r}
	client, err := c.connect(func(next http.RoundTripper) http.RoundTripper {
		s.next = next
		return s
	})
	s.rest = client
	return s, err
}

// send sends a request that changes something. Where nothing of the answer is needed, out is nil: then it may be empty,
// but a page of something in front of the appliance proves nothing, whatever its status.
func (s *session) send(ctx context.Context, req rest.Request, out any) error {
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

// RoundTrip sends the request in this session. Only a request without a body is repeated; all of ours that go through
// a renewing session have none.
func (s *session) RoundTrip(req *http.Request) (*http.Response, error) {
	cookie := s.current()
	if cookie == "" {
		var err error
		if cookie, err = s.renew(req.Context(), ""); err != nil {
			return nil, err
		}
	}
	if err := s.permits(req); err != nil {
		return nil, err
	}
	resp, err := s.next.RoundTrip(withCookie(req, cookie))
	repeatable := s.renewal == renewing && (req.Body == nil || req.Body == http.NoBody)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !repeatable {
		return resp, err
	}
	discard(resp)
	if cookie, err = s.renew(req.Context(), cookie); err != nil {
		return nil, err
	}
	return s.next.RoundTrip(withCookie(req, cookie))
}

func (s *session) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cookie
}

// renew logs in, unless somebody else has replaced the stale cookie meanwhile. All who come with the same one share one
// log-in; it goes on when one of them gives up.
func (s *session) renew(ctx context.Context, stale string) (cookie string, err error) {
	done := s.flight.DoChan(stale, func() (any, error) {
		if now := s.current(); now != stale {
			return now, nil
		}
		if s.renewal == steadfast { // the new cookie is about to take the place of another one in the store
			if err := s.logins.cfg.fence(); err != nil {
				return "", err
			}
		}
		fresh, err := s.logins.logIn(rest.Marked(s.logins.lifetime, ctx))
		if err != nil {
			return "", err
		}
		s.saved(s.logins.lifetime, fresh) //nolint:contextcheck // it serves others, too
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

// discard reads what is left of a small answer, so that its connection can be used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}
