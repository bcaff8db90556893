// SPDX-License-Identifier: Apache-2.0

// Package connection builds clients from connection objects and their Secrets.
//
// A Pool works on demand: it reads the connection, Secret and CA when an appliance or a server is requested, and caches
// the client as long as their content stays the same. So no controller depends on another one having run before.
package connection

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// closeTimeout is how long a replaced client may take to finish its batch.
const closeTimeout = 3 * time.Minute

// shutdownTimeout is how long a batch may take to finish when the manager stops. After that, it is rolled back.
const shutdownTimeout = 20 * time.Second

// Config is what a pool needs.
type Config struct {
	// Cache reads connections.
	Cache client.Reader
	// Namespaces reads what the rules of connections need to know; nil reads it from Cache.
	Namespaces Namespaces
	// Secrets and ConfigMaps report when there is new content to read.
	Secrets, ConfigMaps Versions
	// Live reads the content of Secrets and ConfigMaps from the API server.
	Live client.Reader
	// Client writes the Secrets of log-in sessions; nil does without them.
	Client client.Client
	// UserAgent is sent to the appliances.
	UserAgent string
	// Stop is closed when the manager was asked to stop. If the pool's context ends before that, another manager may
	// already lead. nil is never closed.
	Stop <-chan struct{}
	// Fence returns an error to forbid changes of appliances and new sessions; nil forbids nothing. See sps.Config and
	// nps.Config.
	Fence func() error
	// Memory bounds the memory that their answers take together; nil is DefaultAnswerMemory.
	Memory *rest.Budget
	// Network says how they may be reached; its zero value allows any address.
	Network rest.Network
	// LockedRetry is the longest time that an appliance is not asked again after a lock; 0 is 15 s.
	LockedRetry time.Duration
	// RetainFor is how long after the deletion of a connection its client may be used without its Secret; see
	// ApplianceForDeletion.
	RetainFor time.Duration
	// MinPollInterval and MaxRequestsPerSecond bound what an NPSConnection may set; 0 is no bound.
	MinPollInterval      time.Duration
	MaxRequestsPerSecond int32
	// NotifyAppliance is called when something happened on an appliance that its connection's status shows, or when the
	// connection has to be probed at once; may be nil.
	NotifyAppliance func(types.NamespacedName)
	// NotifyServer is called when the connection of a server has to be probed at once; may be nil.
	NotifyServer func(types.NamespacedName)
	// NotifySession is called when the session of an object has changed at its server; may be nil. It may block until the
	// context ends.
	NotifySession func(ctx context.Context, object types.NamespacedName)
}

// Pool hands out appliances and servers. It is safe for concurrent use.
type Pool struct {
	cfg      Config
	contents contents

	mu         sync.Mutex
	closed     bool
	gates      map[string]*sharedGate
	appliances map[types.NamespacedName]*cached[*appliance.Appliance]
	servers    map[types.NamespacedName]*serverEntry
	calls      map[metrics.Connection]*calls
	closing    sync.WaitGroup
	// aborted is closed, by abort, when retired clients must not finish their batch in the background.
	aborted chan struct{}
	abort   func()

	usedCodes nps.UsedCodes
	logIns    *login.Ledger
	same      sameAppliance
}

// NewPool returns an empty pool.
func NewPool(cfg Config) *Pool {
	if cfg.NotifyAppliance == nil {
		cfg.NotifyAppliance = func(types.NamespacedName) {}
	}
	if cfg.NotifyServer == nil {
		cfg.NotifyServer = func(types.NamespacedName) {}
	}
	if cfg.Namespaces == nil {
		cfg.Namespaces = cachedNamespaces{cfg.Cache}
	}
	aborted := make(chan struct{})
	if cfg.Memory == nil {
		cfg.Memory = rest.NewBudget(DefaultAnswerMemory)
	}
	return &Pool{
		aborted: aborted, abort: sync.OnceFunc(func() { close(aborted) }),
		cfg: cfg, contents: contents{secrets: cfg.Secrets, configMaps: cfg.ConfigMaps, live: cfg.Live},
		gates:      map[string]*sharedGate{},
		appliances: map[types.NamespacedName]*cached[*appliance.Appliance]{},
		servers:    map[types.NamespacedName]*serverEntry{},
		calls:      map[metrics.Connection]*calls{},
		logIns:     login.NewLedger(nil, nil),
	}
}

