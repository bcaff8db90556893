// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/span"
)

// CircuitState is the state of a Breaker.
type CircuitState int

// The states of a Breaker.
const (
	// CircuitClosed lets every call through.
	CircuitClosed CircuitState = iota
	// CircuitHalfOpen lets the calls of one probe through.
	CircuitHalfOpen
	// CircuitOpen lets nothing through until the next probe.
	CircuitOpen
)

// Pauses between probes of a server that does not answer; each is twice the previous one.
const (
	initialProbePause = time.Second
	maxProbePause     = 2 * time.Minute
)

// firstProbeWait bounds how long calls wait for the first probe. A connection that is closed, or whose credentials are
// gone, is not probed at all.
const firstProbeWait = 5 * time.Second

// Breaker is a circuit breaker: after one call without an answer, no other caller contacts the server until a probe
// gets an answer. Otherwise a server that accepts connections and stays silent would cost every caller the full
// time-out. Any status counts as an answer: this is only about silent servers.
//
// It is not one of the well-known libraries because of the probes: there, the first caller after a pause probes, with
// whatever it wanted to send. Here the component responsible for the connection does, with a request that changes
// nothing. A nil Breaker lets everything through. It is safe for concurrent use.
type Breaker struct {
	// Name is the server's name in errors.
	Name string
	// Opened is called when a call finds that the server does not answer: a probe is due. May be nil.
	Opened func()
	// Changed is called with every new state, in order; it must return quickly. May be nil.
	Changed func(CircuitState)
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu       sync.Mutex
	state    CircuitState
	since    time.Time
	next     time.Time
	failures int
	last     error
	// changed is closed when the state changes; nil unless a call waits for that.
	changed chan struct{}
}

// Circuit describes a Breaker that is not closed.
type Circuit struct {
	State CircuitState
	// Since is when the first call got no answer.
	Since time.Time
	// Failures counts the probes without an answer.
	Failures int
	// Next is when the next probe is due.
	Next time.Time
	// Last is the error of the last probe; nil if there was none yet.
	Last error
}

// OpenError is the cause of a call that was not sent because the server did not answer an earlier one.
type OpenError struct {
	Name string
	Next time.Time
}

// Error returns what does not answer, and when it is tried again.
func (e *OpenError) Error() string {
	return fmt.Sprintf("%s does not answer and is tried again at %s; nothing is sent until then", e.Name,
		e.Next.UTC().Format(time.RFC3339))
}

// IsOpen reports whether a call was not sent because the server did not answer another one.
func IsOpen(err error) bool {
	var e *OpenError
	return errors.As(err, &e)
}

type (
	probeKey struct{}
	vitalKey struct{}
)

// probeResult collects the results of the calls of one probe.
type probeResult struct {
	mu               sync.Mutex
	answered, failed bool
}

// Vital returns a context whose calls a Breaker never rejects, such as the roll-back of a transaction: left undone, it
// would lock out other clients.
func Vital(ctx context.Context) context.Context { return context.WithValue(ctx, vitalKey{}, true) }

// Marked returns a context that a Breaker treats like another one, and that is in the same trace. It is for work that
// is started by a call but outlives it, such as a log-in that other callers also wait for.
func Marked(ctx, like context.Context) context.Context {
	for _, key := range []any{probeKey{}, vitalKey{}} {
		if mark := like.Value(key); mark != nil {
			ctx = context.WithValue(ctx, key, mark)
		}
	}
	return span.With(ctx, like)
}

