// SPDX-License-Identifier: Apache-2.0

// Package leadership tells a leader when it must stop acting. The elector notices a lost lease only when it gets to
// run: a process that was paused, or whose machine was, resumes where it stopped although another manager may lead by
// now. Check the Fence immediately before any action that must not happen twice.
package leadership

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// ErrNotLeading is the cause of every refusal by a Fence.
var ErrNotLeading = errors.New("this manager does not lead")

// marginShare is the unused share of a lease: a request sent at its end still has to arrive.
const marginShare = 10

// Fence knows when the lease was last renewed. It is safe for concurrent use.
type Fence struct {
	now func() time.Time

	mu sync.Mutex
	// renewed is when the last successful renewal began; zero without a lease. Other managers count from when they
	// observed it, which is later.
	renewed time.Time
	lease   time.Duration
}

// NewFence returns a closed fence. A nil now means time.Now.
func NewFence(now func() time.Time) *Fence {
	if now == nil {
		now = time.Now
	}
	return &Fence{now: now}
}

// Held returns nil while no other manager can have the lease, and an ErrNotLeading otherwise.
func (f *Fence) Held() error {
	_, err := f.left()
	return err
}

// left returns how long the lease is held unless it is renewed.
func (f *Fence) left() (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.renewed.IsZero() {
		return 0, ErrNotLeading
	}
	age := elapsed(f.renewed, f.now())
	if left := f.lease - f.lease/marginShare - age; left > 0 {
		return left, nil
	}
	return 0, fmt.Errorf("%w: its lease was renewed %s ago and lasts %s",
		ErrNotLeading, age.Round(time.Millisecond), f.lease)
}

// Start blocks until the lease is lost, which is an error, or the context ends. As a runnable it ends a manager that
// was paused at once, whereas the elector would first try to renew the lease.
func (f *Fence) Start(ctx context.Context) error {
	for {
		left, err := f.left()
		if err != nil {
			return fmt.Errorf("leader election lost: %w", err)
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// NeedLeaderElection makes the fence start once the lease is held.
func (f *Fence) NeedLeaderElection() bool { return true }

// elapsed uses the clock that has moved further: the monotonic clock stops while a machine is suspended, and the wall
// clock can be set.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// Guard returns the lock with the fence around it; give that to the elector.
func (f *Fence) Guard(lock resourcelock.Interface) resourcelock.Interface {
	return &guarded{Interface: lock, fence: f}
}

// guarded reports the writes of the lease to the fence.
type guarded struct {
	resourcelock.Interface

	fence *Fence
}

func (g *guarded) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return g.fence.write(record, g.Identity(), func() error { return g.Interface.Create(ctx, record) })
}

func (g *guarded) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return g.fence.write(record, g.Identity(), func() error { return g.Interface.Update(ctx, record) })
}

// write closes the fence before the lease is released, and opens it after the lease was acquired or renewed. It does
// not release a lease that another manager may already hold; after a pause the elector would do that.
func (f *Fence) write(record resourcelock.LeaderElectionRecord, identity string, write func() error) error {
	ours := record.HolderIdentity == identity
	if !ours {
		err := f.Held()
		f.set(time.Time{}, 0)
		if err != nil {
			return err
		}
	}
	begun := f.now()
	err := write()
	if err == nil && ours {
		f.set(begun, time.Duration(record.LeaseDurationSeconds)*time.Second)
	}
	return err
}

func (f *Fence) set(renewed time.Time, lease time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renewed, f.lease = renewed, lease
}
