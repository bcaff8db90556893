// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses before a transaction that follows one without a result. Each is twice the one before.
const (
	initialPause = 500 * time.Millisecond
	// maxPauseWithinBatch is short, because the batch's callers wait meanwhile.
	maxPauseWithinBatch = 5 * time.Second
	// maxPauseBetweenBatches bounds the pause before a new batch.
	maxPauseBetweenBatches = time.Minute
)

// backoff spaces out transactions that achieve nothing, whatever the reason and the caller: each of them takes the
// store's lock away from all other clients. It counts across batches, because a change that failed is back in the next
// one. It belongs to the runner.
type backoff struct {
	failures int
	until    time.Time
	// since is when the first attempt was made to open the transaction that is not open yet; zero if there was none.
	since time.Time
}

// trying returns since when a transaction has been wanted, at the start of an attempt to open one. If nobody came back
// after the last attempt, that is forgotten.
func (b *backoff) trying(now time.Time) time.Time {
	if b.since.IsZero() || now.Sub(b.until) > maxPauseBetweenBatches {
		b.since = now
	}
	return b.since
}

// opened records that a transaction could be opened.
func (b *backoff) opened() { b.since = time.Time{} }

// grow records a transaction that achieved nothing and delays the next one, by longest at most.
func (b *backoff) grow(longest time.Duration) {
	pause := min(initialPause<<min(b.failures, 10), longest)
	b.failures++
	// Jittered by a fifth, because several managers or connections may have run into each other.
	pause = pause*9/10 + rand.N(pause/5+1) //nolint:gosec // nothing secret
	b.until = time.Now().Add(pause)
}

// reset records that something was committed.
func (b *backoff) reset() { *b = backoff{} }

// remaining is how long to wait before the next transaction is opened.
func (b *backoff) remaining() time.Duration { return time.Until(b.until) }

// wait waits, within a batch, until a transaction may be opened. Its only error is ErrClosed, when ctx ends.
func (b *backoff) wait(ctx context.Context) error {
	left := min(b.remaining(), maxPauseWithinBatch)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ErrClosed
	}
}

// backOffAfter grows or resets the back-off after an attempt. Refusals do not count: each answers one change, which
// does not return with the next transaction, so there are no more of them than changes.
func (b *batch[T]) backOffAfter(a *attempt[T], end ending, err error) {
	switch end {
	case finished:
		if len(a.applied) > 0 {
			b.backoff.reset()
		}
	case refused:
	case spoiled:
		// The first spoiled attempt is replayed at once, for the sake of the other changes.
		if b.verdict(err) != Refused && b.spoiledBefore {
			b.backoff.grow(maxPauseWithinBatch)
		}
		b.spoiledBefore = true
	case conflicted:
		b.backoff.grow(maxPauseWithinBatch)
	case unknown:
		b.backoff.grow(maxPauseBetweenBatches)
	case aborted:
		switch {
		case b.verdict(err) == Locked:
			b.backoff.grow(b.options.lockPause())
		case a.opened.IsZero(): // no other client was locked out, and callers back off themselves
			b.backoff.grow(maxPauseWithinBatch)
		default:
			b.backoff.grow(maxPauseBetweenBatches)
		}
	}
}
