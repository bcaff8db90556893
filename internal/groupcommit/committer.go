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

	mu     sync.Mutex
	closed bool
	queue  []*call[T]
	idle   chan struct{} // closed when the runner ends; nil while there is none
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
func (c *Committer[T]) Do(ctx context.Context, change Change[T]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	call := newCall(ctx, change)
	if !c.enqueue(call) {
		return ErrClosed
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		err := call.leave()
		c.dequeue(call)
		return err
	}
	return call.err
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

// enqueue adds the call, starts the runner if there is none, and reports whether the call was accepted.
func (c *Committer[T]) enqueue(call *call[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.queue = append(c.queue, call)
	if c.idle == nil {
		c.idle = make(chan struct{})
		go c.run()
	}
	c.wakeRunner()
	return true
}

// dequeue removes a withdrawn call, so that it does not count towards a batch.
func (c *Committer[T]) dequeue(call *call[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.queue, call); i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
		c.wakeRunner()
	}
}

// refuse closes the queue and returns the channel that is closed when the runner ends, nil if there is no runner.
func (c *Committer[T]) refuse() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, call := range c.queue {
		call.answer(ErrClosed)
	}
	c.queue = nil
	c.wakeRunner()
	return c.idle
}

func (c *Committer[T]) wakeRunner() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run is the runner: one batch after another until the queue is empty.
func (c *Committer[T]) run() {
	for {
		settings := c.settings()
		calls := c.gather(settings)
		if len(calls) == 0 {
			return
		}
		b := &batch[T]{
			options: c.options, settings: settings, pace: &c.pace, backoff: &c.backoff,
			calls: calls, arrived: c.popUpTo,
		}
		b.run(c.ctx)
	}
}

func (c *Committer[T]) settings() Settings {
	if c.options.Settings == nil {
		return Settings{}.withDefaults()
	}
	return c.options.Settings().withDefaults()
}

// gather waits until a batch is due. It returns no calls when the queue is empty and the runner must end.
func (c *Committer[T]) gather(s Settings) []*call[T] {
	for {
		calls, wait := c.nextBatch(s)
		if wait <= 0 {
			return calls
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.wake:
			timer.Stop()
		}
	}
}

// nextBatch returns the calls of the next batch, or how long to wait for them. There is no need to wait for more than
// writing the present ones takes: what arrives meanwhile joins them.
func (c *Committer[T]) nextBatch(s Settings) ([]*call[T], time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		close(c.idle)
		c.idle = nil
		return nil, 0
	}
	if pause := c.backoff.remaining(); pause > 0 {
		return nil, pause
	}
	n := min(len(c.queue), s.MaxChanges)
	first, latest := c.queue[0], c.queue[len(c.queue)-1]
	wait := min(time.Until(latest.arrived.Add(s.Window)), time.Until(first.arrived.Add(s.MaxWindow)))
	if wait > 0 && n < s.MaxChanges && c.pace.writing(n) < wait {
		return nil, wait
	}
	return c.pop(n), 0
}

// popUpTo takes up to most calls out of the queue.
func (c *Committer[T]) popUpTo(most int) []*call[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pop(min(len(c.queue), most))
}

func (c *Committer[T]) pop(n int) []*call[T] {
	calls := slices.Clone(c.queue[:n])
	c.queue = slices.Delete(c.queue, 0, n)
	return calls
}
