// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pam-operator/pam-operator/internal/span"
)

// Call is one exchange with a server, as it was on the wire: one that is repeated after a 401 is two.
type Call struct {
	// Operation is that of the Request.
	Operation string
	// Result is the HTTP status of the answer, or one of the results below.
	Result string
	// Duration is from dialling to the last byte of the answer that was read.
	Duration time.Duration
	// TraceID is the ID of the trace that the call is in; empty if it is in none.
	TraceID string
	// ServerCertificateEnds is when the server's certificate expires, and CAEnds when that of the authority does by which
	// it was verified; zero if there was no TLS connection, and CAEnds if nothing was verified.
	ServerCertificateEnds, CAEnds time.Time
}

// Results of calls without a usable answer.
const (
	// ResultTimeout: no answer, or not all of it, in time.
	ResultTimeout = "timeout"
	// ResultConnection: there was no connection, or it was cut.
	ResultConnection = "connection"
	// ResultTLS: one of the two certificates was refused, or what answers does not speak TLS.
	ResultTLS = "tls"
	// ResultCancelled: the caller gave up.
	ResultCancelled = "cancelled"
	// ResultUnreadable: the answer is not the JSON that was expected, or too large.
	ResultUnreadable = "unreadable"
)

// Results lists the results that are no HTTP status.
func Results() []string {
	return []string{ResultTimeout, ResultConnection, ResultTLS, ResultCancelled, ResultUnreadable}
}

type callKey struct{}

// callMark goes with the context of an exchange down to the transport.
type callMark struct {
	operation  string
	unreadable atomic.Bool
}

// markCall returns a context whose exchanges are reported as an operation.
func markCall(ctx context.Context, operation string) (context.Context, *callMark) {
	mark := &callMark{operation: operation}
	return context.WithValue(ctx, callKey{}, mark), mark
}

// judge notes that an answer arrived and is of no use. It must be called before the answer's body is closed.
func (m *callMark) judge(err error) {
	if errors.Is(err, ErrMalformedAnswer) || IsTooLarge(err) || errors.Is(err, ErrBudget) {
		m.unreadable.Store(true)
	}
}

// observed returns a transport that reports each call; observe may be nil.
func observed(next http.RoundTripper, observe func(Call)) http.RoundTripper {
	if observe == nil {
		return next
	}
	return observedTransport{next: next, observe: observe}
}

type observedTransport struct {
	next    http.RoundTripper
	observe func(Call)
}

func (t observedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	begun, ctx := time.Now(), req.Context()
	mark, ok := ctx.Value(callKey{}).(*callMark)
	if !ok {
		mark = &callMark{}
	}
	spanned, traced := beginSpan(ctx, req, mark.operation)
	call := Call{Operation: mark.operation, TraceID: span.TraceID(spanned)}
	resp, err := t.next.RoundTrip(req.WithContext(spanned))
	if err != nil {
		call.Result, call.Duration = resultOf(ctx, err), time.Since(begun)
		endSpan(traced, call, 0)
		t.observe(call)
		return nil, err
	}
	call.Result = strconv.Itoa(resp.StatusCode)
	call.ServerCertificateEnds, call.CAEnds = certificateEnds(resp.TLS)
	resp.Body = &observedBody{ReadCloser: resp.Body, ended: func(at time.Time, failure error) {
		call.Duration = at.Sub(begun)
		switch {
		case failure != nil:
			call.Result = resultOf(ctx, failure)
		case mark.unreadable.Load():
			call.Result = ResultUnreadable
		}
		endSpan(traced, call, resp.StatusCode)
		t.observe(call)
	}}
	return resp, nil
}

// resultOf is the result of a call that failed.
func resultOf(ctx context.Context, err error) string {
	switch {
	case causeOfTLS(err) != CauseUnknown:
		return ResultTLS
	case IsTimeout(context.Cause(ctx)), causeOfSilence(err) == CauseTimeout:
		return ResultTimeout
	case errors.Is(ctx.Err(), context.Canceled):
		return ResultCancelled
	}
	return ResultConnection
}

// certificateEnds are when the server's certificate and its authority's expire. An authority may have several
// certificates; the server is trusted until the last one expires.
func certificateEnds(state *tls.ConnectionState) (server, ca time.Time) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return server, ca
	}
	for _, chain := range state.VerifiedChains {
		if root := chain[len(chain)-1]; root.NotAfter.After(ca) {
			ca = root.NotAfter
		}
	}
	return state.PeerCertificates[0].NotAfter, ca
}

// observedBody is an answer that is being read. Its end is reported when it is closed: only then its reader knows
// whether it is of use.
type observedBody struct {
	io.ReadCloser

	ended   func(at time.Time, failure error)
	at      time.Time // when its last byte was read, or reading failed
	failure error
	once    sync.Once
}

func (b *observedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	if err != nil && b.at.IsZero() {
		b.at = time.Now()
		if !errors.Is(err, io.EOF) {
			b.failure = err
		}
	}
	return n, err
}

func (b *observedBody) Close() error {
	b.once.Do(func() {
		if b.at.IsZero() {
			b.at = time.Now()
		}
		b.ended(b.at, b.failure)
	})
	return b.ReadCloser.Close()
}
