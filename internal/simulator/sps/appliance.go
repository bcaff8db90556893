// SPDX-License-Identifier: Apache-2.0

// Package sps is a simulated One Identity Safeguard for Privileged Sessions (SPS) appliance: the part of its REST API
// that docs/vendors/sps.md describes, with state, transactions, locks and log-in sessions.
//
// It implements what is written there alone and shares no code with any client, so that a misreading on one side does
// not hide on the other. Much of what that page calls inferred or unknown is a field of Switches, with the likeliest
// default: a client that works under every setting does not depend on a guess.
//
// The path of a request: Handler (faults) -> serve (routing, log-in session) -> configuration.go or one of the small
// areas -> transaction.go (the overlay of this log-in session) -> tree.go (committed state).
package sps

import (
	"crypto/x509"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// The account that exists if Options.Users is empty.
const (
	DefaultUser     = "admin"
	DefaultPassword = "admin"
)

// Options define the appliance that New creates.
type Options struct {
	// Version is the simulated version, "major.minor"; known are 6.0, 7.0 and 8.0. Default, and fallback for invalid
	// values: 8.0. It only selects the defaults of the switches.
	Version string
	// Users are the accounts with all rights, name to password. Default: admin with password admin.
	Users map[string]string
	// Now is the appliance's clock. Default: time.Now.
	Now func() time.Time
	// ClientCAs, if set, must have issued the certificates of X.509 log-ins. Otherwise only the common name counts.
	ClientCAs *x509.CertPool
	// Configure adjusts the switches that follow from Version.
	Configure func(*Switches)
}

// Appliance is one simulated appliance. It is safe for concurrent use.
type Appliance struct {
	users     map[string]string
	now       func() time.Time
	clientCAs *x509.CertPool
	faults    *fault.Injector
	routes    map[string]route

	mu        sync.Mutex // guards everything below
	switches  Switches
	committed *tree
	revision  int // counts the states of committed
	sessions  map[string]*session
	failures  map[string]*failure
	lock      *Lock
	refusals  []*refusal
	recorded  []*AuditSession
	counters  counters
}

// New creates an appliance with the objects of seed.go.
func New(o Options) *Appliance {
	a := &Appliance{
		users:     maps.Clone(o.Users),
		now:       o.Now,
		clientCAs: o.ClientCAs,
		faults:    &fault.Injector{},
		switches:  defaultSwitches(o.Version),
		sessions:  map[string]*session{},
		failures:  map[string]*failure{},
	}
	if len(a.users) == 0 {
		a.users = map[string]string{DefaultUser: DefaultPassword}
	}
	if a.now == nil {
		a.now = time.Now
	}
	if o.Configure != nil {
		o.Configure(&a.switches)
	}
	a.publish(seedTree(a.users[DefaultUser], a.now()))
	a.routes = a.allRoutes()
	return a
}

// Handler serves the REST API, behind the fault injector.
func (a *Appliance) Handler() http.Handler { return a.faults.Wrap(http.HandlerFunc(a.serve)) }

// Faults returns the injector in front of the REST API.
func (a *Appliance) Faults() *fault.Injector { return a.faults }

// Switches returns the current behaviour.
func (a *Appliance) Switches() Switches {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.switches.clone()
}

// SetSwitches changes the behaviour from the next request on. change must not call the appliance.
func (a *Appliance) SetSwitches(change func(*Switches)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := a.switches.clone()
	change(&next)
	a.switches = next
}

// publish commits a tree, or records that the committed one changed. The caller holds the mutex.
func (a *Appliance) publish(t *tree) {
	a.revision++
	t.revision = a.revision
	a.committed = t
}
