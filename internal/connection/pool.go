// SPDX-License-Identifier: Apache-2.0

// Package connection turns connection objects and their Secrets into ready clients.
//
// A Pool is asked, not fed: it looks at connection, Secret and CA when somebody wants an appliance or a
// server, and keeps what it built for as long as their content stays the same. So no controller depends on another one
// having run before.
package connection

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// closeTimeout is how long a client that was replaced may take to finish its batch.
const closeTimeout = 3 * time.Minute

// shutdownTimeout is how long a batch may take to finish when the manager stops; then it is rolled back.
const shutdownTimeout = 20 * time.Second

// Config says where a pool reads from.
type Config struct {
	// Cache reads connections.
	Cache client.Reader
	// Namespaces are what the rules of connections look at; nil reads them from Cache.
	Namespaces Namespaces
	// Secrets and ConfigMaps tell when there is another content to be read.
	Secrets, ConfigMaps Versions
	// Live reads the content of Secrets and ConfigMaps from the API server.
	Live client.Reader
	// Client writes the Secrets of log-in sessions; nil does without them.
	Client client.Client
	// UserAgent is sent to the appliances.
	UserAgent string
	// Stop is closed when the manager was told to stop. If the pool's context ends before that, somebody else may be in
	// charge. nil is never closed.
	Stop <-chan struct{}
	// Fence forbids changes of appliances and new sessions with an error; nil forbids nothing. See sps.Config and
	// nps.Config.
	Fence func() error
	// Memory is what their answers may take together; nil is DefaultAnswerMemory.
	Memory *rest.Budget
	// Network says how they are reached; its zero value is by any address.
	Network rest.Network
	// LockedRetry is how long a lock keeps an appliance from being asked again, at most; 0 is 15 s.
	LockedRetry time.Duration
	// KeepFor is how long after the deletion of a connection its client may be used without its Secret; see Removing.
	KeepFor time.Duration
	// MinPollInterval and MaxRequestsPerSecond bound what an NPSConnection may set; 0 is no bound.
	MinPollInterval      time.Duration
	MaxRequestsPerSecond int32
	// Notify is called when something happened on an appliance that its connection's status shows, or when it is to be
	// tried out at once; may be nil.
	Notify func(types.NamespacedName)
	// NotifyServer is called when the connection of a server is to be tried out at once; may be nil.
	NotifyServer func(types.NamespacedName)
	// Circuit is called when the state of a connection's circuit breaker changes; may be nil.
	Circuit func(kind string, name types.NamespacedName, state rest.CircuitState)
	// Tell is called when the session of an object has changed at its server; may be nil. It may block while the context
	// lives.
	Tell func(ctx context.Context, object types.NamespacedName)
}

// Pool hands out appliances and servers. It is safe for concurrent use.
type Pool struct {
	cfg      Config
	contents contents

	mu         sync.Mutex
	closed     bool
	gates      map[string]*sharedGate
	appliances map[types.NamespacedName]*slot[*Appliance]
	servers    map[types.NamespacedName]*slot[*Server]
	pollers    map[types.NamespacedName]*poller
	limiters   map[types.NamespacedName]*pacer
	clocks     map[types.NamespacedName]clockOf
	closing    sync.WaitGroup
	// cut is closed, by cutOff, when clients that finish their batch in the background must not go on with it.
	cut    chan struct{}
	cutOff func()

	usedCodes nps.UsedCodes
	logIns    *login.Ledger
	twins     twins
}

