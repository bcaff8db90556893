// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"sync"
	"time"
)

// call is one caller waiting in Do. It is settled exactly once; from then on done is closed and err does not change.
type call[T Tx] struct {
	caller  context.Context // asked whether the caller is still there, never used to work under
	change  Change[T]
	arrived time.Time
	done    chan struct{}

	mu      sync.Mutex
	writing bool // in an open transaction: the caller can no longer take the change back
	settled bool
	err     error
}

func newCall[T Tx](ctx context.Context, change Change[T]) *call[T] {
	return &call[T]{caller: ctx, change: change, arrived: time.Now(), done: make(chan struct{})}
}

// wanted says that the call, which is in no open transaction, needs an answer.
func (c *call[T]) wanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wantedLocked()
}

// claim takes the change into a transaction, if it is wanted.
func (c *call[T]) claim() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = c.wantedLocked()
	return c.writing
}

// wantedLocked is where the change of a caller that has gone is dropped.
func (c *call[T]) wantedLocked() bool {
	if err := c.caller.Err(); err != nil {
		c.settleLocked(err)
	}
	return !c.settled
}

// release takes the change out of a transaction that was rolled back.
func (c *call[T]) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
}

// settle answers the call, unless it has its answer.
func (c *call[T]) settle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(err)
}

func (c *call[T]) settleLocked(err error) {
	if !c.settled {
		c.settled, c.err = true, err
		close(c.done)
	}
}

// leave is what a caller gets whose context has ended: the answer if there is one, else its change is withdrawn or, in
// an open transaction, of unknown outcome.
func (c *call[T]) leave() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing && !c.settled {
		return outcomeUnknown(c.caller.Err())
	}
	c.settleLocked(c.caller.Err())
	return c.err
}

// committed says that the call was answered with success.
func (c *call[T]) committed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settled && c.err == nil
}
