// SPDX-License-Identifier: Apache-2.0

// Package login prevents refused credentials from being sent again too early, and many accounts together from getting
// this cluster's address blocked.
//
// Both vendors punish failed log-ins. SPS blocks an address after 20 of them, whichever user they are for, and with it
// every administrator behind the same NAT (docs/vendors/sps.md 1.13); NPS locks an account after five
// (docs/vendors/nps.md 1.2). So a process has one Ledger. It has an Account for each connection, which outlives the
// clients and can be restored from the record of an earlier process. The package knows no vendor and no Kubernetes.
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
	// Reserve is how many refusals there may be beyond Failures: one of each namespace that has a connection whose earlier
	// credentials worked there, so that nobody uses up the attempt of another namespace.
	Reserve int
}

// refusal is a failed log-in.
type refusal struct {
	at time.Time
	// reserved is the namespace whose reserved attempt it was; empty if it was none.
	reserved string
}

// heldUntil is when credentials may be sent again after these refusals; zero if they may be sent now. A namespace that
// is not empty has an attempt reserved.
func (t Terms) heldUntil(refusals []refusal, namespace string) time.Time {
	n := len(refusals)
	if t.Failures == 0 || n < t.Failures {
		return time.Time{}
	}
	shared := refusals[n-t.Failures].at.Add(t.Window)
	if namespace == "" {
		return shared
	}
	var reserved time.Time
	if all := t.Failures + t.Reserve; n >= all {
		reserved = refusals[n-all].at.Add(t.Window)
	}
	for _, r := range refusals {
		if until := r.at.Add(t.Window); r.reserved == namespace && until.After(reserved) {
			reserved = until
		}
	}
	if shared.Before(reserved) {
		return shared
	}
	return reserved
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
	// failures are the refusals, oldest first, keyed by what the vendor counts by.
	failures map[string][]refusal
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
		now: now, resolve: resolve, failures: map[string][]refusal{}, locks: map[string]*keyLock{},
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
		l.note(a.key(a.address), refusal{at: record.LastFailure}, terms)
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
func (l *Ledger) note(key string, r refusal, terms Terms) {
	if terms.Failures == 0 {
		return
	}
	if known := append(l.recent(key, terms), r); r.at.After(l.now().Add(-terms.Window)) {
		slices.SortFunc(known, func(a, b refusal) int { return a.at.Compare(b.at) })
		l.failures[key] = known
	}
}

// recent returns the refusals that still count and forgets the others. The caller holds the mutex.
func (l *Ledger) recent(key string, terms Terms) []refusal {
	first := l.now().Add(-terms.Window)
	var out []refusal
	for _, r := range l.failures[key] {
		if r.at.After(first) {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		delete(l.failures, key)
	}
	return out
}

// limitReached fails if there have been as many refusals as allowed; its error says until when. reserved says that the
// attempt is the one of the namespace.
func (l *Ledger) limitReached(keys []string, terms Terms, namespace string) (reserved bool, err error) {
	what, blocked := "address", "the address of this cluster"
	if terms.PerAccount {
		what, blocked = "account at this address", "it"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		refusals := l.recent(key, terms)
		if until := terms.heldUntil(refusals, namespace); !until.IsZero() {
			return false, &ThrottledError{
				Until: until,
				Why: fmt.Sprintf("%d log-ins with this %s were refused within %s, by this or other connections; credentials "+
					"that have never worked are not sent, so that the server does not block %s",
					len(refusals), what, terms.Window, blocked),
			}
		}
		reserved = reserved || namespace != "" && len(refusals) >= terms.Failures
	}
	return reserved, nil
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