// Circuit returns the state; open is false if the breaker is closed.
func (b *Breaker) Circuit() (c Circuit, open bool) {
	if b == nil {
		return Circuit{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return Circuit{
		State: b.state, Since: b.since, Failures: b.failures, Next: b.next, Last: b.last,
	}, b.state != CircuitClosed
}

// Probe runs a probe; the caller must not run two at a time. The calls of the probe go through, and if at least one is
// answered and none fails, the breaker closes; restored reports whether it was open. The error is the probe's.
func (b *Breaker) Probe(ctx context.Context, probe func(context.Context) error) (restored bool, err error) {
	b.mu.Lock()
	wasOpen := b.state != CircuitClosed
	if wasOpen {
		b.enter(CircuitHalfOpen)
	}
	b.mu.Unlock()
	p := &probeResult{}
	err = probe(context.WithValue(ctx, probeKey{}, p))
	p.mu.Lock()
	answered, failed := p.answered, p.failed
	p.mu.Unlock()

	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case failed:
		b.fail()
		b.last = err
	case wasOpen && answered:
		b.failures, b.last = 0, nil
		b.enter(CircuitClosed)
		return true, err
	case wasOpen: // no call was made
		b.enter(CircuitOpen)
	}
	return false, err
}

// fail records that a probe got no answer. The caller holds the mutex.
func (b *Breaker) fail() {
	now := b.now()
	if b.state == CircuitClosed {
		b.since = now
	}
	b.next = now.Add(min(initialProbePause<<min(b.failures, 10), maxProbePause))
	b.failures++
	b.enter(CircuitOpen)
}

// enter changes the state. The caller holds the mutex.
func (b *Breaker) enter(state CircuitState) {
	if b.state == state {
		return
	}
	b.state = state
	b.notify()
	if b.Changed != nil {
		b.Changed(state)
	}
}

func (b *Breaker) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}

// admit returns why a call must not be sent; nil if it may.
func (b *Breaker) admit(ctx context.Context) error {
	if b == nil || ctx.Value(vitalKey{}) != nil || ctx.Value(probeKey{}) != nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal()
}

// wait is admit, but waits for the first probe of a breaker that has just opened: usually a single connection was cut,
// and the probe is answered within milliseconds. An open transaction need not be given up for that.
func (b *Breaker) wait(ctx context.Context) error {
	err := b.admit(ctx)
	for err != nil {
		b.mu.Lock()
		left := b.since.Add(firstProbeWait).Sub(b.now())
		if err = b.refusal(); err == nil || b.Opened == nil || b.failures > 0 || left <= 0 {
			b.mu.Unlock()
			return err
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(left):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// notify wakes whoever waits for a change. The caller holds the mutex.
func (b *Breaker) notify() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// refusal returns the error of a call that is rejected. The caller holds the mutex.
func (b *Breaker) refusal() error {
	if b.state == CircuitClosed {
		return nil
	}
	return &OpenError{Name: b.Name, Next: b.next}
}

// record records the result of a call.
func (b *Breaker) record(ctx context.Context, ok bool) {
	if p, probes := ctx.Value(probeKey{}).(*probeResult); probes {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answered, p.failed = p.answered || ok, p.failed || !ok
		return
	}
	if ok || ctx.Value(vitalKey{}) != nil {
		return
	}
	b.mu.Lock()
	first := b.state == CircuitClosed
	if first {
		b.since, b.next, b.failures, b.last = b.now(), b.now(), 0, nil
		b.enter(CircuitOpen)
	}
	b.mu.Unlock()
	if first && b.Opened != nil {
		b.Opened()
	}
}

// wrap returns a transport whose calls are recorded.
func (b *Breaker) wrap(next http.RoundTripper) http.RoundTripper {
	if b == nil {
		return next
	}
	return breakerTransport{next: next, breaker: b}
}

type breakerTransport struct {
	next    http.RoundTripper
	breaker *Breaker
}

func (t breakerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.breaker.admit(req.Context()); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		if !callerLeft(req.Context()) {
			t.breaker.record(req.Context(), false)
		}
		return nil, err
	}
	resp.Body = &watchedBody{ReadCloser: resp.Body, ctx: req.Context(), breaker: t.breaker}
	return resp, nil
}

// callerLeft reports whether the caller has given up, which says nothing about the server.
func callerLeft(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// watchedBody is an answer that may stop midway.
type watchedBody struct {
	io.ReadCloser

	ctx      context.Context
	breaker  *Breaker
	reported bool
}

func (b *watchedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	if err != nil && !b.reported {
		b.reported = true
		if complete := errors.Is(err, io.EOF); complete || !callerLeft(b.ctx) {
			b.breaker.record(b.ctx, complete)
		}
	}
	return n, err
}

func (b *watchedBody) Close() error {
	if !b.reported { // the caller read enough
		b.reported = true
		b.breaker.record(b.ctx, true)
	}
	return b.ReadCloser.Close()
}
