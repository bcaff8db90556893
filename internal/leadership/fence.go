// SPDX-License-Identifier: Apache-2.0

// Package leadership tells a leader when it must not act any more. The elector notices that a lease is lost only when
// it gets to run: a process that was stopped for a while, or whose machine was, goes on where it was, although another
// one leads by now. What must not happen twice asks the Fence right before it happens.
package leadership

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// ErrNotLeading is the cause of every refusal of a Fence.
var ErrNotLeading = errors.New("this manager does not lead")

// marginShare is the part of a lease that is not used: what is sent at its end has to arrive.
const marginShare = 10

// Fence knows when the lease was last renewed. It is safe for concurrent use.
type Fence struct {
	now func() time.Time

	mu sync.Mutex
	// renewed is when the last renewal that succeeded was begun; zero while there is no lease. The others count from the
	// moment at which they saw it, which is later.
	renewed time.Time
	lease   time.Duration
}

// NewFence returns a fence that is closed. It goes by time.Now if now is nil.
func NewFence(now func() time.Time) *Fence {
	if now == nil {
		now = time.Now
	}
	return &Fence{now: now}
}

// Held is nil while nobody else can have the lease, and otherwise an ErrNotLeading.
func (f *Fence) Held() error {
	_, err := f.left()
	return err
}

// left is for how long the lease is held unless it is renewed.
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
	return 0, fmt.Errorf("%w: its lease was renewed %s ago, and lasts %s",
		ErrNotLeading, age.Round(time.Millisecond), f.lease)
}

// Start blocks until the lease is not held any more, which is an error, or the context ends. As a runnable of a manager
// it ends one that was stopped for a while at once: the elector goes on trying to renew the lease first.
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

// NeedLeaderElection has the fence start when there is a lease.
func (f *Fence) NeedLeaderElection() bool { return true }

// elapsed goes by the clock that has moved further: the monotonic one stands still while a machine is suspended, and
// the other one can be set.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// Guard returns the lock with the fence at it, which is for the elector.
func (f *Fence) Guard(lock resourcelock.Interface) resourcelock.Interface {
	return &guarded{Interface: lock, fence: f}
}

// guarded takes note of what becomes of the lease.
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

// write closes the fence before the lease is given back, and opens it after it was got or renewed. A lease that may be
// another one's by now is not given back: the elector would do so if it has not looked since the process was stopped.
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
