// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// Callers that retry every second, whatever the answer, must not take the lock every second.
func TestFailingTransactionsAreSpacedOut(t *testing.T) {
	const insistence = 10 * time.Minute
	tests := map[string]struct {
		faults faults
		change change
		// most is the largest number of transactions begun in ten minutes.
		most int
	}{
		"a store that changes under every commit":  {faults: faults{commit: refusal(errConflict)}, most: 150},
		"a transaction that is torn each time":     {faults: faults{verify: always(errConflict)}, most: 150},
		"a change that always hits a conflict":     {change: returns(errConflict), most: 150},
		"another client's changes in it each time": {faults: faults{verify: always(errForeign)}, most: 20},
		"a lock that is met when it is opened":     {faults: faults{begin: always(errLocked)}, most: 50},
		"a lock that is met at the commit":         {faults: faults{commit: refusal(errLocked)}, most: 50},
		"a store that cannot be opened":            {faults: faults{begin: always(errFailed)}, most: 150},
		"commits whose outcome is never known":     {faults: faults{commit: refusal(errFailed)}, most: 20},
		"roll-backs that are never acknowledged": {
			faults: faults{verify: always(errConflict), rollback: always(errFailed)}, most: 20,
		},
		"a change that fails after a write each time": {change: writesAndReturns("x", errFailed), most: 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.faults = tt.faults
				b := newBench(s, groupcommit.Settings{})
				ctx, cancel := context.WithTimeout(t.Context(), insistence)
				defer cancel()
				insist(ctx, b, tt.change)
				if s.begins > tt.most || s.begins < 5 {
					t.Errorf("%d transactions in %s, want 5 to %d", s.begins, insistence, tt.most)
				}
				b.check(t)
			})
		})
	}
}

// insist calls Do every second until ctx ends, and waits for the calls it began.
func insist(ctx context.Context, b *bench, c change) {
	if c == nil {
		c = put("a")
	}
	for ctx.Err() == nil {
		b.callers.Go(func() { _ = b.Do(ctx, groupcommit.Identity{}, c) })
		_ = pause(ctx, second)
	}
	b.wait()
	_ = b.Close(context.WithoutCancel(ctx))
}

func TestACommitResetsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		healthy := false
		s.begin = func(int) error {
			if healthy {
				return nil
			}
			return errFailed
		}
		b := newBench(s, groupcommit.Settings{})
		for range 8 {
			_ = b.Do(t.Context(), groupcommit.Identity{}, put("a"))
		}
		healthy = true
		if err := b.Do(t.Context(), groupcommit.Identity{}, put("a")); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := b.Do(t.Context(), groupcommit.Identity{}, put("b")); err != nil || time.Since(begun) > 2*second {
			t.Errorf("%v after %s, want success within the window", err, time.Since(begun))
		}
		synctest.Wait()
	})
}

func TestACallerWaitingForTheBackoffCanLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.begin = always(errFailed)
		b := newBench(s, groupcommit.Settings{})
		for range 8 {
			_ = b.Do(t.Context(), groupcommit.Identity{}, put("a"))
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		err := b.Do(ctx, groupcommit.Identity{}, put("b"))
		if describe(err) != "context deadline exceeded" || time.Since(begun) != second {
			t.Errorf("%v after %s, want the caller's own time-out", err, time.Since(begun))
		}
		if err := b.Close(t.Context()); err != nil || time.Since(begun) != second {
			t.Errorf("closed with %v after %s, want at once", err, time.Since(begun))
		}
	})
}
