// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Committer gathers changes and commits them together, one batch at a time, first come first served. It has a goroutine
// only while there is something to do.
type Committer[T Tx] struct {
	options Options[T]
	ctx     context.Context // what every batch runs under; ended by Close when it waits no longer
	cancel  context.CancelFunc
	wake    chan struct{} // tells the runner to look at the queue again
	pace    pace          // the runner's
	brake   brake         // the runner's

	mu     sync.Mutex
	closed bool
	queue  []*call[T]
	idle   chan struct{} // closed when the runner ends; nil while there is none
}

// New returns a Committer for a store. There must be only one for it.
func New[T Tx](options Options[T]) *Committer[T] {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:gosec // G118: Close calls cancel
	return &Committer[T]{options: options, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), pace: newPace()}
}

// Do has the change committed together with those of other callers, and blocks until its fate is known. The change runs
// under the batch's context, not under ctx. An error of the change itself comes back as it is.
//
// When ctx ends first, Do returns its error. A change that is not yet being written is withdrawn and will not happen;
// otherwise the batch goes on without waiting for this caller, and the error is also ErrOutcomeUnknown.
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

// Close accepts no further changes and refuses those still waiting for a batch, with ErrClosed. It lets the running
// batch finish until ctx ends; then the batch is cut short and rolled back. When Close returns, the batch is over: in
// good order if there is no error, cut short with the error of ctx. Any other error means that it does not end.
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

// enqueue adds the call, starts the runner if there is none, and says whether the call was accepted.
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
	c.look()
	return true
}

// dequeue forgets a withdrawn call, so that it takes no place in a batch.
func (c *Committer[T]) dequeue(call *call[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.queue, call); i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
		c.look()
	}
}

// refuse closes the queue and returns the channel that says when the runner has ended, nil if there is none.
func (c *Committer[T]) refuse() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, call := range c.queue {
		call.settle(ErrClosed)
	}
	c.queue = nil
	c.look()
	return c.idle
}

func (c *Committer[T]) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run is the runner: one batch after the other until the queue is empty.
func (c *Committer[T]) run() {
	for {
		settings := c.settings()
		calls := c.gather(settings)
		if len(calls) == 0 {
			return
		}
		b := &batch[T]{options: c.options, settings: settings, pace: &c.pace, brake: &c.brake, calls: calls, late: c.late}
		b.run(c.ctx)
	}
}

func (c *Committer[T]) settings() Settings {
	if c.options.Settings == nil {
		return Settings{}.withDefaults()
	}
	return c.options.Settings().withDefaults()
}

// gather waits until a batch is due. It returns none when the queue is empty, and the runner must end.
func (c *Committer[T]) gather(s Settings) []*call[T] {
	for {
		calls, wait := c.take(s)
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

// take returns the calls of the next batch, or how long to wait for them. It need not be waited for more while those
// that are there are written: what arrives meanwhile joins them.
func (c *Committer[T]) take(s Settings) ([]*call[T], time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		close(c.idle)
		c.idle = nil
		return nil, 0
	}
	if held := c.brake.left(); held > 0 {
		return nil, held
	}
	n := min(len(c.queue), s.MaxChanges)
	first, latest := c.queue[0], c.queue[len(c.queue)-1]
	wait := min(time.Until(latest.arrived.Add(s.Window)), time.Until(first.arrived.Add(s.MaxWindow)))
	if wait > 0 && n < s.MaxChanges && c.pace.writing(n) < wait {
		return nil, wait
	}
	return c.pop(n), 0
}

// late takes calls out of the queue that arrived before a time, at most so many.
func (c *Committer[T]) late(before time.Time, most int) []*call[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := slices.IndexFunc(c.queue, func(call *call[T]) bool { return !call.arrived.Before(before) })
	if n < 0 {
		n = len(c.queue)
	}
	return c.pop(min(n, most))
}

func (c *Committer[T]) pop(n int) []*call[T] {
	calls := slices.Clone(c.queue[:n])
	c.queue = slices.Delete(c.queue, 0, n)
	return calls
}
