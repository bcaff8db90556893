// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/panics"
)

// maxRepeats is how often the same changes are written again after a conflict.
const maxRepeats = 3

// batch is the changes that were gathered together, and those that joined while it was being written. Each is answered
// exactly once.
type batch[T Tx] struct {
	options  Options[T]
	settings Settings
	pace     *pace
	backoff  *backoff
	calls    []*call[T]
	// arrived takes up to most calls out of the queue.
	arrived func(most int) []*call[T]
	// sealed is set once the window is over, or something has failed: no calls join a batch that is being repeated or
	// divided.
	sealed bool
	// spoiledBefore is set once an attempt was spoiled.
	spoiledBefore bool
}

// run answers all calls.
func (b *batch[T]) run(ctx context.Context) {
	if err := b.answer(ctx, b.calls); err != nil {
		b.giveUp(err)
	}
}

// answer answers the calls in as few transactions as it can. An error ends the batch.
func (b *batch[T]) answer(ctx context.Context, calls []*call[T]) error {
	spoils, repeats := 0, 0
	for calls = stillWanted(calls); len(calls) > 0; calls = stillWanted(calls) {
		if err := b.backoff.wait(ctx); err != nil {
			return err
		}
		if calls = stillWanted(calls); len(calls) == 0 { // their callers have left in the meantime
			return nil
		}
		a := &attempt[T]{batch: b}
		end, err := a.try(ctx, calls)
		b.backOffAfter(a, end, err)
		calls = a.untried
		b.sealed = b.sealed || end != finished
		switch end {
		case finished:
			repeats, err = 0, nil
		case spoiled:
			spoils++
			calls, err = b.replay(ctx, a, spoils)
		case refused:
			err = b.divide(ctx, a.applied, err)
		case conflicted:
			repeats++
			calls, err = b.repeat(a, repeats, err)
		case unknown:
			answerAll(a.applied, outcomeUnknown(err))
		case aborted:
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// join returns changes that arrived while others were being written. Once the batch's window is over, those that
// arrived until its own changes were written are the last: a commit is better shared than repeated, and nobody waits
// for a stream of changes to end.
func (b *batch[T]) join() []*call[T] {
	if b.sealed {
		return nil
	}
	b.sealed = time.Since(b.calls[0].arrived) >= b.settings.MaxWindow
	calls := b.arrived(b.settings.MaxChanges - len(b.calls))
	b.calls = append(b.calls, calls...)
	return calls
}

// replay returns what to write after an attempt that one change spoiled: all the others. From the second time on, the
// changes known to be good are committed separately first. Otherwise every bad change would cause all good ones before
// it to be written once more.
func (b *batch[T]) replay(ctx context.Context, a *attempt[T], spoils int) ([]*call[T], error) {
	if spoils == 1 {
		return slices.Concat(a.applied, a.untried), nil
	}
	return a.untried, b.answer(ctx, a.applied)
}

// repeat returns what to write after an attempt that ended in a conflict: the same again, a limited number of times. A
// change that hits the conflict every time may be the only one that does, and is then left out.
func (b *batch[T]) repeat(a *attempt[T], repeats int, cause error) ([]*call[T], error) {
	calls := slices.Concat(a.applied, a.untried)
	if repeats <= maxRepeats {
		return calls, nil
	}
	err := fmt.Errorf("%w: %w", ErrBaseMoved, cause)
	if a.conflicting == nil {
		return nil, err
	}
	a.conflicting.answer(err)
	return calls, nil
}

// divide answers calls whose commit was refused by halving them until a bad one is alone and gets the refusal.
//
// A tree of halves has ceil(log2 n) levels below its root, and on each a bad change accounts for at most two commits:
// for b bad ones among the n of a transaction never more than 1 + 2*b*ceil(log2 n) in all. If the left half is
// committed, the fault is in the right one, which would be refused like both together: it is divided without trying it.
// But no change is refused by inference: a change that is left alone is always committed by itself.
func (b *batch[T]) divide(ctx context.Context, calls []*call[T], refusal error) error {
	if len(calls) == 1 {
		calls[0].answer(refusal)
		return nil
	}
	left, right := calls[:len(calls)/2], calls[len(calls)/2:]
	if err := b.answer(ctx, left); err != nil {
		return err
	}
	if len(right) > 1 && allCommitted(left) {
		return b.divide(ctx, right, refusal)
	}
	return b.answer(ctx, right)
}

// giveUp answers every call that has no answer yet.
func (b *batch[T]) giveUp(err error) {
	calls := stillWanted(b.calls)
	if b.verdict(err) == Locked {
		b.observe(Event{Kind: BatchLocked, Changes: len(calls), Err: err})
	}
	answerAll(calls, err)
}

func (b *batch[T]) verdict(err error) Verdict {
	var panicked *panics.Error
	if b.options.Classify == nil || errors.As(err, &panicked) {
		return Failed
	}
	return b.options.Classify(err)
}

func (b *batch[T]) observe(event Event) {
	if b.options.Observe != nil {
		b.options.Observe(event)
	}
}

// answerAll gives all calls the same answer.
func answerAll[T Tx](calls []*call[T], err error) {
	for _, c := range calls {
		c.answer(err)
	}
}

func stillWanted[T Tx](calls []*call[T]) []*call[T] {
	wanted := make([]*call[T], 0, len(calls))
	for _, c := range calls {
		if c.wanted() {
			wanted = append(wanted, c)
		}
	}
	return wanted
}

func allCommitted[T Tx](calls []*call[T]) bool {
	return !slices.ContainsFunc(calls, func(c *call[T]) bool { return !c.committed() })
}
