// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// sessionPath is the path of the sessions on the server (nps contract 4).
const sessionPath = "/api/v1/ActivitySession"

// server is a simulated NPS server behind TLS, in this process.
type server struct {
	*nps.Server
	url    string
	ca     []byte // PEM
	pool   *x509.CertPool
	client simulator.Pair // the certificate of the application user
	// held keeps new sessions from starting.
	held atomic.Bool
}

// startServer starts one that ends with the scenario. The sessions take different times to start.
func startServer(ctx context.Context, b *bench) (*server, error) {
	s := &server{Server: nps.New(nps.Options{})}
	created := atomic.Int64{}
	s.Faults().OnRequest(func(r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != sessionPath {
			return
		}
		delay := startDelay(int(created.Add(1)), b.provisioning)
		if s.held.Load() {
			delay = time.Hour
		}
		s.SetSwitches(func(w *nps.Switches) { w.ProvisioningDelay = nps.Duration(delay) })
	})
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	running, err := simulator.Serve(serving, simulator.Config{
		Listeners: []simulator.Listener{{Name: "nps", Handler: s.Handler()}},
	})
	if err != nil {
		stop()
		return nil, err
	}
	b.atEnd(func() error { stop(); return running.Wait() })
	s.url, s.client = running.URL("nps"), running.Client()
	s.ca, s.pool = running.CA().CertificatePEM(), running.CA().Pool()
	return s, nil
}

// quickestStart is the shortest time that a session takes to start.
func quickestStart(longest time.Duration) time.Duration { return longest / 5 }

// startDelay is how long the nth session takes to start: spread evenly between a fifth of the maximum and the maximum,
// and the same in each run (multiples of the golden ratio leave no gap).
func startDelay(n int, longest time.Duration) time.Duration {
	_, part := math.Modf(float64(n) * math.Phi)
	least := quickestStart(longest)
	return least + time.Duration(part*float64(longest-least))
}
