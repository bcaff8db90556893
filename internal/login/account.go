// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Record is what is known of the log-ins of an account, to be kept beyond the end of the process.
type Record struct {
	// LastSuccess is when the credentials were last accepted; zero if they never were.
	LastSuccess time.Time
	// Failures counts the refusals since then, LastFailure is when the last one was.
	Failures    int
	LastFailure time.Time
	// Retry is when the credentials may be sent again; zero if they may be at once.
	Retry time.Time
}

// Account is the account of one connection. It is safe for concurrent use.
type Account struct {
	ledger  *Ledger
	terms   Terms
	address string
	// user is set where the vendor counts by account.
	user string
	// shared tells connections that log in with the same credentials; zero if that is not known.
	shared fingerprint

	mu     sync.Mutex
	record Record
	// due is when credentials that have worked would be tried anyway that somebody had tried earlier.
	due time.Time
	// cleared is when somebody said last that the cause of refusals is gone.
	cleared time.Time
}

// Record returns what is known.
func (a *Account) Record() Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.record
}

// Clear lets the credentials be tried at once: somebody says that the cause of the refusals is gone. The refusals that
// the address has had still count, also for credentials that have worked: otherwise anyone who may write a connection
// could have them sent until the address is blocked.
func (a *Account) Clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.record.Retry.After(a.due) {
		a.due = a.record.Retry
	}
	a.record.Failures, a.record.Retry, a.cleared = 0, time.Time{}, a.ledger.now()
}

// exempt says that what others were refused does not hold the credentials back: they have worked, and are tried in
// their own time. due is when that is.
func (a *Account) exempt() (due time.Time, exempt bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.record.LastSuccess.IsZero() {
		return time.Time{}, false
	}
	return a.due, !a.ledger.now().Before(a.due)
}

// Begin is called before credentials are sent, and the attempt is to be ended. Credentials that have not worked yet, or
// that somebody has tried before their time, are sent one at a time to an address; Begin waits for that. A *HeldError
// says that they are not to be sent now.
func (a *Account) Begin(ctx context.Context) (*Attempt, error) {
	if err := a.held(); err != nil {
		return nil, err
	}
	alone, err := a.enterShared(ctx)
	if err != nil {
		return nil, err
	}
	due, exempt := a.exempt()
	if exempt {
		return &Attempt{account: a, release: alone}, nil
	}
	attempt, err := a.beginInTurn(ctx, due, alone)
	if err != nil {
		alone()
	}
	return attempt, err
}

// beginInTurn is Begin for credentials that are sent one at a time to an address.
func (a *Account) beginInTurn(ctx context.Context, due time.Time, alone func()) (*Attempt, error) {
	release, err := a.ledger.take(ctx, a.key(a.address))
	if err != nil {
		return nil, err
	}
	keys := a.keys(ctx)
	if err := a.ledger.full(keys, a.terms); err != nil {
		release()
		if full, ok := errors.AsType[*HeldError](err); ok && !due.IsZero() && due.Before(full.Until) {
			full.Until = due
		}
		return nil, err
	}
	return &Attempt{account: a, keys: keys, release: func() { release(); alone() }}, nil
}

// keys are what the vendor counts this account's refusals by.
func (a *Account) keys(ctx context.Context) []string {
	addresses := a.ledger.addresses(ctx, a.address)
	out := make([]string, 0, len(addresses))
	for _, address := range addresses {
		out = append(out, a.key(address))
	}
	return out
}

func (a *Account) key(address string) string { return address + " " + a.user }

// held says that the last refusal is too young.
func (a *Account) held() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ledger.now().Before(a.record.Retry) {
		return nil
	}
	return &HeldError{Until: a.record.Retry, Why: fmt.Sprintf("these credentials were refused at %s",
		a.record.LastFailure.UTC().Format(time.RFC3339))}
}

// Attempt is one log-in.
type Attempt struct {
	account *Account
	keys    []string
	release func()
	once    sync.Once
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

// Unanswered ends an attempt of which nobody knows, or that says nothing about the credentials.
func (t *Attempt) Unanswered() { t.once.Do(t.release) }

// Refused ends an attempt whose credentials were refused, and says when they may be sent again.
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
			a.ledger.note(key, now, a.terms)
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

// pause is how long credentials are held off after a refusal. Those that have worked may be right: it can be a block,
// and another pause than the block's own would only make it longer. If they go on being refused it is none.
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
