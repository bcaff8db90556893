// SPDX-License-Identifier: Apache-2.0

// Package login keeps credentials that were refused from being sent again too early, and keeps many accounts together
// from getting the address of this cluster blocked.
//
// Both vendors punish failed log-ins: SPS blocks an address after 20 of them, whoever they are by, and with it every
// administrator behind the same NAT (sps contract 1.13); NPS locks an account after five (nps contract 1.2). So there
// is one Ledger for a process. It holds an Account for each connection, which outlives clients, and which can be made
// from what an earlier process has recorded. It knows no vendor and no Kubernetes.
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

// Terms are how a vendor punishes failed log-ins, and what is made of that.
type Terms struct {
	// Block is how long the vendor blocks an account or an address. It is the pause after a refusal of credentials that
	// have worked before: right credentials are refused during a block as well.
	Block time.Duration
	// PerAccount says that the vendor counts by account, and not by address.
	PerAccount bool
	// Failures is how many refusals an address, or an account there, may have within Window, over all connections; after
	// that only credentials that have worked before are sent there. 0 does not bound them.
	Failures int
	Window   time.Duration
}

const (
	// holdOff is the pause after a refusal of credentials that have never worked, or no longer work; it doubles.
	holdOff    = 15 * time.Minute
	maxHoldOff = 8 * time.Hour
	// blockRefusals is how many refusals in a row are taken for a block that passes, where credentials have worked before.
	blockRefusals = 3
	// resolveTimeout bounds the question for the addresses of a host.
	resolveTimeout = 2 * time.Second
)

// Ledger knows the failed log-ins of all accounts. It is safe for concurrent use.
type Ledger struct {
	now     func() time.Time
	resolve func(ctx context.Context, host string) ([]string, error)

	mu sync.Mutex
	// failures are the times of refusals, by what the vendor counts by.
	failures map[string][]time.Time
	// turns admit one log-in at a time of credentials that have not worked yet, by the same.
	turns map[string]*turn
	// refused and accepted are what is known of credentials, by their fingerprints.
	refused  map[fingerprint][]refusalOf
	accepted map[fingerprint]time.Time

	fingerprintKey []byte
}

type turn struct {
	taken chan struct{}
	users int
}

// NewLedger returns an empty ledger. A nil clock is time.Now, a nil resolver the system's.
func NewLedger(now func() time.Time, resolve func(ctx context.Context, host string) ([]string, error)) *Ledger {
	if now == nil {
		now = time.Now
	}
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	return &Ledger{
		now: now, resolve: resolve, failures: map[string][]time.Time{}, turns: map[string]*turn{},
		refused: map[fingerprint][]refusalOf{}, accepted: map[fingerprint]time.Time{}, fingerprintKey: newFingerprintKey(),
	}
}

// Alone returns an account that shares its refusals with no other one, and so needs to know no names of its address.
func Alone(terms Terms, address string, now func() time.Time) *Account {
	unnamed := func(context.Context, string) ([]string, error) { return nil, nil }
	return NewLedger(now, unnamed).Account(terms, address, "", Record{})
}

// HeldError says that credentials were not sent, because of earlier refusals.
type HeldError struct {
	// Until is when they are tried again.
	Until time.Time
	// Why says what happened.
	Why string
}

// Error says what happened, and when the credentials are tried again.
func (e *HeldError) Error() string {
	return e.Why + "; no other try before " + e.Until.UTC().Format(time.RFC3339)
}

// Account returns the account of a connection: it logs in as a user at a url under terms, and has the record of an
// earlier process, if there is one.
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

// hostPort is the form in which addresses are compared.
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

// addresses are all names of an address: a host may have several, and the vendor counts by what is behind them.
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
		return out // the name alone has to do
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

// recent are the refusals that still count; others are forgotten. The caller holds the mutex.
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

// full says whether there were as many refusals as there may be, and until when.
func (l *Ledger) full(keys []string, terms Terms) error {
	if terms.Failures == 0 {
		return nil
	}
	what, who := "address", "the address of this cluster"
	if terms.PerAccount {
		what, who = "account at this address", "it"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if times := l.recent(key, terms); len(times) >= terms.Failures {
			return &HeldError{
				Until: times[len(times)-terms.Failures].Add(terms.Window),
				Why: fmt.Sprintf("%d log-ins with this %s were refused within %s, by this or other connections; credentials "+
					"that have never worked are held back, before the server blocks %s", len(times), what, terms.Window, who),
			}
		}
	}
	return nil
}

// take waits for the turn of what the vendor counts by.
func (l *Ledger) take(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	t, ok := l.turns[key]
	if !ok {
		t = &turn{taken: make(chan struct{}, 1)}
		l.turns[key] = t
	}
	t.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(l.turns, key)
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
