// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxRepeats is how often the same changes are written again because the store changed under them.
const maxRepeats = 3

// batch is the changes that were gathered together, and those that joined them while they were written. Each of them is
// answered exactly once.
type batch[T Tx] struct {
	options  Options[T]
	settings Settings
	pace     *pace
	brake    *brake
	calls    []*call[T]
	// late takes those out of the queue that arrived before a time, at most so many.
	late func(before time.Time, most int) []*call[T]
	// troubled says that something failed: what is repeated or divided takes no others along.
	troubled bool
	// spoilt says that an attempt was spoiled before.
	spoilt bool
}

// run answers all calls.
func (b *batch[T]) run(ctx context.Context) {
	b.observe(Event{Kind: BatchStarted, Changes: len(b.calls)})
	if err := b.settle(ctx, b.calls); err != nil {
		b.giveUp(err)
	}
}

// settle answers the calls, in as few transactions as it can. An error is the end of the batch.
func (b *batch[T]) settle(ctx context.Context, calls []*call[T]) error {
	spoils, repeats := 0, 0
	for calls = stillWanted(calls); len(calls) > 0; calls = stillWanted(calls) {
		if err := b.brake.wait(ctx); err != nil {
			return err
		}
		if calls = stillWanted(calls); len(calls) == 0 { // they have left meanwhile
			return nil
		}
		a := &attempt[T]{batch: b}
		end, err := a.try(ctx, calls)
		b.brakeAfter(a, end, err)
		calls = a.rest
		b.troubled = b.troubled || end != finished
		switch end {
		case finished:
			repeats, err = 0, nil
		case spoiled:
			spoils++
			calls, err = b.replay(ctx, a, spoils)
		case refused:
			err = b.divide(ctx, a.applied, err)
		case moved:
			repeats++
			calls, err = b.repeat(a, repeats, err)
		case lost:
			b.observe(Event{Kind: CommitLost, Changes: len(a.applied), Err: err})
			settleAll(a.applied, outcomeUnknown(err))
		case abandoned:
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// join returns changes that came after the batch was begun. Its window is open for them as long as it would have been
// if nothing had been written yet.
func (b *batch[T]) join() []*call[T] {
	if b.troubled {
		return nil
	}
	closes := b.calls[0].arrived.Add(b.settings.MaxWindow)
	calls := b.late(closes, b.settings.MaxChanges-len(b.calls))
	b.calls = append(b.calls, calls...)
	return calls
}

// replay returns what is to be written after an attempt that one change spoiled: all others. From the second time on,
// those that are known to be good are first settled apart. Otherwise every bad change would have all good ones before
// it written once more.
func (b *batch[T]) replay(ctx context.Context, a *attempt[T], spoils int) ([]*call[T], error) {
	if spoils == 1 {
		return slices.Concat(a.applied, a.rest), nil
	}
	return a.rest, b.settle(ctx, a.applied)
}

// repeat returns what is to be written after an attempt under which the store moved: the same again, but not for ever.
// A change that comes upon it each time may be the only one that does, and is then left out.
func (b *batch[T]) repeat(a *attempt[T], repeats int, cause error) ([]*call[T], error) {
	calls := slices.Concat(a.applied, a.rest)
	if repeats <= maxRepeats {
		return calls, nil
	}
	err := fmt.Errorf("%w: %w", ErrBaseMoved, cause)
	if a.upset == nil {
		return nil, err
	}
	b.fail(a.upset, err)
	return calls, nil
}

// divide settles calls whose commit was refused, by halves, until a bad one stands alone and gets the refusal.
//
// A tree of halves has ceil(log2 n) levels under its root, and on each a bad change accounts for two commits at most:
// for b bad ones among the n of a transaction never more than 1 + 2*b*ceil(log2 n) in all. When the left half is
// committed, the right one has the fault and would be refused like both together: it is divided without asking. But
// nobody is found guilty by inference: a change that stands alone is always committed by itself.
func (b *batch[T]) divide(ctx context.Context, calls []*call[T], refusal error) error {
	if len(calls) == 1 {
		b.fail(calls[0], refusal)
		return nil
	}
	left, right := calls[:len(calls)/2], calls[len(calls)/2:]
	if err := b.settle(ctx, left); err != nil {
		return err
	}
	if len(right) > 1 && allCommitted(left) {
		return b.divide(ctx, right, refusal)
	}
	return b.settle(ctx, right)
}

// fail gives one call an error of its own.
func (b *batch[T]) fail(c *call[T], err error) {
	b.observe(Event{Kind: ChangeFailed, Changes: 1, Err: err})
	c.settle(err)
}

// giveUp answers everybody who has no answer yet.
func (b *batch[T]) giveUp(err error) {
	kind := BatchFailed
	if b.verdict(err) == Locked {
		kind = BatchLocked
	}
	calls := stillWanted(b.calls)
	b.observe(Event{Kind: kind, Changes: len(calls), Err: err})
	settleAll(calls, err)
}

func (b *batch[T]) verdict(err error) Verdict {
	var panicked *PanicError
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

// settleAll gives all calls the same answer.
func settleAll[T Tx](calls []*call[T], err error) {
	for _, c := range calls {
		c.settle(err)
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