// NewPool returns an empty pool.
func NewPool(cfg Config) *Pool {
	if cfg.Notify == nil {
		cfg.Notify = func(types.NamespacedName) {}
	}
	if cfg.NotifyServer == nil {
		cfg.NotifyServer = func(types.NamespacedName) {}
	}
	if cfg.Circuit == nil {
		cfg.Circuit = func(string, types.NamespacedName, rest.CircuitState) {}
	}
	if cfg.Namespaces == nil {
		cfg.Namespaces = cachedNamespaces{cfg.Cache}
	}
	cut := make(chan struct{})
	if cfg.Memory == nil {
		cfg.Memory = rest.NewBudget(DefaultAnswerMemory)
	}
	return &Pool{
		cut: cut, cutOff: sync.OnceFunc(func() { close(cut) }),
		cfg: cfg, contents: contents{secrets: cfg.Secrets, configMaps: cfg.ConfigMaps, live: cfg.Live},
		gates:      map[string]*sharedGate{},
		appliances: map[types.NamespacedName]*slot[*Appliance]{},
		servers:    map[types.NamespacedName]*slot[*Server]{},
		pollers:    map[types.NamespacedName]*poller{},
		limiters:   map[types.NamespacedName]*pacer{},
		clocks:     map[types.NamespacedName]clockOf{},
		logIns:     login.NewLedger(nil, nil),
	}
}

// Start blocks until the context ends and then closes every client, so that no lock is left behind. It makes a Pool a
// runnable of a manager. One that was told to stop lets running batches finish. One that lost its lease may have a
// successor already, which cleans up what it finds open: there batches are cut short at once.
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

// NeedLeaderElection keeps the pool of a manager that does not lead asleep.
func (p *Pool) NeedLeaderElection() bool { return true }

// Close closes every client. Batches that have not finished by the end of ctx are rolled back.
func (p *Pool) Close(ctx context.Context) error {
	defer context.AfterFunc(ctx, p.cutOff)()
	p.mu.Lock()
	p.closed = true
	appliances, servers, pollers := p.appliances, p.servers, p.pollers
	p.appliances = map[types.NamespacedName]*slot[*Appliance]{}
	p.servers = map[types.NamespacedName]*slot[*Server]{}
	p.pollers = map[types.NamespacedName]*poller{}
	p.mu.Unlock()
	for _, poller := range pollers {
		poller.close()
		poller.wait()
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		result error
	)
	for _, s := range appliances {
		wg.Go(func() {
			if err := s.close(func(a *Appliance) error { return a.close(ctx) }); err != nil {
				mu.Lock()
				defer mu.Unlock()
				result = errors.Join(result, err)
			}
		})
	}
	for _, s := range servers {
		wg.Go(func() { _ = s.close(func(n *Server) error { n.close(); return nil }) })
	}
	wg.Wait()
	p.closing.Wait()
	return result
}

// Appliance returns the appliance that a reference in a namespace means, if the connection permits the use to that
// namespace and is ready.
func (p *Pool) Appliance(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string, use Use,
) (*pamv1alpha1.SPSConnection, *Appliance, error) {
	c := &pamv1alpha1.SPSConnection{}
	if err := p.connection(ctx, Target(ref, namespace), c, "SPSConnection"); err != nil {
		return nil, nil, err
	}
	if err := p.PermitsUse(ctx, c, namespace, use); err != nil {
		return c, nil, err
	}
	if err := ready(c, namespace, c.Status.Conditions, c.Status.ObservedGeneration); err != nil {
		return c, nil, err
	}
	a, err := p.Connect(ctx, c)
	return c, a, err
}

