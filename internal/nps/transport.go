// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// maxDrain is how much of a refused call's answer is read so that its connection can be used again, in bytes.
const maxDrain = 64 << 10

// wireConfig is what the two REST clients of a Client have in common: one for sign-ins, one for all other calls.
type wireConfig struct {
	config  Config
	network http.RoundTripper // nil is the network
	secrets *rest.Secrets
	words   *words
}

// signIns configures the client of sign-ins and renewals.
func (w wireConfig) signIns() rest.Config {
	return w.rest(func(network http.RoundTripper) http.RoundTripper {
		return limitTransport{next: network, limiter: w.config.Limiter}
	}, w.config.Auth.signInTLS(w.config.TLS), w.config.Timeout)
}

// calls configures the client of all other calls. The time-out of a call leaves room for a sign-in; its exchanges with
// the server have time-outs of their own.
func (w wireConfig) calls(tokens *tokenSource) rest.Config {
	return w.rest(func(network http.RoundTripper) http.RoundTripper {
		timed := timeoutTransport{next: network, timeout: w.config.Timeout, fence: w.config.Fence}
		return &authTransport{next: limitTransport{next: timed, limiter: w.config.Limiter}, tokens: tokens}
	}, w.config.TLS, signInBudget+2*w.config.Timeout)
}

func (w wireConfig) rest(
	wrap func(http.RoundTripper) http.RoundTripper, tlsConfig *tls.Config, timeout time.Duration,
) rest.Config {
	return rest.Config{
		URL: w.config.URL, TLS: tlsConfig, UserAgent: w.config.UserAgent, Timeout: timeout,
		DecodeError: w.words.ofError, Secrets: w.secrets, Breaker: w.config.Breaker, Memory: w.config.Memory,
		Network: w.config.Network,
		Authenticate: func(network http.RoundTripper) http.RoundTripper {
			if w.network != nil {
				network = w.network
			}
			return wrap(network)
		},
	}
}

// authTransport adds the token to each request. After a 401 it gets a fresh token and repeats the call once: NPS looks
// at the token before it does anything, so that is safe for a POST too (nps contract 1.4).
type authTransport struct {
	next   http.RoundTripper
	tokens *tokenSource
}

func (t *authTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	used, err := t.tokens.get(req.Context())
	if err != nil {
		closeBody(req)
		return nil, notSent(req.Method, req.URL.Path, err)
	}
	resp, err := t.next.RoundTrip(authorized(req, used))
	if err == nil {
		t.tokens.clock.observeAnswer(resp)
	}
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !t.tokens.drop(used) {
		return resp, err
	}
	again, err := rewound(req)
	if err != nil {
		return resp, nil //nolint:nilerr // a body that cannot be sent twice leaves the 401 as it is
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	_ = resp.Body.Close()
	return t.repeat(again)
}

func (t *authTransport) repeat(req *http.Request) (*http.Response, error) {
	fresh, err := t.tokens.get(req.Context())
	if err != nil {
		closeBody(req)
		return nil, notSent(req.Method, req.URL.Path, err)
	}
	resp, err := t.next.RoundTrip(authorized(req, fresh))
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		t.tokens.keep(fresh)
	}
	return resp, err
}

// authorized is a copy of the request, because a RoundTripper must not change the one that it is given.
func authorized(req *http.Request, t token) *http.Request {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+t.raw)
	return req
}

// rewound is a copy of the request with its body from the beginning.
func rewound(req *http.Request) (*http.Request, error) {
	again := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return again, nil
	}
	if req.GetBody == nil {
		return nil, fmt.Errorf("%s %s: the body can be read once only", req.Method, req.URL.Path)
	}
	body, err := req.GetBody()
	again.Body = body
	return again, err
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// limitTransport spaces requests out.
type limitTransport struct {
	next    http.RoundTripper
	limiter Limiter // nil is no limit
}

func (t limitTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.limiter != nil {
		if err := t.limiter.Wait(req.Context()); err != nil {
			closeBody(req)
			return nil, fmt.Errorf("wait for the limit of requests per second: %w", err)
		}
		req = t.everyAttempt(req)
	}
	return t.next.RoundTrip(req)
}

// everyAttempt has the network's own repetitions counted, too: a request that met a connection which the server was
// just closing is sent again by net/http without a word, as many at once as there were connections.
func (t limitTransport) everyAttempt(req *http.Request) *http.Request {
	ctx, attempts := req.Context(), 0
	trace := &httptrace.ClientTrace{GetConn: func(string) {
		if attempts++; attempts > 1 {
			_ = t.limiter.Wait(ctx) // a context that is over ends the attempt itself
		}
	}}
	return req.WithContext(httptrace.WithClientTrace(ctx, trace))
}

// timeoutTransport bounds one exchange, from dialling to the last byte of the answer.
type timeoutTransport struct {
	next    http.RoundTripper
	timeout time.Duration
	fence   func() error // nil forbids nothing
}

// permits is asked right before a request is sent. Only what asks for a session or prolongs it is a POST here.
func (t timeoutTransport) permits(req *http.Request) error {
	switch {
	case tooLate(req.Context()):
		return ErrTooLate
	case t.fence != nil && req.Method == http.MethodPost:
		return t.fence()
	}
	return nil
}

func (t timeoutTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.permits(req); err != nil {
		closeBody(req)
		return nil, &rest.Error{Method: req.Method, Path: req.URL.Path, Message: "not sent: " + err.Error(), Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(req.Context(), t.timeout, &rest.TimeoutError{After: t.timeout})
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if ctx.Err() != nil && req.Context().Err() == nil { // our time-out, not the caller's
			err = fmt.Errorf("%w: %w", context.Cause(ctx), ctx.Err())
		}
		cancel()
		return nil, err
	}
	resp.Body = &timedBody{ReadCloser: resp.Body, cancel: cancel}
	return resp, nil
}

// timedBody ends the exchange's context when the answer has been read.
type timedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *timedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
