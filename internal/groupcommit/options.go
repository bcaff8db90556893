// SPDX-License-Identifier: Apache-2.0

// Package groupcommit lets many callers share one exclusive transaction. It is for a store that changes only by open,
// write and commit, has one writer at a time, and commits slowly: callers that arrive together are written together and
// pay for one commit, yet each gets the answer to its own change. It knows no vendor.
//
// The path of one change: Do puts it into a queue (committer.go), a runner gathers a batch (gather.go), the batch
// decides what goes into which transaction (batch.go), an attempt is one transaction from opening to commit or
// roll-back (attempt.go), and the call, which is the caller waiting in Do, gets its answer (call.go). What a commit
// refused is divided (division.go) and remembered (refusals.go).
//
// What callers can rely on:
//   - nil means committed, or found to be in place already. No caller gets success before the commit.
//   - An error that is not ErrOutcomeUnknown means that the change was not committed.
//   - A change that is at fault gets its own error and does not fail the others.
//   - A tenant whose changes are refused delays the changes of the others by a few commits (division.go), and takes the
//     lock for a tenth of the time from then on (refusals.go).
//   - Transactions that achieve nothing follow each other ever more slowly, whatever the reason (backoff.go).
//   - The lock is released on every path, and held no longer than Settings.MaxHold and one commit; only a change that
//     is slower than all before it in its transaction can exceed that, by Settings.Timeout at most.
package groupcommit

import (
	"context"
	"time"
)

// Store opens transactions. One is open at a time.
type Store[T Tx] interface {
	// Begin opens a transaction. since is the earliest time at which the lock can have been taken. If Begin returns an
	// error, no transaction may be left open.
	Begin(ctx context.Context) (tx T, since time.Time, err error)
}

// Tx is one open transaction. Every method must return soon after its context ends.
type Tx interface {
	// Writes counts the writes that may have changed the transaction: a write without an answer counts, one that the
	// store refused does not.
	Writes() int
	// Verify is called before the commit. It fails unless the transaction contains everything that was written through
	// it, and nothing else.
	Verify(ctx context.Context) error
	// Commit makes the writes permanent and releases the lock. After an error the transaction counts as open.
	Commit(ctx context.Context) error
	// Rollback drops the writes and releases the lock. A nil error is an acknowledgement: nothing of this transaction
	// can take effect any more.
	Rollback(ctx context.Context) error
}

// Change makes one caller's change inside an open transaction. It reads there what it is about to write, writes only
// what differs, and may run several times, each time in a new transaction. It must return soon after its context ends,
// must not keep tx, and must not call Do of the same Committer.
type Change[T Tx] func(ctx context.Context, tx T) error

// Identity says whose change it is.
type Identity struct {
	// Tenant is who shares a refusal: changes that are refused together are first divided by tenant.
	Tenant string
	// ID is that of the object that changes; of a change without one, no refusal is remembered.
	ID string
	// Digest is that of what the change sends: the same is not sent again soon after it was refused. A change without a
	// digest is always tried.
	Digest string
}

// Verdict is what an error means for the batch.
type Verdict int

const (
	// Failed is anything unknown or transient. At the commit it means that the outcome is unknown.
	Failed Verdict = iota
	// Refused means that the store rejected the content.
	Refused
	// Locked means that another client holds the store. The whole batch is answered at once, and may be tried again
	// later.
	Locked
	// Conflict means, from a Change, Verify or Commit, that the store changed under the transaction or lost part of
	// what was written in it: everything is repeated from fresh reads, at most three times, with growing pauses. From
	// Begin it is an error like Failed.
	Conflict
	// Foreign means that the transaction contains a change that is not ours: it is rolled back, and the whole batch
	// gets the error.
	Foreign
	// Stopped means that nothing was sent, because writing is no longer allowed: handled like Foreign.
	Stopped
	// Declined means, from a Change, that it did not want to be made, for a reason that the store knows nothing of.
	Declined
)

// Options configure a Committer.
type Options[T Tx] struct {
	// Name names the store in traces.
	Name  string
	Store Store[T]
	// Classify returns what an error of Store, Tx or Change means. If nil, every error is Failed.
	Classify func(error) Verdict
	// Settings is called at the start of every batch, so that changed settings need no new Committer. If nil, the
	// defaults apply.
	Settings func() Settings
	// LockPause is the longest pause after a transaction that met a lock; 0 is DefaultLockPause. Other transactions that
	// achieve nothing are followed by a longer one.
	LockPause time.Duration
	// Observe, if not nil, is called for each event, in order and before the callers are answered. The batch waits for
	// it: it must return quickly, and must not call the Committer.
	Observe func(Event)
}

func (o Options[T]) lockPause() time.Duration { return positiveOr(o.LockPause, DefaultLockPause) }

// DefaultLockPause is the longest wait before retrying after a person has left the page that held the lock.
const DefaultLockPause = 15 * time.Second

// Defaults of Settings.
const (
	DefaultWindow     = time.Second
	DefaultMaxWindow  = 5 * time.Second
	DefaultMaxChanges = 1000
	DefaultMaxHold    = 60 * time.Second
	DefaultTimeout    = 120 * time.Second
)

// Settings bound a batch. A value of zero or less stands for its default.
type Settings struct {
	// Window is how long a batch stays open for more changes after its latest one arrived. The batch does not wait for
	// it if writing the present changes takes as long anyway.
	Window time.Duration
	// MaxWindow is how long a batch stays open at most after its first change arrived. Changes that arrive while those
	// of the window are being written join them. If it is shorter than Window it wins; its default is never shorter than
	// Window.
	MaxWindow time.Duration
	// MaxChanges is the largest number of changes in a batch. A full batch starts at once.
	MaxChanges int
	// MaxHold is how long a transaction is written to and verified. No change is begun that could not be finished by
	// then, judging by the slowest one so far and by how long verifying the previous transaction took; what is written
	// is committed, and the rest goes into a further transaction. A transaction takes at least one change.
	MaxHold time.Duration
	// Timeout bounds each step of a transaction separately: opening it, one change, verifying it, committing it. So a
	// change that hangs costs only itself, and a slow commit has its full time however long the writes took.
	Timeout time.Duration
}

// withDefaults fills in defaults for what is not set.
func (s Settings) withDefaults() Settings {
	s.Window = positiveOr(s.Window, DefaultWindow)
	s.MaxWindow = positiveOr(s.MaxWindow, max(DefaultMaxWindow, s.Window))
	s.MaxChanges = positiveOr(s.MaxChanges, DefaultMaxChanges)
	s.MaxHold = positiveOr(s.MaxHold, DefaultMaxHold)
	s.Timeout = positiveOr(s.Timeout, DefaultTimeout)
	return s
}

// holdBudget is the part of MaxHold for writing and verifying. The rest is for the network: the bound applies as the
// store sees it.
func (s Settings) holdBudget() time.Duration { return s.MaxHold - s.MaxHold/100 }

func positiveOr[N int | time.Duration](value, fallback N) N {
	if value > 0 {
		return value
	}
	return fallback
}
