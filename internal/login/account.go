// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Record is what is known about an account's log-ins; it can be stored beyond the end of the process.
type Record struct {
	// LastSuccess is when the credentials were last accepted; zero if they never were.
	LastSuccess time.Time
	// Failures counts the refusals since then; LastFailure is the time of the latest.
	Failures    int
	LastFailure time.Time
	// Retry is when the credentials may be sent again; zero means at once.
	Retry time.Time
}

// Account tracks the log-ins of one connection. It is safe for concurrent use.
type Account struct {
	ledger  *Ledger
	terms   Terms
	address string
	// user is set if the vendor counts by account.
	user string
	// shared identifies connections that log in with the same credentials; zero if not known.
	shared fingerprint

	mu     sync.Mutex
	record Record
	// workedIn is the namespace of the connection if its earlier credentials were accepted here.
	workedIn string
	// due is when credentials that have worked would have been tried without Clear.
	due time.Time
	// cleared is when a user last declared the cause of refusals fixed.
	cleared time.Time
}

// Record returns what is known.
func (a *Account) Record() Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.record
}

// WorkedBefore records that earlier credentials of this connection, in a namespace, were accepted at this address. An
// attempt is reserved for the namespace: a stranger's wrong passwords must not stop the rotation of a password.
func (a *Account) WorkedBefore(namespace string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.workedIn = namespace
}

func (a *Account) workedBeforeIn() (namespace string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.workedIn
}

// Clear lets the credentials be tried at once, because a user declares the cause of the refusals fixed. Earlier
// refusals still count for the address, even for credentials that have worked: otherwise anyone who may write a
// connection could have them sent until the address is blocked.
func (a *Account) Clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.record.Retry.After(a.due) {
		a.due = a.record.Retry
	}
	a.record.Failures, a.record.Retry, a.cleared = 0, time.Time{}, a.ledger.now()
}

// exempt reports whether refusals of other connections do not delay these credentials: they have worked, and are tried
// on their own schedule. due is when that is.
func (a *Account) exempt() (due time.Time, exempt bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.record.LastSuccess.IsZero() {
		return time.Time{}, false
	}
	return a.due, !a.ledger.now().Before(a.due)
}

// Begin is called before credentials are sent; the caller must end the attempt. Credentials that have not worked yet,
// or that are tried early after Clear, are sent to an address one at a time, and Begin waits for that. A
// *ThrottledError means that they must not be sent now.
func (a *Account) Begin(ctx context.Context) (*Attempt, error) {
	if err := a.throttled(); err != nil {
		return nil, err
	}
	alone, err := a.lockShared(ctx)
	if err != nil {
		return nil, err
	}
	due, exempt := a.exempt()
	if exempt {
		return &Attempt{account: a, release: alone}, nil
	}
	attempt, err := a.beginSerialized(ctx, due, alone)
	if err != nil {
		alone()
	}
	return attempt, err
}

// beginSerialized is Begin for credentials that are sent to an address one at a time.
func (a *Account) beginSerialized(ctx context.Context, due time.Time, alone func()) (*Attempt, error) {
	release, err := a.ledger.lock(ctx, a.key(a.address))
	if err != nil {
		return nil, err
	}
	keys, namespace := a.keys(ctx), a.workedBeforeIn()
	reserved, err := a.ledger.limitReached(keys, a.terms, namespace)
	if err != nil {
		release()
		if throttled, ok := errors.AsType[*ThrottledError](err); ok && !due.IsZero() && due.Before(throttled.Until) {
			throttled.Until = due
		}
		return nil, err
	}
	attempt := &Attempt{account: a, keys: keys, release: func() { release(); alone() }}
	if reserved {
		attempt.reserved = namespace
	}
	return attempt, nil
}

// keys returns what the vendor counts this account's refusals by.
func (a *Account) keys(ctx context.Context) []string {
	addresses := a.ledger.addresses(ctx, a.address)
	out := make([]string, 0, len(addresses))
	for _, address := range addresses {
		out = append(out, a.key(address))
	}
	return out
}

func (a *Account) key(address string) string { return address + " " + a.user }

// throttled fails if the last refusal is too recent.
func (a *Account) throttled() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ledger.now().Before(a.record.Retry) {
		return nil
	}
	return &ThrottledError{Until: a.record.Retry, Why: fmt.Sprintf("these credentials were refused at %s",
		a.record.LastFailure.UTC().Format(time.RFC3339))}
}

// Attempt is one log-in.
type Attempt struct {
	account *Account
	keys    []string
	// reserved is the namespace whose reserved attempt this is; empty if it is none.
	reserved string
	release  func()
	once     sync.Once
}

// Accepted ends an attempt that succeeded.
func (t *Attempt) Accepted() {
	t.once.Do(func() {
		defer t.release()
		t.account.ledger.acceptShared(t.account.shared)
		t.account.mu.Lock()
		defer t.account.mu.Unlock()
		t.account.record, t.account.due = Record{LastSuccess: t.account.ledger.now()}, time.Time{}
	})
}

// Inconclusive ends an attempt whose outcome is unknown or says nothing about the credentials.
func (t *Attempt) Inconclusive() { t.once.Do(t.release) }

// Refused ends an attempt whose credentials were refused, and returns when they may be sent again.
func (t *Attempt) Refused(ctx context.Context) (until time.Time) {
	t.once.Do(func() {
		defer t.release()
		a := t.account
		keys := t.keys
		if keys == nil {
			keys = a.keys(ctx)
		}
		now := a.ledger.now()
		a.ledger.mu.Lock()
		for _, key := range keys {
			a.ledger.note(key, refusal{now, t.reserved}, a.terms)
		}
		a.ledger.mu.Unlock()
		a.mu.Lock()
		a.record.Failures++
		a.record.LastFailure = now
		a.record.Retry = now.Add(pause(a.terms, a.record))
		until := a.record.Retry
		a.mu.Unlock()
		if a.shared != (fingerprint{}) {
			a.ledger.noteShared(a.shared, keys, now, until)
		}
	})
	return t.account.Record().Retry
}

// pause is how long credentials are withheld after a refusal. Those that have worked may be right: the cause can be a
// block, and a pause other than the block's own would only prolong it. If they keep being refused, it is not a block.
func pause(terms Terms, r Record) time.Duration {
	refusals := r.Failures
	if !r.LastSuccess.IsZero() {
		if refusals <= blockRefusals {
			return terms.Block
		}
		refusals -= blockRefusals
	}
	return min(holdOff<<min(refusals-1, 10), maxHoldOff)
}