// Server returns the server that a reference in a namespace means, if the connection permits that namespace and is
// ready.
func (p *Pool) Server(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (*pamv1alpha1.NPSConnection, *Server, error) {
	c := &pamv1alpha1.NPSConnection{}
	key := Target(ref, namespace)
	if err := p.connection(ctx, key, c, "NPSConnection"); err != nil {
		return nil, nil, err
	}
	if err := p.permitted(ctx, c.Spec.AllowedNamespaces, key, namespace); err != nil {
		return c, nil, err
	}
	if err := ready(c, namespace, c.Status.Conditions, c.Status.ObservedGeneration); err != nil {
		return c, nil, err
	}
	s, err := p.ConnectServer(ctx, c)
	return c, s, err
}

// Permitted returns the connection that a reference in a namespace means, ready or not, if it permits that namespace.
// Nothing is sent.
func (p *Pool) Permitted(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (*pamv1alpha1.NPSConnection, error) {
	c := &pamv1alpha1.NPSConnection{}
	key := Target(ref, namespace)
	if err := p.connection(ctx, key, c, "NPSConnection"); err != nil {
		return nil, err
	}
	return c, p.permitted(ctx, c.Spec.AllowedNamespaces, key, namespace)
}

// Following returns the server of a session that was asked for already: neither permission nor readiness is asked for
// again, because a session must be followed and ended whatever has changed since. If the connection or its namespace is
// being deleted and its Secret or CA has gone first, the client that was built while they were there is used, for no
// longer than Config.KeepFor.
func (p *Pool) Following(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (*pamv1alpha1.NPSConnection, *Server, error) {
	c := &pamv1alpha1.NPSConnection{}
	if err := p.connection(ctx, Target(ref, namespace), c, "NPSConnection"); err != nil {
		return nil, nil, err
	}
	s, err := p.ConnectServer(ctx, c)
	if !IsNotReady(err) {
		return c, s, err
	}
	address := CanonicalURL(c.Spec.URL)
	s, err = survivor(ctx, p, c, npsSources(c), p.servers, func(s *Server) bool { return s.address == address }, err)
	return c, s, err
}

// Target is the connection that a reference in a namespace means.
func Target(ref pamv1alpha1.ConnectionReference, namespace string) types.NamespacedName {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: ref.Name}
}

// CanonicalURL is the address under which connections meet: lower case, without a default port, a path or the dot at
// the end of a name, and with one spelling for an address of IP and for a port.
func CanonicalURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := strings.TrimLeft(u.Port(), "0"); port != "" && port != "443" {
		host += ":" + port
	}
	return "https://" + host
}

func (p *Pool) connection(ctx context.Context, key types.NamespacedName, into client.Object, kind string) error {
	err := p.cfg.Cache.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		return missing("%s %s does not exist", kind, key)
	}
	return err
}

func (p *Pool) permitted(
	ctx context.Context, allowed *pamv1alpha1.AllowedNamespaces, connection types.NamespacedName, namespace string,
) error {
	from, err := p.Namespace(ctx, namespace)
	if err != nil {
		return err
	}
	ok, err := Permits(allowed, connection.Namespace, from)
	if err != nil {
		return err
	}
	if !ok {
		return notPermitted("connection %s does not allow namespace %s: its owner can change allowedNamespaces",
			connection, namespace)
	}
	return nil
}

// PermitsUse fails if a connection does not permit a use to a namespace: by allowedNamespaces and by its grants. It
// sends nothing.
func (p *Pool) PermitsUse(ctx context.Context, c *pamv1alpha1.SPSConnection, namespace string, use Use) error {
	key := client.ObjectKeyFromObject(c)
	if err := p.permitted(ctx, c.Spec.AllowedNamespaces, key, namespace); err != nil {
		return err
	}
	from, err := p.Namespace(ctx, namespace)
	if err != nil {
		return err
	}
	ok, why, err := GrantsUse(c.Spec.Grants, c.Namespace, from, use)
	if err != nil || ok {
		return err
	}
	return notPermitted("connection %s does not permit this: %s; its owner can change grants", key, why)
}

// Namespace reads what the rules of a connection look at.
func (p *Pool) Namespace(ctx context.Context, name string) (Namespace, error) {
	return p.cfg.Namespaces.Namespace(ctx, name)
}

// ready refuses a connection that is known not to work, so that its dependents do not hammer it. Why it does not is
// told in its own namespace only: who may choose an address and read what became of it can explore a network.
func ready(c client.Object, namespace string, conditions []metav1.Condition, observed *int64) error {
	name := client.ObjectKeyFromObject(c)
	condition := meta.FindStatusCondition(conditions, pamv1alpha1.ConditionReady)
	switch {
	case condition == nil || observed == nil || *observed != c.GetGeneration():
		return &UntriedError{NotReadyError{fmt.Sprintf("connection %s has not been tried yet", name)}}
	case condition.Reason == pamv1alpha1.ReasonSuspended: // it works, and is read all the same
		return nil
	case condition.Status != metav1.ConditionTrue && namespace != c.GetNamespace():
		return notReady("connection %s is not ready: %s; its owner sees the cause in its status", name, condition.Reason)
	case condition.Status != metav1.ConditionTrue:
		return notReady("connection %s is not ready: %s: %s", name, condition.Reason, condition.Message)
	}
	return nil
}

