// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// silent is a server that can be made to accept calls and stay silent, or to stop in the middle of an answer.
type silent struct {
	*httptest.Server

	mu    sync.Mutex
	mode  string
	calls []string
	over  chan struct{}
}

func newSilent(t *testing.T) *silent {
	t.Helper()
	s := &silent{over: make(chan struct{})}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls = append(s.calls, r.URL.Path)
		mode := s.mode
		s.mu.Unlock()
		switch mode {
		case "hang":
			<-s.over
		case "stop":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
			w.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // a test server's is one
			<-s.over
		case "error":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, "{}")
		}
	}))
	t.Cleanup(func() {
		close(s.over)
		s.Close()
	})
	return s
}

func (s *silent) set(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
}

func (s *silent) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, call := range s.calls {
		if call == path {
			n++
		}
	}
	return n
}

func breakerClient(t *testing.T, s *silent, b *rest.Breaker) *rest.Client {
	t.Helper()
	transport, ok := s.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	c, err := rest.NewClient(rest.Config{
		URL: s.URL, TLS: transport.TLSClientConfig, Timeout: 100 * time.Millisecond, Breaker: b,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ask(ctx context.Context, c *rest.Client, path string) error {
	_, err := c.Do(ctx, rest.Request{Method: http.MethodGet, Path: []string{path}})
	return err
}

func TestAServerThatSaysNothingIsAskedByItsProbeOnly(t *testing.T) {
	for mode, words := range map[string]string{"hang": "before the answer", "stop": "in the middle of the answer"} {
		t.Run(words, func(t *testing.T) {
			s := newSilent(t)
			opened := make(chan struct{}, 10)
			var states []rest.CircuitState
			b := &rest.Breaker{
				Name: "connection a/b", Opened: func() { opened <- struct{}{} },
				Changed: func(state rest.CircuitState) { states = append(states, state) },
			}
			c := breakerClient(t, s, b)
			s.set(mode)
			if err := ask(t.Context(), c, "first"); err == nil || rest.IsOpen(err) {
				t.Fatal(err)
			}
			<-opened
			probe := func(ctx context.Context) error { return ask(ctx, c, "probe") }
			if restored, err := b.Probe(t.Context(), probe); restored || err == nil {
				t.Fatal(restored, err)
			}
			othersAreHeldBack(t, b, c)
			s.set("")
			if restored, err := b.Probe(t.Context(), probe); !restored || err != nil {
				t.Fatal(restored, err)
			}
			if err := ask(t.Context(), c, "others"); err != nil {
				t.Error(err)
			}
			if got := s.count("/others"); got != 1 {
				t.Errorf("the others asked %d times, want once, after the probe was answered", got)
			}
			want := []rest.CircuitState{
				rest.CircuitOpen, rest.CircuitHalfOpen, rest.CircuitOpen, rest.CircuitHalfOpen, rest.CircuitClosed,
			}
			if !slices.Equal(states, want) {
				t.Errorf("states %v, want %v", states, want)
			}
			if len(opened) != 0 {
				t.Error("it asked for another probe")
			}
		})
	}
}

func othersAreHeldBack(t *testing.T, b *rest.Breaker, c *rest.Client) {
	t.Helper()
	for range 3 {
		err := ask(t.Context(), c, "others")
		if !rest.IsOpen(err) || rest.IsOutcomeUnknown(err) || !strings.Contains(err.Error(), "connection a/b") {
			t.Fatal(err)
		}
	}
	circuit, open := b.Circuit()
	if !open || circuit.Failures != 1 || circuit.Last == nil || circuit.Next.Before(circuit.Since) {
		t.Errorf("%+v %v", circuit, open)
	}
}

func TestCallsWaitForTheFirstProbeOfABreakerThatHasJustOpened(t *testing.T) {
	s := newSilent(t)
	b := &rest.Breaker{Opened: func() {}}
	c := breakerClient(t, s, b)
	s.set("hang")
	_ = ask(t.Context(), c, "first")
	s.set("")
	answers := make(chan error)
	go func() { answers <- ask(t.Context(), c, "other") }()
	select {
	case err := <-answers:
		t.Fatal("it did not wait for the probe", err)
	default:
	}
	if _, err := b.Probe(t.Context(), func(ctx context.Context) error { return ask(ctx, c, "probe") }); err != nil {
		t.Fatal(err)
	}
	if err := <-answers; err != nil {
		t.Error(err)
	}
}

// TestCallsWaitOnlySoLongForAProbe: a connection that was closed, or whose credentials are gone, is not probed.
func TestCallsWaitOnlySoLongForAProbe(t *testing.T) {
	s := newSilent(t)
	var ahead atomic.Int64
	b := &rest.Breaker{
		Opened: func() {}, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	}
	c := breakerClient(t, s, b)
	s.set("hang")
	_ = ask(t.Context(), c, "first")
	ahead.Store(int64(4900 * time.Millisecond))
	for range 2 { // one waits for the rest of the time, the other no longer
		if err := ask(t.Context(), c, "other"); !rest.IsOpen(err) {
			t.Errorf("got %v", err)
		}
		ahead.Store(int64(5 * time.Second))
	}
}

func TestAnAnswerOfAnyStatusClosesABreaker(t *testing.T) {
	s := newSilent(t)
	b := &rest.Breaker{}
	c := breakerClient(t, s, b)
	s.set("error")
	if err := ask(t.Context(), c, "x"); err == nil {
		t.Fatal("a 503 is an error")
	}
	if _, open := b.Circuit(); open {
		t.Error("an answer has opened it")
	}
	s.set("hang")
	_ = ask(t.Context(), c, "x")
	s.set("error")
	restored, err := b.Probe(t.Context(), func(ctx context.Context) error { return ask(ctx, c, "probe") })
	if !restored || err == nil {
		t.Error(restored, err)
	}
}

func TestACallerThatLeavesSaysNothingAboutTheServer(t *testing.T) {
	s := newSilent(t)
	b := &rest.Breaker{}
	c := breakerClient(t, s, b)
	s.set("hang")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := ask(ctx, c, "x"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, open := b.Circuit(); open {
		t.Error("it opened")
	}
}

func TestVitalCallsGoThroughAnOpenBreaker(t *testing.T) {
	s := newSilent(t)
	b := &rest.Breaker{}
	c := breakerClient(t, s, b)
	s.set("hang")
	_ = ask(t.Context(), c, "x")
	s.set("")
	if err := ask(rest.Vital(t.Context()), c, "rollback"); err != nil {
		t.Error(err)
	}
	if _, open := b.Circuit(); !open {
		t.Error("only a probe closes it")
	}
}

func TestAProbeThatAsksNothingLeavesABreakerOpen(t *testing.T) {
	s := newSilent(t)
	b := &rest.Breaker{}
	c := breakerClient(t, s, b)
	s.set("hang")
	_ = ask(t.Context(), c, "x")
	restored, err := b.Probe(t.Context(), func(context.Context) error { return errors.New("its Secret is missing") })
	if circuit, open := b.Circuit(); restored || err == nil || !open || circuit.State != rest.CircuitOpen {
		t.Error(restored, err, circuit, open)
	}
}

func TestPausesBetweenProbesGrow(t *testing.T) {
	s := newSilent(t)
	now := time.Now()
	b := &rest.Breaker{Now: func() time.Time { return now }}
	c := breakerClient(t, s, b)
	s.set("hang")
	last := time.Duration(0)
	for range 3 {
		_, _ = b.Probe(t.Context(), func(ctx context.Context) error { return ask(ctx, c, "probe") })
		circuit, _ := b.Circuit()
		pause := circuit.Next.Sub(now)
		if pause <= last || !circuit.Since.Equal(now) {
			t.Errorf("a pause of %s after one of %s", pause, last)
		}
		last = pause
	}
}
