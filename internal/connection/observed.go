// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file is what metrics learn of clients.

// ClientState is what is known of a connection's client without a call.
type ClientState struct {
	// Kind is the kind of the connection, and Name its name.
	Kind string
	Name types.NamespacedName
	// URL is the canonical address of an appliance; empty for a server.
	URL string
	// Waiting is how many changes of an appliance wait for their commit.
	Waiting int
	// Checked is when an appliance last said which configuration it has; zero if it never did.
	Checked time.Time
	// TokenEnds, CertificateEnds, ServerCertificateEnds and CAEnds are when the token, our certificate, the server's, and
	// that of the authority which has verified it expire; zero if that is not known.
	TokenEnds, CertificateEnds, ServerCertificateEnds, CAEnds time.Time
}

// Clients returns the state of all clients. It never waits for one that is being built.
func (p *Pool) Clients() []ClientState {
	var out []ClientState
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, entry := range p.appliances {
		if a, built := entry.latest(); built {
			state := p.stateOf(metrics.SPS(name))
			state.URL, state.Waiting, state.Checked = a.URL, a.Waiting(), a.Inventory.CheckedAt()
			state.CertificateEnds = a.Certificate.Ends()
			out = append(out, state)
		}
	}
	for name, entry := range p.servers {
		if s, built := entry.client.latest(); built {
			state := p.stateOf(metrics.NPS(name))
			state.TokenEnds, state.CertificateEnds = s.TokenExpiresAt(), s.Certificate.Ends()
			out = append(out, state)
		}
	}
	return out
}

// stateOf returns what the calls of a connection have shown. The caller holds the mutex.
func (p *Pool) stateOf(c metrics.Connection) ClientState {
	state := ClientState{Kind: c.Kind, Name: c.NamespacedName}
	if calls := p.calls[c]; calls != nil {
		state.ServerCertificateEnds, state.CAEnds = calls.certificates()
	}
	return state
}

// calls counts the calls of one client, and keeps what they have shown of the server's certificate.
type calls struct {
	connection metrics.Connection

	mu                            sync.Mutex
	serverCertificateEnds, caEnds time.Time
}

// observe returns what a new client of a connection reports its calls to.
func (p *Pool) observe(c metrics.Connection) func(rest.Call) {
	own := &calls{connection: c}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c] = own
	return own.called
}

func (c *calls) called(call rest.Call) {
	c.connection.Called(call)
	if call.ServerCertificateEnds.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serverCertificateEnds, c.caEnds = call.ServerCertificateEnds, call.CAEnds
}

func (c *calls) certificates() (server, ca time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serverCertificateEnds, c.caEnds
}