// Touch takes the lock that every pass needs for a moment, and gives it back: it ends unless somebody keeps it.
func (p *Pool) Touch() {
	p.mu.Lock()
	defer p.mu.Unlock()
}

// Forget closes what was built for a connection that is gone.
func (p *Pool) Forget(ctx context.Context, name types.NamespacedName) {
	p.mu.Lock()
	appliance, server, poller := p.appliances[name], p.servers[name], p.pollers[name]
	delete(p.appliances, name)
	delete(p.servers, name)
	delete(p.pollers, name)
	delete(p.limiters, name)
	delete(p.clocks, name)
	p.mu.Unlock()
	if poller != nil {
		poller.close()
	}
	if appliance != nil {
		_ = appliance.close(func(a *Appliance) error { p.retire(ctx, a); return nil })
	}
	if server != nil {
		_ = server.close(func(s *Server) error { s.close(); return nil })
	}
}

// breaker makes the circuit breaker of a client. Each client has its own: new credentials or another address are tried
// at once.
func (p *Pool) breaker(kind string, name types.NamespacedName, probe func(types.NamespacedName)) *rest.Breaker {
	changed := func(state rest.CircuitState) { p.cfg.Circuit(kind, name, state) }
	changed(rest.CircuitClosed)
	return &rest.Breaker{
		Name: "connection " + name.String(), Opened: func() { probe(name) }, Changed: changed,
	}
}

// retire lets an appliance finish its batch in the background; Close waits for it.
func (p *Pool) retire(ctx context.Context, a *Appliance) {
	ctx = context.WithoutCancel(ctx)
	p.closing.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		go func() {
			select {
			case <-p.cut:
				cancel()
			case <-ctx.Done():
			}
		}()
		_ = a.close(ctx) // what it could not finish was rolled back, and its callers were told
	})
}

// sharedGate is the gate of an address, and how many appliances use it.
type sharedGate struct {
	gate

	users int
}

// gate returns the gate of an address, until leave is called.
func (p *Pool) gate(url string) (g gate, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shared, ok := p.gates[url]
	if !ok {
		shared = &sharedGate{gate: newGate(1)}
		p.gates[url] = shared
	}
	shared.users++
	return shared.gate, sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if shared.users--; shared.users == 0 {
			delete(p.gates, url)
		}
	})
}

// poller returns the poller of a connection, which is made if there is none.
func (p *Pool) poller(name types.NamespacedName) *poller {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.pollers[name]
	if !ok {
		found = newPoller(p.cfg.Tell)
		p.pollers[name] = found
	}
	if p.closed {
		found.close()
	}
	return found
}

// Follow says that an object wants to be told when its session changes. Call it again when more is known. It has no
// effect before somebody has connected to the server.
func (p *Pool) Follow(ref pamv1alpha1.ConnectionReference, f Followed) {
	p.mu.Lock()
	found := p.pollers[Target(ref, f.Object.Namespace)]
	p.mu.Unlock()
	if found != nil {
		found.follow(f)
	}
}

// Unfollow says that an object does not want to hear of its session any more.
func (p *Pool) Unfollow(ref pamv1alpha1.ConnectionReference, object types.NamespacedName) {
	p.mu.Lock()
	found := p.pollers[Target(ref, object.Namespace)]
	p.mu.Unlock()
	if found != nil {
		found.unfollow(object)
	}
}

// Remember has sessions ended that show up of a request whose object is gone. It has no effect before somebody has
// connected to the server, and ends with the process.
func (p *Pool) Remember(ref pamv1alpha1.ConnectionReference, d Departed) {
	p.mu.Lock()
	found := p.pollers[Target(ref, d.Object.Namespace)]
	p.mu.Unlock()
	if found != nil {
		found.remember(d)
	}
}
