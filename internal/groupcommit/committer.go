// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Committer gathers changes and commits them together, one batch at a time, first come first served. It runs a
// goroutine only while there is work.
type Committer[T Tx] struct {
	options Options[T]
	ctx     context.Context // every batch runs under it; Close cancels it when it stops waiting
	cancel  context.CancelFunc
	wake    chan struct{} // makes the runner look at the queue again
	pace    pace          // the runner's
	backoff backoff       // the runner's
	// refusals remembers the objects whose changes were refused.
	refusals refusals

	mu       sync.Mutex
	closed   bool
	queue    []*call[T]
	suspects []*call[T] // to be committed alone, one of each tenant at most
	triage   triage[T]
	latest   source        // where the latest batch came from
	idle     chan struct{} // closed when the runner ends; nil while there is none
}

// New returns a Committer for a store. A store must have only one.
func New[T Tx](options Options[T]) *Committer[T] {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:gosec // G118: Close calls cancel
	return &Committer[T]{options: options, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), pace: newPace()}
}

// Do has the change committed together with those of other callers, and blocks until its outcome is known. The change
// runs under the batch's context, not under ctx. An error of the change itself is returned unchanged.
//
// When ctx ends first, Do returns its error. A change that is not yet being written is withdrawn and will not happen;
// otherwise the batch continues without waiting for this caller, and the error is also ErrOutcomeUnknown.
//
// A change that was refused before is answered with that refusal or an UntriedError, or is committed alone.
func (c *Committer[T]) Do(ctx context.Context, identity Identity, change Change[T]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	call := newCall(ctx, identity, change)
	if err := c.enqueue(call); err != nil {
		return err
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		err := call.leave()
		c.dequeue(call)
		return err
	}
	if call.err == nil {
		c.refusals.succeeded(identity)
	}
	return call.err
}

// Refusal returns how a change was refused, if Do would not try it again now.
func (c *Committer[T]) Refusal(identity Identity) error {
	if _, answered, last := c.refusals.ask(identity); answered {
		return last
	}
	return nil
}

// ForgetRefusals has every change tried again.
func (c *Committer[T]) ForgetRefusals() {
	c.refusals.forget()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.triage.debts, c.triage.rest = nil, time.Time{}
	c.wakeRunner()
}

// Close accepts no further changes and refuses, with ErrClosed, those still waiting for a batch. It lets the running
// batch finish until ctx ends, then cuts the batch short and rolls it back. When Close returns, the batch is over: it
// finished if the error is nil, and was cut short if the error is that of ctx. Any other error means that the batch
// does not end.
func (c *Committer[T]) Close(ctx context.Context) error {
	defer c.cancel()
	idle := c.refuse()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		c.cancel()
	}
	patience := time.NewTimer(rollbackTimeout + time.Second)
	defer patience.Stop()
	select {
	case <-idle:
		return ctx.Err()
	case <-patience.C:
		return errors.New("the running batch does not end, its transaction may still be open")
	}
}

// enqueue adds the call, and starts the runner if there is none. Its error is the answer to a call that is not added.
func (c *Committer[T]) enqueue(call *call[T]) error {
	suspect, answered, last := c.refusals.ask(call.identity)
	if answered {
		return last
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case !suspect && !c.triage.indebted(call.identity.Tenant):
		c.queue = append(c.queue, call)
	case !slices.ContainsFunc(c.suspects, call.sharesTenant):
		c.suspects = append(c.suspects, call)
	case last != nil:
		return last
	default:
		return &UntriedError{After: max(time.Until(c.triage.rest), time.Second)}
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
		go c.run()
	}
	c.wakeRunner()
	return nil
}

// dequeue removes a withdrawn call, so that it does not count towards a batch.
func (c *Committer[T]) dequeue(gone *call[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	withdrawn := func(other *call[T]) bool { return other == gone }
	c.queue, c.suspects = slices.DeleteFunc(c.queue, withdrawn), slices.DeleteFunc(c.suspects, withdrawn)
	c.wakeRunner()
}

// refuse closes the queues and returns the channel that is closed when the runner ends, nil if there is no runner.
func (c *Committer[T]) refuse() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	answerAll(slices.Concat(c.queue, c.suspects, c.triage.dropAll()), ErrClosed)
	c.queue, c.suspects = nil, nil
	c.wakeRunner()
	return c.idle
}

func (c *Committer[T]) wakeRunner() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run is the runner: one batch after another until the queues are empty.
func (c *Committer[T]) run() {
	for b := c.gather(c.currentSettings()); b != nil; b = c.gather(c.currentSettings()) {
		b.run(c.ctx)
	}
}

func (c *Committer[T]) currentSettings() Settings {
	if c.options.Settings == nil {
		return Settings{}.withDefaults()
	}
	return c.options.Settings().withDefaults()
}
