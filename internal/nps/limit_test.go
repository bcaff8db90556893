// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// turnstile counts its callers.
type turnstile struct{ passed atomic.Int32 }

func (l *turnstile) Wait(context.Context) error {
	l.passed.Add(1)
	return nil
}

// TestWhatTheNetworkRepeatsByItselfIsCountedToo is about a server that closes connections just before they are
// reused, as happens when it restarts.
func TestWhatTheNetworkRepeatsByItselfIsCountedToo(t *testing.T) {
	api := newRecorder()
	var (
		arrived atomic.Int32
		used    sync.Map
	)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		_, again := used.LoadOrStore(r.RemoteAddr, true)
		if again && r.Method == http.MethodGet { // other methods are not resent
			panic(http.ErrAbortHandler)
		}
		api.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	limiter := &turnstile{}
	trust := x509.NewCertPool()
	trust.AddCert(server.Certificate())
	client, err := New(Config{
		URL: server.URL, Auth: User{Username: "u", Password: testPassword}, Limiter: limiter,
		TLS: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for range 5 {
		if _, err := client.Version(t.Context()); rest.As(err) != nil && rest.As(err).Status != 0 {
			t.Fatal(err)
		}
	}
	if arrived.Load() <= 6 {
		t.Fatalf("%d requests arrived: nothing was repeated", arrived.Load())
	}
	if got, want := limiter.passed.Load(), arrived.Load(); got < want {
		t.Errorf("%d requests arrived, and %d were counted", want, got)
	}
}
