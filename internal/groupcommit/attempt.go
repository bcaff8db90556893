// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pam-operator/pam-operator/internal/panics"
	"github.com/pam-operator/pam-operator/internal/span"
)

// rollbackTimeout bounds a roll-back, which never runs under the context of the work that it undoes.
const rollbackTimeout = 15 * time.Second

// ending is how an attempt ended. After every ending except finished, the calls in applied still wait for an answer.
type ending int

const (
	// finished: what was written is committed. An attempt that wrote nothing is finished, too.
	finished ending = iota
	// spoiled: a change failed after a write of its own and has been answered; the others are not at fault.
	spoiled
	// refused: the store refused the commit for its content.
	refused
	// conflicted: nothing is committed, because the store changed under the transaction or lost part of it.
	conflicted
	// unknown: the commit may or may not have happened.
	unknown
	// aborted: nothing is committed, and further attempts are pointless for now.
	aborted
)

// attempt is one transaction, from opening to commit or roll-back.
type attempt[T Tx] struct {
	*batch[T]

	tx          T
	opened      time.Time
	applied     []*call[T] // wrote, or relied on what others wrote: their answers depend on the commit
	untried     []*call[T] // not tried
	conflicting *call[T]   // the call in applied that hit the conflict; nil if the commit did
	refusedCall *call[T]   // the latest call that the store refused at a write
}

// try writes the calls and commits them. Its error is the reason why the attempt did not finish.
func (a *attempt[T]) try(ctx context.Context, calls []*call[T]) (end ending, err error) {
	ctx = span.With(ctx, calls[0].caller) // its calls are in the trace of the first of its changes
	if err := a.open(ctx); err != nil {
		return aborted, err
	}
	end, err = a.write(ctx, calls)
	if end == finished && len(a.applied) > 0 {
		if end, err = a.commit(ctx); end == finished {
			return finished, nil
		}
	}
	failure := a.rollBack(ctx)
	a.observeEnd(end, err, failure)
	if failure != nil && end != unknown {
		// Without an acknowledgement the transaction may still be open, so writing the same changes again is not safe.
		return aborted, failure
	}
	return end, err
}

func (a *attempt[T]) open(ctx context.Context) error {
	since := a.backoff.trying(time.Now())
	err := step(ctx, a.settings.Timeout, func(ctx context.Context) (err error) {
		a.tx, a.opened, err = a.options.Store.Begin(ctx)
		return err
	})
	if err != nil {
		a.observe(Event{Kind: NotOpened, Err: err, Verdict: a.verdict(err)})
		return err
	}
	a.backoff.opened()
	a.observe(Event{Kind: TransactionOpened, Wait: time.Since(since)})
	return nil
}

// observeEnd reports a transaction that was not committed.
func (a *attempt[T]) observeEnd(end ending, err, failure error) {
	event := Event{Kind: RolledBack, Hold: time.Since(a.opened)}
	switch {
	case end == unknown:
		event.Kind, event.Changes, event.Err, event.Verdict = Lost, len(a.applied), err, a.verdict(err)
	case failure != nil:
		event.Kind, event.Err, event.Verdict = RollbackFailed, failure, a.verdict(failure)
	}
	a.observe(event)
}

// write runs the changes one after another: as many as can be written and verified within MaxHold, then those that have
// arrived in the meantime.
func (a *attempt[T]) write(ctx context.Context, calls []*call[T]) (end ending, err error) {
	var slowest, total time.Duration
	written := 0
	for i := 0; i < len(calls); i++ {
		if i > 0 && time.Since(a.opened)+slowest+a.pace.verifying(i+1) > a.settings.holdBudget() {
			a.untried = calls[i:]
			break
		}
		if c := calls[i]; c.beginWriting() {
			begun := time.Now()
			if end, err := a.apply(ctx, c); end != finished {
				a.untried = calls[i+1:]
				return end, err
			}
			took := time.Since(begun)
			slowest, total, written = max(slowest, took), total+took, written+1
		}
		if i == len(calls)-1 {
			calls = append(calls, a.join()...)
		}
	}
	if written > 0 {
		a.pace.wrote(written, total)
	}
	return finished, nil
}

// apply runs one change. A change that fails by its own fault is answered at once, whatever becomes of the transaction.
func (a *attempt[T]) apply(ctx context.Context, c *call[T]) (ending, error) {
	before := a.tx.Writes()
	err := step(ctx, a.settings.Timeout, func(ctx context.Context) error { return c.change(ctx, a.tx) })
	switch {
	case err == nil && a.tx.Writes() == 0:
		// The change found in the committed state that there is nothing to do. If it had read what others wrote in this
		// transaction, its success would depend on theirs.
		c.answer(nil)
		return finished, nil
	case err == nil:
		a.applied = append(a.applied, c)
		return finished, nil
	}
	switch a.verdict(err) {
	case Locked, Foreign, Stopped:
		return aborted, err
	case Conflict:
		if ctx.Err() == nil { // the change that hits the conflict is no more at fault than the others
			a.applied, a.conflicting = append(a.applied, c), c
			return conflicted, err
		}
	case Refused, Declined, Failed:
	}
	if ctx.Err() != nil {
		return aborted, err
	}
	if a.verdict(err) == Refused {
		a.refusedCall = c
		a.refusals.add(c.identity, err, false)
	}
	c.answer(err)
	if a.tx.Writes() != before {
		return spoiled, err
	}
	return finished, nil
}

// commit verifies and commits what was applied.
func (a *attempt[T]) commit(ctx context.Context) (ending, error) {
	begun := time.Now()
	if err := step(ctx, a.settings.Timeout, a.tx.Verify); err != nil {
		end := aborted
		if a.verdict(err) == Conflict {
			end = conflicted
		}
		return end, err
	}
	a.pace.verified(len(a.applied), time.Since(begun))
	begun = time.Now()
	err := step(ctx, a.settings.Timeout, a.tx.Commit)
	if err == nil {
		a.observe(Event{
			Kind: Committed, Changes: len(a.applied), Hold: time.Since(a.opened), Duration: time.Since(begun),
		})
		a.committed()
		answerAll(a.applied, nil)
		return finished, nil
	}
	return a.commitEnding(err), err
}

// commitEnding classifies a failed commit. After a timeout or a panic the outcome is unknown, whatever Classify makes
// of the error.
func (a *attempt[T]) commitEnding(err error) ending {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return unknown
	}
	switch a.verdict(err) {
	case Refused:
		return refused
	case Conflict:
		return conflicted
	case Locked, Foreign, Stopped:
		return aborted
	case Declined, Failed:
	}
	return unknown
}

// rollBack undoes what was written and releases the lock.
func (a *attempt[T]) rollBack(ctx context.Context) error {
	err := step(context.WithoutCancel(ctx), rollbackTimeout, a.tx.Rollback)
	for _, c := range a.applied {
		c.endWriting()
	}
	return err
}

// step runs one step of a transaction under its own time limit. It turns a panic into an error. ctx is the Committer's:
// an error after its end is also ErrClosed.
func step(ctx context.Context, limit time.Duration, do func(context.Context) error) (err error) {
	if ctx.Err() != nil {
		return ErrClosed
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			err = panics.Recovered(value)
		}
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}()
	return do(limited)
}
