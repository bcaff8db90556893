// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lease is a lock that is slow or fails.
type lease struct {
	resourcelock.Interface

	takes func()
	err   error
}

func (l *lease) Identity() string { return "me" }

func (l *lease) Update(context.Context, resourcelock.LeaderElectionRecord) error {
	l.takes()
	return l.err
}

func (l *lease) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, r)
}

func written(holder string) resourcelock.LeaderElectionRecord {
	return resourcelock.LeaderElectionRecord{HolderIdentity: holder, LeaseDurationSeconds: 10}
}

func TestFence(t *testing.T) {
	t.Parallel()
	type step struct {
		holder string        // in the record; empty releases the lease
		takes  time.Duration // of the write
		err    error
		after  time.Duration // since the write
	}
	lost := errors.New("no answer")
	tests := map[string]struct {
		steps []step
		held  bool
	}{
		"never had":              {},
		"just got":               {steps: []step{{holder: "me"}}, held: true},
		"shortly before its end": {steps: []step{{holder: "me", after: 8900 * time.Millisecond}}, held: true},
		"within its margin":      {steps: []step{{holder: "me", after: 9 * time.Second}}},
		"over":                   {steps: []step{{holder: "me", after: time.Minute}}},
		"renewed": {
			steps: []step{{holder: "me", after: 8 * time.Second}, {holder: "me", after: 8 * time.Second}}, held: true,
		},
		"not renewed": {
			steps: []step{{holder: "me", after: 5 * time.Second}, {holder: "me", err: lost, after: 5 * time.Second}},
		},
		"counts from when its renewal was begun": {steps: []step{{holder: "me", takes: 9 * time.Second}}},
		"given back":                             {steps: []step{{holder: "me"}, {}}},
		"given back, whatever the answer":        {steps: []step{{holder: "me"}, {err: lost}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			fence := NewFence(func() time.Time { return now })
			for n, s := range tc.steps {
				lock := fence.Guard(&lease{takes: func() { now = now.Add(s.takes) }, err: s.err})
				write := lock.Update
				if n == 0 {
					write = lock.Create
				}
				if err := write(t.Context(), written(s.holder)); !errors.Is(err, s.err) {
					t.Fatal(err)
				}
				now = now.Add(s.after)
			}
			if err := fence.Held(); (err == nil) != tc.held || err != nil && !errors.Is(err, ErrNotLeading) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestALeaseThatMayBeAnotherOnesIsNotGivenBack: after a pause the elector may not know yet that the lease was lost.
func TestALeaseThatMayBeAnotherOnesIsNotGivenBack(t *testing.T) {
	t.Parallel()
	now, writes := time.Now(), 0
	fence := NewFence(func() time.Time { return now })
	lock := fence.Guard(&lease{takes: func() { writes++ }})
	if err := lock.Create(t.Context(), written("me")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if err := lock.Update(t.Context(), written("")); !errors.Is(err, ErrNotLeading) || writes != 1 {
		t.Errorf("got %v after %d writes", err, writes)
	}
}

func TestAFenceThatClosesEndsTheManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fence := NewFence(nil)
		lock := fence.Guard(&lease{takes: func() {}})
		renew := func() {
			if err := lock.Update(t.Context(), written("me")); err != nil {
				t.Error(err)
			}
		}
		renew()
		ended := make(chan error, 1)
		go func() { ended <- fence.Start(t.Context()) }()
		<-time.After(8 * time.Second)
		renew()
		<-time.After(8 * time.Second)
		select {
		case err := <-ended:
			t.Fatalf("ended although the lease was renewed: %v", err)
		default:
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		select {
		case err := <-ended:
			if !errors.Is(err, ErrNotLeading) {
				t.Errorf("got %v", err)
			}
		default:
			t.Fatal("still running")
		}
		renew()
		stopped, stop := context.WithCancel(t.Context())
		go func() { ended <- fence.Start(stopped) }()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("an ordered stop is no error: %v", err)
		}
	})
}

// TestNothingIsHeldWhileTheLeaseIsGivenBack: the next manager may hold it before the response arrives.
func TestNothingIsHeldWhileTheLeaseIsGivenBack(t *testing.T) {
	t.Parallel()
	fence := NewFence(nil)
	var during error
	lock := fence.Guard(&lease{takes: func() { during = fence.Held() }})
	for _, holder := range []string{"me", ""} {
		if err := lock.Update(t.Context(), written(holder)); err != nil {
			t.Fatal(err)
		}
	}
	if during == nil {
		t.Error("the lease is held while it is given back")
	}
}

// TestElapsed stops either clock.
func TestElapsed(t *testing.T) {
	t.Parallel()
	from := time.Now()
	suspended := from.Add(time.Hour).Round(0) // without a monotonic reading, as if that clock had stopped
	if got := elapsed(from, suspended); got < time.Hour {
		t.Errorf("a machine that was suspended: %s", got)
	}
	if got := elapsed(from, from.Add(time.Minute)); got != time.Minute {
		t.Errorf("got %s", got)
	}
}
