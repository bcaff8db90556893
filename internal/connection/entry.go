// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// serverEntry is what the pool keeps about one NPSConnection while the connection exists. Only the client is replaced
// with the credentials; the server must not see the rest start over.
type serverEntry struct {
	client cached[*sessions.Server]

	mu      sync.Mutex
	closed  bool
	poller  *sessions.Poller // nil before the first client
	limiter *sessions.Pacer
	clock   *nps.Clock
	address string // of the server whose clock it is
}

// entry returns the entry of an NPSConnection, and makes one if there is none.
func (p *Pool) entry(name types.NamespacedName) *serverEntry {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.servers[name]
	if !ok {
		found = &serverEntry{closed: p.closed}
		p.servers[name] = found
	}
	return found
}

// isClosed reports whether the pool, or the connection, has been closed.
func (e *serverEntry) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// pollerFor returns the poller of the connection, and makes one if there is none.
func (e *serverEntry) pollerFor(p *Pool) *sessions.Poller {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.poller == nil {
		e.poller = sessions.NewPoller(p.cfg.NotifySession)
	}
	if e.closed {
		e.poller.Close()
	}
	return e.poller
}

// limiterOf returns the connection's rate limiter, set to the rate in its present spec.
func (e *serverEntry) limiterOf(perSecond int32) *sessions.Pacer {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.limiter == nil {
		e.limiter = sessions.NewPacer(perSecond)
	}
	e.limiter.Limit(perSecond)
	return e.limiter
}

// clockOf returns what is known about the clock of the server at an address; another address is another server.
func (e *serverEntry) clockOf(address string) *nps.Clock {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.clock == nil || e.address != address {
		e.clock, e.address = &nps.Clock{}, address
	}
	return e.clock
}

// closePoller stops the poller; wait says whether to wait until it has stopped.
func (e *serverEntry) closePoller(wait bool) {
	e.mu.Lock()
	e.closed = true
	poller := e.poller
	e.mu.Unlock()
	if poller == nil {
		return
	}
	poller.Close()
	if wait {
		poller.Wait()
	}
}

// cachedServer returns the cached client of a connection; nil if there is none.
func (p *Pool) cachedServer(c client.Object) *cached[*sessions.Server] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if entry := p.servers[client.ObjectKeyFromObject(c)]; entry != nil {
		return &entry.client
	}
	return nil
}

// cachedAppliance returns the cached appliance of a connection; nil if there is none.
func (p *Pool) cachedAppliance(c client.Object) *cached[*appliance.Appliance] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.appliances[client.ObjectKeyFromObject(c)]
}

// pollerOf returns the poller of a referenced connection; nil before the first client of its server.
func (p *Pool) pollerOf(ref pamv1alpha1.ConnectionReference, namespace string) *sessions.Poller {
	p.mu.Lock()
	entry := cmp.Or(p.servers[Target(ref, namespace)], &serverEntry{})
	p.mu.Unlock()
	entry.mu.Lock()
	defer entry.mu.Unlock()
	return entry.poller
}

// Follow notifies the controller of an object when its session changes. Call it again when more is known about the
// session. It has no effect before the first connection to the server.
func (p *Pool) Follow(ref pamv1alpha1.ConnectionReference, f sessions.Followed) {
	if poller := p.pollerOf(ref, f.Object.Namespace); poller != nil {
		poller.Follow(f)
	}
}

// Unfollow undoes Follow.
func (p *Pool) Unfollow(ref pamv1alpha1.ConnectionReference, object types.NamespacedName) {
	if poller := p.pollerOf(ref, object.Namespace); poller != nil {
		poller.Unfollow(object)
	}
}

// Remember makes the poller end sessions that show up for a request whose object is gone. It has no effect before the
// first connection to the server, and ends with the process.
func (p *Pool) Remember(ref pamv1alpha1.ConnectionReference, d sessions.Departed) {
	d.Connection = Target(ref, d.Object.Namespace)
	if poller := p.pollerOf(ref, d.Object.Namespace); poller != nil {
		poller.Remember(d)
	}
}
