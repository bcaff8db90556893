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

// maxDrain is how much of a refused call's answer is read so that its connection can be reused, in bytes.
const maxDrain = 64 << 10

// wireConfig is the common configuration of a Client's two REST clients: one for sign-ins, one for all other calls.
type wireConfig struct {
	config   Config
	network  http.RoundTripper // nil means the network
	secrets  *rest.Secrets
	redactor *redactor
}

// signIns configures the client of sign-ins and renewals.
func (w wireConfig) signIns() rest.Config {
	return w.rest(func(network http.RoundTripper) http.RoundTripper {
		return limitTransport{next: network, limiter: w.config.Limiter}
	}, w.config.Auth.signInTLS(w.config.TLS), w.config.Timeout)
}

// calls configures the client of all other calls. The time-out of a call leaves room for a sign-in; its exchanges with
// the server have their own time-outs.
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
		DecodeError: w.redactor.decodeError, Secrets: w.secrets, Breaker: w.config.Breaker, Memory: w.config.Memory,
		Network: w.config.Network, Observe: w.config.Observe,
		Authenticate: func(network http.RoundTripper) http.RoundTripper {
			if w.network != nil {
				network = w.network
			}
			return wrap(network)
		},
	}
}

// authTransport adds the token to each request. After a 401 it gets a new token and repeats the call once: NPS checks
// the token before it does anything, so that is safe even for a POST (docs/vendors/nps.md 1.4).
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
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !t.tokens.discard(used) {
		return resp, err
	}
	again, err := rewound(req)
	if err != nil {
		return resp, nil //nolint:nilerr // the body cannot be sent twice, so the 401 stands
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
		t.tokens.pauseSignIns(fresh)
	}
	return resp, err
}

// authorized returns a copy of the request with the token, because a RoundTripper must not change the original.
func authorized(req *http.Request, t token) *http.Request {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+t.raw)
	return req
}

// rewound returns a copy of the request with its body from the beginning.
func rewound(req *http.Request) (*http.Request, error) {
	again := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return again, nil
	}
	if req.GetBody == nil {
		return nil, fmt.Errorf("%s %s: the body can only be read once", req.Method, req.URL.Path)
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

// limitTransport spaces out requests.
type limitTransport struct {
	next    http.RoundTripper
	limiter Limiter // nil means no limit
}

func (t limitTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.limiter != nil {
		if err := t.limiter.Wait(req.Context()); err != nil {
			closeBody(req)
			return nil, fmt.Errorf("wait for the request rate limit: %w", err)
		}
		req = t.everyAttempt(req)
	}
	return t.next.RoundTrip(req)
}

// everyAttempt also counts the network's own retries: net/http silently resends a request whose connection the server
// was just closing, as often as there were connections.
func (t limitTransport) everyAttempt(req *http.Request) *http.Request {
	ctx, attempts := req.Context(), 0
	trace := &httptrace.ClientTrace{GetConn: func(string) {
		if attempts++; attempts > 1 {
			_ = t.limiter.Wait(ctx) // if the context ends, so does the attempt
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

// checkMaySend is called right before a request is sent. Here only requests to create or extend a session are POSTs.
func (t timeoutTransport) checkMaySend(req *http.Request) error {
	switch {
	case pastSendDeadline(req.Context()):
		return ErrSendDeadline
	case t.fence != nil && req.Method == http.MethodPost:
		return t.fence()
	}
	return nil
}

func (t timeoutTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.checkMaySend(req); err != nil {
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

// timedBody cancels the exchange's context when the answer has been read.
type timedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *timedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
