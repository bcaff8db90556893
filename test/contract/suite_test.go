// SPDX-License-Identifier: Apache-2.0

// Package contract_test runs the same cases against the simulated appliances and against real ones, so that the
// clients, the simulators and, if there is one, the appliance agree on the contracts.
//
// By default the cases run only against the simulators: SPS in its versions 6.0, 7.0 and 8.0, and NPS. To add a real
// appliance, set its URL. It gets the cases that destroy nothing and clean up; the others are skipped there, each with
// a reason. The objects they create are named pam-operator-contract-*.
//
//	SPS_URL           https://host[:port]
//	SPS_USERNAME, SPS_PASSWORD
//	SPS_LOGIN_METHOD  optional, the name of an authentication back end
//	SPS_CA_FILE       optional, PEM; the system's trust store by default
//
//	NPS_URL           https://host[:port]
//	NPS_USERNAME, NPS_PASSWORD, and NPS_TOTP_SECRET or NPS_MFA_CODE if the account has a second factor; or
//	NPS_APPLICATION, NPS_API_KEY, NPS_CERT_FILE, NPS_KEY_FILE, and NPS_SERIAL_NUMBER unless it is the certificate's
//	NPS_ACTIVITY, NPS_RESOURCE  optional, what to request; without them, cases that need a session are skipped
//	NPS_CA_FILE       optional, PEM
//
// A real appliance takes its time over every commit: go test -run /real -timeout 1h ./test/contract
//
// Nothing waits: the simulators use a clock that only the test moves, and fail on demand. Only on a real NPS does a
// case that needs an active session poll for it.
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

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/pam-operator/pam-operator/internal/simulator"
)

const userAgent = "pam-operator-contract/1"

// newClock starts near the real time, because certificates are checked against it, and at the start of a TOTP step, so
// that no client waits for the next one.
func newClock() *clocktesting.FakeClock {
	return clocktesting.NewFakeClock(time.Now().UTC().Truncate(totpStep))
}

const totpStep = 30 * time.Second

// authority signs the certificates of all simulators of this process.
var authority = sync.OnceValues(simulator.NewCA)

// ca returns the authority.
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

// trustFile is the TLS configuration of a real appliance: the CA in a file, or the system's trust store.
func trustFile(t *testing.T, file string) *tls.Config {
	t.Helper()
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return cfg
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the file is named by the user who runs the test
	if err != nil {
		t.Fatal(err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", file)
	}
	return cfg
}

// uniqueName is an unused name that shows where it comes from.
func uniqueName(of string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return "pam-operator-contract-" + of + "-" + hex.EncodeToString(b[:])
}
