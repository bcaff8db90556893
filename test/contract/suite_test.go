// SPDX-License-Identifier: Apache-2.0

// Package contract_test runs the same cases against the simulated appliances and against real ones, so that the
// clients, the simulators and, where there is one, the appliance agree on what the contracts say.
//
// Without any variable the cases run against the simulators alone: SPS in its versions 6.0, 7.0 and 8.0, and NPS. A
// real appliance is added by its URL. It gets the cases that destroy nothing and clean up behind themselves; the
// others are skipped there, each with its reason. What they make is named pam-operator-contract-*.
//
//	SPS_URL           https://host[:port]
//	SPS_USERNAME, SPS_PASSWORD
//	SPS_LOGIN_METHOD  optional, the name of an authentication back end
//	SPS_CA_FILE       optional, PEM; the system's trust store by default
//
//	NPS_URL           https://host[:port]
//	NPS_USERNAME, NPS_PASSWORD, and NPS_TOTP_SECRET or NPS_MFA_CODE if the account has a second factor; or
//	NPS_APPLICATION, NPS_API_KEY, NPS_CERT_FILE, NPS_KEY_FILE, and NPS_SERIAL_NUMBER unless it is the certificate's
//	NPS_ACTIVITY, NPS_RESOURCE  optional, what to ask for; cases that need a session are skipped without them
//	NPS_CA_FILE       optional, PEM
//
// A real appliance takes its time over every commit: go test -run /real -timeout 1h ./test/contract
//
// Nothing waits: the simulators live by a clock that only the test moves, and fail when they are told to. Only on a
// real NPS, a case that needs an active session asks for its state until it is reached.
package contract_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator"
)

const userAgent = "pam-operator-contract/1"

// clock is a clock that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock is near the true time, because certificates are checked against it, and at the start of a TOTP step, so that
// no client waits for the next one.
func newClock() *clock { return &clock{now: time.Now().UTC().Truncate(totpStep)} }

const totpStep = 30 * time.Second

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// authority signs the certificates of all simulators of this process.
var authority = sync.OnceValues(simulator.NewCA)

// ca is the authority, which exists.
func ca(t *testing.T) *simulator.CA {
	t.Helper()
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// host serves a simulator until the test ends.
func host(t *testing.T, listener simulator.Listener) *simulator.Running {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context())) // clients are closed first
	running, err := simulator.Serve(ctx, simulator.Config{CA: ca(t), Listeners: []simulator.Listener{listener}})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := running.Wait(); err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	return running
}

// trust is the TLS configuration that trusts the simulators, with a client certificate if there is one.
func trust(t *testing.T, client ...tls.Certificate) *tls.Config {
	t.Helper()
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca(t).Pool(), Certificates: client}
}

// trustFile is the TLS configuration of a real appliance: the CA of a file, or the system's trust store without one.
func trustFile(t *testing.T, file string) *tls.Config {
	t.Helper()
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return cfg
	}
	pem, err := os.ReadFile(file) //nolint:gosec // whoever runs the test names the file
	if err != nil {
		t.Fatal(err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", file)
	}
	return cfg
}

// uniqueName is a name that says whose it is and that nobody has.
func uniqueName(of string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return "pam-operator-contract-" + of + "-" + hex.EncodeToString(b[:])
}
