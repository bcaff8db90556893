// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses before a transaction that repeats one which came to nothing. Each is twice the one before.
const (
	firstPause = 500 * time.Millisecond
	// innerPause is the longest within a batch, whose callers wait all the while.
	innerPause = 5 * time.Second
	// outerPause is the longest between batches.
	outerPause = time.Minute
)

// brake keeps transactions that come to nothing from following each other closely, whatever the reason is and whoever
// asks: each takes the store's lock from everybody else. It counts across batches, because a change that failed comes
// again with the next one. It belongs to the runner.
type brake struct {
	fruitless int
	until     time.Time
}

// pull notes a transaction that came to nothing. No further one is opened for a while, longest at most.
func (b *brake) pull(longest time.Duration) {
	pause := min(firstPause<<min(b.fruitless, 10), longest)
	b.fruitless++
	// Jittered by a fifth, because several managers or connections may have run into each other.
	pause = pause*9/10 + rand.N(pause/5+1) //nolint:gosec // nothing secret
	b.until = time.Now().Add(pause)
}

// release notes that something was committed.
func (b *brake) release() { *b = brake{} }

// left is how long no transaction is to be opened.
func (b *brake) left() time.Duration { return time.Until(b.until) }

// wait waits, within a batch, until a transaction may be opened. Its only error is ErrClosed, at the end of ctx.
func (b *brake) wait(ctx context.Context) error {
	left := min(b.left(), innerPause)
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

// brakeAfter pulls or releases the brake after an attempt. Refusals do not count: each is the answer of one change,
// which does not come again with the next transaction, and their number is bounded by that of the changes.
func (b *batch[T]) brakeAfter(a *attempt[T], end ending, err error) {
	switch end {
	case finished:
		if len(a.applied) > 0 {
			b.brake.release()
		}
	case refused:
	case spoiled:
		// The first one is replayed at once, for the sake of the others; a batch of many bad ones is no storm.
		if b.verdict(err) != Refused && b.spoilt {
			b.brake.pull(innerPause)
		}
		b.spoilt = true
	case moved:
		b.brake.pull(innerPause)
	case lost:
		b.brake.pull(outerPause)
	case abandoned:
		switch {
		case b.verdict(err) == Locked:
			b.brake.pull(b.options.lockPause())
		case a.opened.IsZero(): // nobody was locked out; callers have pauses of their own
			b.brake.pull(innerPause)
		default:
			b.brake.pull(outerPause)
		}
	}
}
