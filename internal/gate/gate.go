// SPDX-License-Identifier: Apache-2.0

// Package gate admits a bounded number of callers at a time.
package gate

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Gate is a semaphore whose release may be called more than once.
type Gate struct{ weighted *semaphore.Weighted }

// New returns a gate that admits at most n callers at a time.
func New(n int64) Gate { return Gate{semaphore.NewWeighted(n)} }

// Enter waits until the caller is admitted; release admits the next one. Its only error is that of ctx.
func (g Gate) Enter(ctx context.Context) (release func(), err error) {
	if err := g.weighted.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { g.weighted.Release(1) }), nil
}

// TryEnter is Enter without waiting; entered reports whether the caller was admitted.
func (g Gate) TryEnter() (release func(), entered bool) {
	if !g.weighted.TryAcquire(1) {
		return nil, false
	}
	return sync.OnceFunc(func() { g.weighted.Release(1) }), true
}