// Start blocks until the context ends and then closes every client, so that no lock is left behind. It makes a Pool a
// runnable of a manager. A manager that was asked to stop lets running batches finish. One that lost its lease may
// already have a successor, which cleans up open transactions, so its batches are aborted at once.
func (p *Pool) Start(ctx context.Context) error {
	<-ctx.Done()
	patience := shutdownTimeout
	select {
	case <-p.cfg.Stop:
	default:
		patience = 0
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return p.Close(stop)
}

// NeedLeaderElection lets only the leader run the pool.
func (p *Pool) NeedLeaderElection() bool { return true }

// Close closes every client. Batches that have not finished by the end of ctx are rolled back.
func (p *Pool) Close(ctx context.Context) error {
	defer context.AfterFunc(ctx, p.abort)()
	p.mu.Lock()
	p.closed = true
	appliances, servers := p.appliances, p.servers
	p.appliances = map[types.NamespacedName]*cached[*appliance.Appliance]{}
	p.servers = map[types.NamespacedName]*serverEntry{}
	p.mu.Unlock()
	for _, entry := range servers {
		entry.closePoller(true)
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		result error
	)
	for _, s := range appliances {
		wg.Go(func() {
			if err := s.close(func(a *appliance.Appliance) error { return a.Close(ctx) }); err != nil {
				mu.Lock()
				defer mu.Unlock()
				result = errors.Join(result, err)
			}
		})
	}
	for _, entry := range servers {
		wg.Go(func() { _ = entry.client.close(func(n *sessions.Server) error { n.Close(); return nil }) })
	}
	wg.Wait()
	p.closing.Wait()
	return result
}

// Touch acquires and releases the lock that every reconcile needs: it returns unless the lock is stuck.
func (p *Pool) Touch() {
	p.mu.Lock()
	defer p.mu.Unlock()
}

// Forget closes the client of a connection that no longer exists. A connection of the other kind may have its name.
func (p *Pool) Forget(ctx context.Context, gone metrics.Connection) {
	p.mu.Lock()
	var (
		found *cached[*appliance.Appliance]
		entry *serverEntry
	)
	switch gone {
	case metrics.SPS(gone.NamespacedName):
		found = p.appliances[gone.NamespacedName]
		delete(p.appliances, gone.NamespacedName)
	case metrics.NPS(gone.NamespacedName):
		entry = p.servers[gone.NamespacedName]
		delete(p.servers, gone.NamespacedName)
	}
	delete(p.calls, gone)
	p.mu.Unlock()
	if found != nil {
		_ = found.close(func(a *appliance.Appliance) error { p.retire(ctx, a); return nil })
	}
	if entry != nil {
		entry.closePoller(false)
		_ = entry.client.close(func(s *sessions.Server) error { s.Close(); return nil })
	}
}

// breaker makes the circuit breaker of a client. Each client has its own, so new credentials or another address are
// tried at once.
func (p *Pool) breaker(of metrics.Connection, probe func(types.NamespacedName)) *rest.Breaker {
	of.Circuit(rest.CircuitClosed)
	return &rest.Breaker{
		Name: "connection " + of.String(), Opened: func() { probe(of.NamespacedName) }, Changed: of.Circuit,
	}
}

// retire lets an appliance finish its batch in the background; Close waits for it.
func (p *Pool) retire(ctx context.Context, a *appliance.Appliance) {
	ctx = context.WithoutCancel(ctx)
	p.closing.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		go func() {
			select {
			case <-p.aborted:
				cancel()
			case <-ctx.Done():
			}
		}()
		_ = a.Close(ctx) // what it could not finish was rolled back, with an error to its callers
	})
}
