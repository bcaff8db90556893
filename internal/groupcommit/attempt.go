// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rollbackTimeout bounds a roll-back, which never runs under the context of the work that it undoes.
const rollbackTimeout = 15 * time.Second

// ending is how an attempt ended. After every one but finished, the calls in applied still wait for an answer.
type ending int

const (
	// finished: what was written is committed. Nothing having been written is a special case of it.
	finished ending = iota
	// spoiled: a change failed after a write of its own, and has its answer; the others are innocent.
	spoiled
	// refused: the commit was refused for its content.
	refused
	// moved: nothing is committed, because the store changed under the transaction or lost a part of it.
	moved
	// lost: nobody knows whether the commit happened.
	lost
	// abandoned: nothing is committed, and trying further is useless now.
	abandoned
)

// attempt is one transaction, from opening to commit or roll-back.
type attempt[T Tx] struct {
	*batch[T]

	tx      T
	opened  time.Time
	applied []*call[T] // written, or built upon what others wrote: their answers hang on the commit
	rest    []*call[T] // not tried
	upset   *call[T]   // the one of applied that came upon the store having moved; nil if the commit did
}

// try writes the calls and commits them. Its error is why the attempt did not finish.
func (a *attempt[T]) try(ctx context.Context, calls []*call[T]) (ending, error) {
	if err := a.open(ctx); err != nil {
		return abandoned, err
	}
	end, err := a.write(ctx, calls)
	if end == finished && len(a.applied) > 0 {
		if end, err = a.commit(ctx); end == finished {
			return finished, nil
		}
	}
	failure := a.rollBack(ctx, err)
	if failure != nil && end != lost {
		// Without an acknowledgement the transaction may still be open, and writing the same again is not safe.
		return abandoned, fmt.Errorf("roll back transaction: %w", failure)
	}
	return end, err
}

func (a *attempt[T]) open(ctx context.Context) error {
	err := step(ctx, a.settings.Timeout, func(ctx context.Context) (err error) {
		a.tx, a.opened, err = a.options.Store.Begin(ctx)
		return err
	})
	if err == nil {
		a.observe(Event{Kind: TransactionOpened})
	}
	return err
}

// write runs the changes one after the other, as many as MaxHold has room for when they are verified, too, and then
// those that have arrived meanwhile.
func (a *attempt[T]) write(ctx context.Context, calls []*call[T]) (ending, error) {
	var slowest, total time.Duration
	written := 0
	for i := 0; i < len(calls); i++ {
		if i > 0 && time.Since(a.opened)+slowest+a.pace.verifying(i+1) > a.settings.room() {
			a.rest = calls[i:]
			break
		}
		if c := calls[i]; c.claim() {
			begun := time.Now()
			if end, err := a.apply(ctx, c); end != finished {
				a.rest = calls[i+1:]
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

// apply runs one change. One that fails by its own fault has its answer at once, whatever becomes of the transaction.
func (a *attempt[T]) apply(ctx context.Context, c *call[T]) (ending, error) {
	before := a.tx.Writes()
	err := step(ctx, a.settings.Timeout, func(ctx context.Context) error { return c.change(ctx, a.tx) })
	switch {
	case err == nil && a.tx.Writes() == 0:
		// It found in the committed state that there is nothing to do. Had it looked at what others wrote in this
		// transaction, its success would be theirs.
		c.settle(nil)
		return finished, nil
	case err == nil:
		a.applied = append(a.applied, c)
		return finished, nil
	}
	switch a.verdict(err) {
	case Locked, Foreign, Stopped:
		return abandoned, fmt.Errorf("write in transaction: %w", err)
	case Conflict:
		if ctx.Err() == nil { // whoever comes upon it is no more at fault than the others
			a.applied, a.upset = append(a.applied, c), c
			return moved, fmt.Errorf("write in transaction: %w", err)
		}
	case Refused, Failed:
	}
	if ctx.Err() != nil {
		return abandoned, fmt.Errorf("write in transaction: %w", err)
	}
	a.fail(c, err)
	if a.tx.Writes() != before {
		return spoiled, err
	}
	return finished, nil
}

// commit verifies and commits what was applied.
func (a *attempt[T]) commit(ctx context.Context) (ending, error) {
	begun := time.Now()
	if err := step(ctx, a.settings.Timeout, a.tx.Verify); err != nil {
		end := abandoned
		if a.verdict(err) == Conflict {
			end = moved
		}
		return end, fmt.Errorf("verify transaction: %w", err)
	}
	a.pace.verified(len(a.applied), time.Since(begun))
	begun = time.Now()
	err := step(ctx, a.settings.Timeout, a.tx.Commit)
	if err == nil {
		a.observe(Event{
			Kind: Committed, Changes: len(a.applied), Hold: time.Since(a.opened), Duration: time.Since(begun),
		})
		settleAll(a.applied, nil)
		return finished, nil
	}
	return a.commitEnding(err), fmt.Errorf("commit transaction: %w", err)
}

// commitEnding says what became of a commit that failed. Where the time ran out or the code broke, nobody knows,
// whatever Classify makes of the error.
func (a *attempt[T]) commitEnding(err error) ending {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return lost
	}
	switch a.verdict(err) {
	case Refused:
		return refused
	case Conflict:
		return moved
	case Locked, Foreign, Stopped:
		return abandoned
	case Failed:
	}
	return lost
}

// rollBack undoes what was written and lets go of the lock, for the reason why.
func (a *attempt[T]) rollBack(ctx context.Context, why error) error {
	err := step(context.WithoutCancel(ctx), rollbackTimeout, a.tx.Rollback)
	event := Event{Kind: RolledBack, Changes: len(a.applied), Hold: time.Since(a.opened), Err: why}
	if err != nil {
		event.Kind, event.Err = RollbackFailed, err
	}
	a.observe(event)
	for _, c := range a.applied {
		c.release()
	}
	return err
}

// step does one step of a transaction under a time limit of its own. A panic comes back as an error, and an error after
// the end of ctx, which is the Committer's, is ErrClosed as well.
func step(ctx context.Context, limit time.Duration, do func(context.Context) error) (err error) {
	if ctx.Err() != nil {
		return ErrClosed
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			err = newPanicError(value)
		}
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}()
	return do(limited)
}
