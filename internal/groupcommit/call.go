// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"sync"
	"time"
)

// call is one caller waiting in Do. It is answered exactly once; from then on done is closed and err does not change.
type call[T Tx] struct {
	caller   context.Context // ends when the caller stops waiting; no work runs under it
	identity Identity
	change   Change[T]
	arrived  time.Time
	done     chan struct{}

	mu       sync.Mutex
	writing  bool // in an open transaction: the caller can no longer withdraw the change
	answered bool
	err      error
}

func newCall[T Tx](ctx context.Context, identity Identity, change Change[T]) *call[T] {
	return &call[T]{caller: ctx, identity: identity, change: change, arrived: time.Now(), done: make(chan struct{})}
}

// sharesTenant reports whether another call is of the same tenant.
func (c *call[T]) sharesTenant(other *call[T]) bool {
	return c.identity.Tenant == other.identity.Tenant
}

// wanted reports whether the call, which is in no open transaction, still needs an answer.
func (c *call[T]) wanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wantedLocked()
}

// beginWriting takes the change into a transaction, if it is still wanted.
func (c *call[T]) beginWriting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = c.wantedLocked()
	return c.writing
}

// wantedLocked also drops the change of a caller that has left.
func (c *call[T]) wantedLocked() bool {
	if err := c.caller.Err(); err != nil {
		c.answerLocked(err)
	}
	return !c.answered
}

// endWriting takes the change out of a transaction that was rolled back.
func (c *call[T]) endWriting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
}

// answer answers the call, unless it has been answered.
func (c *call[T]) answer(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answerLocked(err)
}

func (c *call[T]) answerLocked(err error) {
	if !c.answered {
		c.answered, c.err = true, err
		close(c.done)
	}
}

// leave returns the answer for a caller whose context has ended: the call's own answer if there is one. Otherwise the
// change is withdrawn or, in an open transaction, its outcome is unknown.
func (c *call[T]) leave() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing && !c.answered {
		return outcomeUnknown(c.caller.Err())
	}
	c.answerLocked(c.caller.Err())
	return c.err
}

// committed reports whether the call was answered with success.
func (c *call[T]) committed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered && c.err == nil
}
