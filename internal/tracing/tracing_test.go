// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/pam-operator/pam-operator/test/collector"
)

func none(string) string { return "" }

func TestOffIsNothing(t *testing.T) {
	off, err := Start(t.Context(), Settings{}, none, "v1", logr.Discard())
	if off != nil || err != nil {
		t.Fatalf("got %v and %v", off, err)
	}
	if off.Tracer() != nil {
		t.Error("there is a tracer")
	}
	off.Close()
}

func TestSpansAreExported(t *testing.T) {
	to := collector.Start(t)
	on, err := Start(t.Context(), Settings{Endpoint: to.Endpoint, Insecure: true, Ratio: 1, RatioGiven: true}, none, "v1",
		logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	_, s := on.Tracer().Start(t.Context(), "reconcile")
	s.End()
	on.Close()
	if to.Names()["reconcile"] != 1 {
		t.Errorf("received %v", to.Names())
	}
	for _, want := range []string{"service.name", "pam-operator", "service.version", "v1"} {
		if !strings.Contains(to.Received(), want) {
			t.Errorf("the spans lack %q", want)
		}
	}
	if strings.Contains(to.Received(), "process.command") {
		t.Error("the spans show the command line")
	}
}

// TestACollectorThatIsDownDisturbsNobody: ending a span waits for nothing, and the end of the manager not for long.
func TestACollectorThatIsDownDisturbsNobody(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, endpoint := range map[string]string{"refused": "127.0.0.1:1", "silent": silent.Addr().String()} {
		on, err := Start(t.Context(), Settings{Endpoint: endpoint, Insecure: true, Ratio: 1, RatioGiven: true}, none, "v1",
			logr.Discard())
		if err != nil {
			t.Fatal(err)
		}
		on.flush = 100 * time.Millisecond
		begun := time.Now()
		for range 5000 { // more than are kept
			_, s := on.Tracer().Start(t.Context(), "reconcile")
			s.End()
		}
		on.Close()
		if took := time.Since(begun); took > flushWithin {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

func TestNothingIsConnectedBeforeThereAreSpans(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	on, err := Start(t.Context(), Settings{Endpoint: l.Addr().String(), Insecure: true}, none, "v1", logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	on.Close()
	_ = l.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("something connected: %v", err)
	}
}

func TestComplaintsAreRareAndShowNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		log := funcr.New(func(_, args string) { said = append(said, args) }, funcr.Options{})
		c := newComplaints(log, environment(map[string]string{
			"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20token-of-the-collector,x-key=key-of-the-collector",
		}))
		for range 3 {
			c.Handle(errors.New("rpc error: no such Bearer token-of-the-collector, key-of-the-collector\nor other"))
		}
		<-time.After(complainEvery)
		c.Handle(context.DeadlineExceeded)
		c.Handle(nil)
		if len(said) != 2 || !strings.Contains(said[1], `"unreported"=2`) || !strings.Contains(said[0], "rpc error") {
			t.Errorf("said %q", said)
		}
		if all := strings.Join(said, ""); strings.Contains(all, "of-the-collector") || strings.Contains(all, "\n") {
			t.Errorf("said %q", said)
		}
	})
}

// TestTheLibrarySaysNoValues: it logs a header that it cannot read together with its content.
func TestTheLibrarySaysNoValues(t *testing.T) {
	var said []string
	log := quiet(funcr.New(func(_, args string) { said = append(said, args) }, funcr.Options{}))
	log.Error(errors.New("missing '='"), "parse headers", "input", "password1")
	log.V(1).Info("limit reached", "value", "password1")
	log.V(4).Info("created", "config", "password1")
	log.WithName("a").WithValues("b", "password1").Info("more")
	if all := strings.Join(said, ""); len(said) != 3 || strings.Contains(all, "password1") {
		t.Errorf("said %q", said)
	}
}
