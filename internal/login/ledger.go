// SPDX-License-Identifier: Apache-2.0

// Package login prevents refused credentials from being sent again too early, and many accounts together from getting
// this cluster's address blocked.
//
// Both vendors punish failed log-ins. SPS blocks an address after 20 of them, whichever user they are for, and with it
// every administrator behind the same NAT (sps contract 1.13); NPS locks an account after five (nps contract 1.2). So a
// process has one Ledger. It has an Account for each connection, which outlives the clients and can be restored from
// the record of an earlier process. The package knows no vendor and no Kubernetes.
package login

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Terms are how a vendor punishes failed log-ins, and the limits derived from that.
type Terms struct {
	// Block is how long the vendor blocks an account or an address. It is also the pause after a refusal of credentials
	// that have worked before: right credentials are refused during a block as well.
	Block time.Duration
	// PerAccount is set if the vendor counts by account rather than by address.
	PerAccount bool
	// Failures is how many refusals an address, or an account there, may have within Window, over all connections;
	// after that, only credentials that have worked before are sent there. 0 means no limit.
	Failures int
	Window   time.Duration
}

const (
	// holdOff is the pause after a refusal of credentials that have never worked, or no longer work; it doubles.
	holdOff    = 15 * time.Minute
	maxHoldOff = 8 * time.Hour
	// blockRefusals is how many refusals in a row of credentials that have worked are taken for a temporary block.
	blockRefusals = 3
	// resolveTimeout bounds looking up the addresses of a host.
	resolveTimeout = 2 * time.Second
)

// Ledger knows the failed log-ins of all accounts. It is safe for concurrent use.
type Ledger struct {
	now     func() time.Time
	resolve func(ctx context.Context, host string) ([]string, error)

	mu sync.Mutex
	// failures are the times of refusals, keyed by what the vendor counts by.
	failures map[string][]time.Time
	// locks serialize the log-ins with credentials that have not worked yet, by the same keys.
	locks map[string]*keyLock
	// refused and accepted are what is known about credentials, by fingerprint.
	refused  map[fingerprint][]refusalOf
	accepted map[fingerprint]time.Time

	fingerprintKey []byte
}

type keyLock struct {
	taken chan struct{}
	users int
}

// NewLedger returns an empty ledger. A nil clock means time.Now, a nil resolver the system's.
func NewLedger(now func() time.Time, resolve func(ctx context.Context, host string) ([]string, error)) *Ledger {
	if now == nil {
		now = time.Now
	}
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	return &Ledger{
		now: now, resolve: resolve, failures: map[string][]time.Time{}, locks: map[string]*keyLock{},
		refused: map[fingerprint][]refusalOf{}, accepted: map[fingerprint]time.Time{}, fingerprintKey: newFingerprintKey(),
	}
}

// Standalone returns an account that shares its refusals with no other, and so does not need to resolve its address.
func Standalone(terms Terms, address string, now func() time.Time) *Account {
	noNames := func(context.Context, string) ([]string, error) { return nil, nil }
	return NewLedger(now, noNames).Account(terms, address, "", Record{})
}

// ThrottledError means that credentials were not sent, because of earlier refusals.
type ThrottledError struct {
	// Until is when they may be tried again.
	Until time.Time
	// Why is what happened.
	Why string
}

// Error returns the reason, and when the credentials are tried again.
func (e *ThrottledError) Error() string {
	return e.Why + "; not tried again before " + e.Until.UTC().Format(time.RFC3339)
}

// Account returns the account of a connection that logs in as user at a URL, with the record of an earlier process if
// there is one.
func (l *Ledger) Account(terms Terms, address, user string, record Record) *Account {
	a := &Account{ledger: l, terms: terms, address: hostPort(address), record: record}
	if terms.PerAccount {
		a.user = strings.ToLower(user)
	}
	if record.Failures > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.note(a.key(a.address), record.LastFailure, terms)
	}
	return a
}

// hostPort returns an address in a form that can be compared.
func hostPort(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return strings.ToLower(address)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port)
}

// addresses returns all names of an address: a host may have several, and the vendor counts by what is behind them.
func (l *Ledger) addresses(ctx context.Context, address string) []string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return []string{address}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	out := []string{address}
	ips, err := l.resolve(ctx, host)
	if err != nil {
		return out // the name alone must do
	}
	for _, ip := range ips {
		if parsed := net.ParseIP(ip); parsed != nil {
			ip = parsed.String() // one spelling
		}
		if name := net.JoinHostPort(ip, port); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// note adds a refusal. The caller holds the mutex.
func (l *Ledger) note(key string, at time.Time, terms Terms) {
	if terms.Failures == 0 {
		return
	}
	if times := append(l.recent(key, terms), at); at.After(l.now().Add(-terms.Window)) {
		l.failures[key] = times
	}
}

// recent returns the refusals that still count and forgets the others. The caller holds the mutex.
func (l *Ledger) recent(key string, terms Terms) []time.Time {
	first := l.now().Add(-terms.Window)
	var out []time.Time
	for _, at := range l.failures[key] {
		if at.After(first) {
			out = append(out, at)
		}
	}
	if len(out) == 0 {
		delete(l.failures, key)
	}
	return out
}

// limitReached fails if there have been as many refusals as allowed; its error says until when.
func (l *Ledger) limitReached(keys []string, terms Terms, limit int) error {
	if terms.Failures == 0 {
		return nil
	}
	what, blocked := "address", "the address of this cluster"
	if terms.PerAccount {
		what, blocked = "account at this address", "it"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if times := l.recent(key, terms); len(times) >= limit {
			return &ThrottledError{
				Until: times[len(times)-limit].Add(terms.Window),
				Why: fmt.Sprintf("%d log-ins with this %s were refused within %s, by this or other connections; credentials "+
					"that have never worked are not sent, so that the server does not block %s",
					len(times), what, terms.Window, blocked),
			}
		}
	}
	return nil
}

// lock waits for the lock of what the vendor counts by.
func (l *Ledger) lock(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	t, ok := l.locks[key]
	if !ok {
		t = &keyLock{taken: make(chan struct{}, 1)}
		l.locks[key] = t
	}
	t.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(l.locks, key)
		}
	}
	select {
	case t.taken <- struct{}{}:
		return func() {
			<-t.taken
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
