// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pam-operator/pam-operator/test/collector"
)

func TestOffIsNothing(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"no endpoint": {},
		"disabled":    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_SDK_DISABLED": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range env {
				t.Setenv(key, value)
			}
			off, err := Start(t.Context(), Settings{}, "v1", logr.Discard())
			if off != nil || err != nil || off.Tracer() != nil {
				t.Fatalf("got %v and %v", off, err)
			}
			off.Close()
		})
	}
}

func TestSpansAreSent(t *testing.T) {
	to := collector.Start(t)
	for name, s := range map[string]Settings{
		"by-flags":    {Endpoint: to.Endpoint, Insecure: true, Ratio: 1, RatioGiven: true},
		"by-variable": {Ratio: DefaultRatio},
	} {
		t.Run(name, func(t *testing.T) {
			if s.Endpoint == "" {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+to.Endpoint)
				t.Setenv("OTEL_TRACES_SAMPLER", "always_on")
			}
			on, err := Start(t.Context(), s, "v1", logr.Discard())
			if err != nil {
				t.Fatal(err)
			}
			_, span := on.Tracer().Start(t.Context(), name)
			span.End()
			on.Close()
			if to.Names()[name] != 1 {
				t.Errorf("received %v", to.Names())
			}
		})
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

// TestACollectorThatIsDownDisturbsNothing: ending a span waits for nothing, and the end of the manager not for long.
func TestACollectorThatIsDownDisturbsNothing(t *testing.T) {
	on, err := Start(t.Context(), Settings{Endpoint: "127.0.0.1:1", Insecure: true, Ratio: 1}, "v1", logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for range 5000 { // more than are kept
		_, s := on.Tracer().Start(t.Context(), "reconcile")
		s.End()
	}
	on.Close()
	if took := time.Since(begun); took > 2*flushWithin {
		t.Errorf("took %s", took)
	}
}

func TestNothingIsConnectedBeforeThereAreSpans(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	on, err := Start(t.Context(), Settings{Endpoint: l.Addr().String(), Insecure: true}, "v1", logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	on.Close()
	_ = l.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("something connected: %v", err)
	}
}

func TestAWrongFlagIsRefused(t *testing.T) {
	const at = "collector.observability:4317"
	for name, tt := range map[string]struct {
		settings Settings
		names    string
	}{
		"a ratio above 1":  {Settings{Endpoint: at, Ratio: 1.5}, "--tracing-sample-ratio: 1.5"},
		"a negative ratio": {Settings{Ratio: -1}, "--tracing-sample-ratio: -1"},
		"no number":        {Settings{Ratio: math.NaN()}, "--tracing-sample-ratio: NaN"},
		"a URL":            {Settings{Endpoint: "http://me:secret@collector:4317"}, "--tracing-endpoint: want host:port"},
		"no port":          {Settings{Endpoint: "collector"}, "--tracing-endpoint: want host:port"},
		"an empty port":    {Settings{Endpoint: "collector:"}, "--tracing-endpoint: want host:port"},
	} {
		_, err := Start(t.Context(), tt.settings, "v1", logr.Discard())
		if err == nil || !strings.Contains(err.Error(), tt.names) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestComplaintsAreRareAndShowNoHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		c := complaints(funcr.New(func(_, args string) { said = append(said, args) }, funcr.Options{}))
		for range 3 {
			c.Handle(status.Error(codes.Unauthenticated, "no such Bearer token-of-the-collector"))
		}
		<-time.After(complainEvery)
		c.Handle(status.Error(codes.Unavailable, "connection refused"))
		<-time.After(complainEvery)
		c.Handle(context.DeadlineExceeded)
		<-time.After(complainEvery)
		c.Handle(status.Error(codes.Unknown, "no such Bearer token-of-the-collector"))
		if len(said) != 4 || strings.Contains(said[3], "token-of") || !strings.Contains(said[0], `"Unauthenticated"`) ||
			!strings.Contains(said[1], "connection refused") || strings.Contains(said[0], "token-of") {
			t.Errorf("said %q", said)
		}
	})
}
