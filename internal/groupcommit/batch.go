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

// batch is the changes that were gathered together, and those that joined while it was being written; or a part of
// them; or one suspect. Each is answered exactly once, unless it is divided.
type batch[T Tx] struct {
	*Committer[T]

	settings Settings
	calls    []*call[T]
	// sealed is set once the window is over, or something has failed: no calls join a batch that is being repeated or is
	// a part of another.
	sealed bool
	// suspect says that the only call is that of a suspect.
	suspect bool
	// spoiledBefore is set once an attempt was spoiled.
	spoiledBefore bool
}

// run answers all calls, or divides them.
func (b *batch[T]) run(ctx context.Context) {
	if err := b.answer(ctx, b.calls); err != nil {
		b.giveUp(err)
	}
}

// answer answers the calls in as few transactions as it can. An error ends the batch, and all divisions.
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
		b.payFor(a, end)
		switch end {
		case finished:
			repeats, err = 0, nil
		case spoiled:
			spoils++
			calls, err = b.replay(ctx, a, spoils)
		case refused:
			b.refused(a.applied, err, time.Since(a.opened))
			err = nil
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

// payFor has those pay who are to blame for a transaction that achieved nothing. After a refused commit, refused does.
func (b *batch[T]) payFor(a *attempt[T], end ending) {
	held := time.Since(a.opened)
	switch {
	case a.opened.IsZero(), end == finished && len(a.applied) > 0:
	case b.suspect:
		b.letSuspectsRest(b.calls[0].identity.Tenant, held)
	case a.refusedCall != nil && (end == finished || end == spoiled):
		b.charge(a.refusedCall.identity.Tenant, held)
	}
}

// join returns changes that arrived while others were being written. Once the batch's window is over, those that
// arrived until its own changes were written are the last: a commit is better shared than repeated, and nobody waits
// for a stream of changes to end.
func (b *batch[T]) join() []*call[T] {
	if b.sealed {
		return nil
	}
	b.sealed = time.Since(b.calls[0].arrived) >= b.settings.MaxWindow
	calls := b.popUpTo(b.settings.MaxChanges - len(b.calls))
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

// refused answers the only call whose commit was refused, or divides several. held is how long the lock was held.
func (b *batch[T]) refused(calls []*call[T], refusal error, held time.Duration) {
	if len(calls) == 1 {
		b.refusals.add(calls[0].identity, refusal, true)
		calls[0].answer(refusal)
	}
	if b.suspect { // they pay by resting
		return
	}
	untried, all := b.afterRefusal(calls, refusal, held)
	if all {
		b.observe(Event{Kind: AllRefused, Changes: len(untried), Err: refusal})
	}
	for _, c := range untried {
		err := &UntriedError{After: untriedPause, Refusal: refusal}
		b.refusals.suspect(c.identity, err)
		c.answer(err)
	}
}

// giveUp answers every call that has no answer yet, and those that wait in divisions.
func (b *batch[T]) giveUp(err error) {
	calls := append(stillWanted(b.calls), stillWanted(b.dropDivided())...)
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
