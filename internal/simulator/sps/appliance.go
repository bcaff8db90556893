// SPDX-License-Identifier: Apache-2.0

// Package sps is a simulated One Identity Safeguard for Privileged Sessions (SPS) appliance: the part of its REST API
// that contracts/sps.md describes, with state, transactions, locks and log-in sessions.
//
// It is written from that contract alone and shares no code with any client, so that a misreading on one side does not
// hide on the other. Whatever the contract marks as inferred or open is a field of Switches, with the contract's
// default: a client that works under every setting does not depend on a guess.
//
// The way of a request: Handler (faults) -> serve (routing, log-in session) -> configuration.go or one of the small
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

// The account that exists when Options.Users is empty.
const (
	DefaultUser     = "admin"
	DefaultPassword = "admin"
)

// Options say what kind of appliance New makes.
type Options struct {
	// Version is the simulated version, "major.minor"; the contract knows 6.0, 7.0 and 8.0. Default (and for what
	// cannot be read): 8.0. It only selects the defaults of the switches.
	Version string
	// Users are the accounts that may log in with all rights, name to password. Default: admin with password admin.
	Users map[string]string
	// Now is the appliance's clock. Default: time.Now.
	Now func() time.Time
	// ClientCAs, when set, must have issued the certificates of X.509 log-ins. Without it the common name alone decides.
	ClientCAs *x509.CertPool
	// Configure adjusts the switches that follow from Version.
	Configure func(*Switches)
}

// Appliance is one simulated appliance. All methods may be called concurrently.
type Appliance struct {
	users     map[string]string
	now       func() time.Time
	clientCAs *x509.CertPool
	faults    *fault.Injector
	routes    map[string]route

	mu        sync.Mutex // guards all below
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

// New makes an appliance that holds the objects of seed.go.
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

// Faults returns the injector that stands in front of the REST API.
func (a *Appliance) Faults() *fault.Injector { return a.faults }

// Switches returns the behaviour in force.
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

// publish makes a tree the committed one, or notes that the committed one changed. The caller holds the mutex.
func (a *Appliance) publish(t *tree) {
	a.revision++
	t.revision = a.revision
	a.committed = t
}
