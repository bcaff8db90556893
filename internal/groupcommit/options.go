// SPDX-License-Identifier: Apache-2.0

// Package groupcommit lets many callers share one exclusive transaction. It is for a store that changes only by open,
// write and commit, that has one writer at a time, and whose commit is slow: callers that arrive together are written
// together and pay for one commit, and still each gets the answer of its own change. It knows no vendor.
//
// The way of one change: Do puts it into a queue and a runner gathers a batch (committer.go), the batch decides what
// goes into which transaction (batch.go), an attempt is one transaction from opening to commit or roll-back
// (attempt.go), and the call, which is the caller waiting in Do, gets its answer (call.go).
//
// What callers can rely on:
//   - nil means committed, or found to be in place already. Nobody is told success before the commit.
//   - An error that is not ErrOutcomeUnknown means that the change was not committed.
//   - A change that is at fault gets its own error and does not take the others along.
//   - Transactions that come to nothing follow each other ever more slowly, whatever the reason is (brake.go).
//   - The lock is let go of on every way out, and kept no longer than Settings.MaxHold and one commit; only a change
//     that is slower than all before it in its transaction can exceed that, by Settings.Timeout at most.
package groupcommit

import (
	"context"
	"time"
)

// Store opens transactions. One is open at a time.
type Store[T Tx] interface {
	// Begin opens a transaction. The lock was taken at since, at the earliest. When it returns an error there must be
	// nothing left open.
	Begin(ctx context.Context) (tx T, since time.Time, err error)
}

// Tx is one open transaction. Every method must return soon after its context has ended.
type Tx interface {
	// Writes counts the writes so far that may have changed the transaction: also one whose answer never came, but not
	// one that the store refused.
	Writes() int
	// Verify is called before the commit, and fails unless the transaction holds all that was written through it, and
	// nothing else.
	Verify(ctx context.Context) error
	// Commit makes the writes permanent and lets go of the lock. After an error the transaction counts as open.
	Commit(ctx context.Context) error
	// Rollback drops the writes and lets go of the lock. A nil error is an acknowledgement: nothing of this transaction
	// can come into force any more.
	Rollback(ctx context.Context) error
}

// Change makes one caller's change inside an open transaction. It reads there what it is about to write, writes only
// what differs, and may run several times, each time in a fresh transaction. It must return soon after its context has
// ended, must not keep tx, and must not call Do of the same Committer.
type Change[T Tx] func(ctx context.Context, tx T) error

// Verdict is what an error means for the batch.
type Verdict int

const (
	// Failed is anything unknown or passing. At the commit it means that the outcome is not known.
	Failed Verdict = iota
	// Refused means that the store looked at the content and did not take it.
	Refused
	// Locked means that somebody else holds the store. The whole batch is told at once, and may come again later.
	Locked
	// Conflict means, from a Change, Verify or Commit, that the store changed under the transaction or that the
	// transaction has lost what was written in it: all of it is repeated from fresh reads, three times at most, with
	// growing pauses. From Begin it is an error like Failed.
	Conflict
	// Foreign means that the transaction holds a change that is not ours: it is rolled back and the whole batch is told.
	Foreign
	// Stopped means that nothing was sent, because nothing may be written any more: as for Foreign.
	Stopped
)

// Options make a Committer.
type Options[T Tx] struct {
	Store Store[T]
	// Classify says what an error of Store, Tx or Change means. Left out, every error is Failed.
	Classify func(error) Verdict
	// Settings is asked at the start of every batch, so that changes of them need no new Committer. Left out, the
	// defaults hold.
	Settings func() Settings
	// LockPause is the longest pause before a transaction after one that met a lock; 0 is DefaultLockPause. Other
	// transactions that come to nothing have a longer one.
	LockPause time.Duration
	// Observe, if not nil, hears what happens, in order and before the callers are answered. The batch waits for it: it
	// must return quickly, and must not call the Committer.
	Observe func(Event)
}

func (o Options[T]) lockPause() time.Duration { return positiveOr(o.LockPause, DefaultLockPause) }

// DefaultLockPause is how long a person who leaves a page is waited for at most.
const DefaultLockPause = 15 * time.Second

// Defaults of Settings.
const (
	DefaultWindow     = time.Second
	DefaultMaxWindow  = 5 * time.Second
	DefaultMaxChanges = 1000
	DefaultMaxHold    = 60 * time.Second
	DefaultTimeout    = 120 * time.Second
)

// Settings bound a batch. A value that is zero or less stands for its default.
type Settings struct {
	// Window is how long a batch stays open for more after its latest change arrived. It is not waited for where writing
	// what is there takes as long anyway.
	Window time.Duration
	// MaxWindow is how long a batch stays open at most after its first change arrived: until then, what comes while it is
	// being written joins it. It wins over Window when it is shorter; its default is never shorter than Window.
	MaxWindow time.Duration
	// MaxChanges is how many changes a batch has at most. So many are not kept waiting.
	MaxChanges int
	// MaxHold is how long a transaction is written to and verified. No change is begun that could not be finished by then,
	// going by the slowest one so far and by how long it took to verify the transaction before; what is written is
	// committed, and the rest goes on in a further transaction. A transaction takes one change at least.
	MaxHold time.Duration
	// Timeout bounds each step of a transaction by itself: opening it, one change, verifying it, committing it. So a
	// change that hangs is the one that pays, and a slow commit has the whole time however long the writes took.
	Timeout time.Duration
}

// withDefaults puts the defaults where nothing is set.
func (s Settings) withDefaults() Settings {
	s.Window = positiveOr(s.Window, DefaultWindow)
	s.MaxWindow = positiveOr(s.MaxWindow, max(DefaultMaxWindow, s.Window))
	s.MaxChanges = positiveOr(s.MaxChanges, DefaultMaxChanges)
	s.MaxHold = positiveOr(s.MaxHold, DefaultMaxHold)
	s.Timeout = positiveOr(s.Timeout, DefaultTimeout)
	return s
}

// room is the part of MaxHold that writing and verifying may fill. The rest is for the ways to the store and back: the
// bound is meant as the store sees it.
func (s Settings) room() time.Duration { return s.MaxHold - s.MaxHold/100 }

func positiveOr[N int | time.Duration](value, fallback N) N {
	if value > 0 {
		return value
	}
	return fallback
}
