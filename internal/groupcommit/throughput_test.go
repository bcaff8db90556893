// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

const thousand = 1000

// applyThousand makes a thousand changes at once and returns how long it took until the last one was committed.
func applyThousand(t *testing.T, settings groupcommit.Settings) (took time.Duration, s *store) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s = newStore()
		s.writeTime, s.commitTime = 20*time.Millisecond, 2*time.Second
		b := newBench(s, settings)
		for _, name := range words(thousand) {
			b.do(t.Context(), name, put(name))
		}
		b.wait()
		took = time.Since(s.started)
		b.check(t)
	})
	if got := len(strings.Fields(s.names())); got != thousand {
		t.Errorf("%d of %d are committed", got, thousand)
	}
	return took, s
}

// TestAThousandChangesAtOnce measures in virtual time: a write takes 20 ms and a commit 2 s.
func TestAThousandChangesAtOnce(t *testing.T) {
	one := groupcommit.Settings{Window: 1, MaxChanges: 1}
	single, _ := applyThousand(t, one)
	for name, settings := range map[string]groupcommit.Settings{
		"as one full batch":                {},
		"as one batch after its window":    {MaxChanges: 2 * thousand},
		"while the lock is released twice": {MaxHold: 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			grouped, s := applyThousand(t, settings)
			ratio := float64(single) / float64(grouped)
			t.Logf("%v in %d commits, one by one %v: %.0f times faster", grouped, s.commits, single, ratio)
			ideal := thousand*20*time.Millisecond + 2*time.Second
			if limit := ideal * 5 / 4; grouped > limit && s.commits == 1 {
				t.Errorf("took %v, at most %v are allowed", grouped, limit)
			}
			if ratio < 50 {
				t.Errorf("only %.1f times faster than one transaction each", ratio)
			}
		})
	}
}

func TestTheLockIsNeverHeldForLongerThanAllowed(t *testing.T) {
	const maxHold, commitTime = 7 * time.Second, 2 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.writeTime, s.commitTime = 30*time.Millisecond, commitTime
		b := newBench(s, groupcommit.Settings{MaxHold: maxHold})
		for _, name := range words(thousand) {
			b.do(t.Context(), name, put(name))
		}
		b.wait()
		for _, e := range b.events {
			if e.Kind == groupcommit.Committed && (e.Hold > maxHold+commitTime || e.Hold < maxHold/2) {
				t.Errorf("%d changes held the lock for %v", e.Changes, e.Hold)
			}
		}
	})
}

// TestManyCallersInRealTime is there for the race detector.
func TestManyCallersInRealTime(t *testing.T) {
	s := newStore()
	s.commit = refuses("3-3", "5-5")
	b := newBench(s, groupcommit.Settings{Window: time.Microsecond, MaxChanges: 16})
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			for j := range 20 {
				name := fmt.Sprintf("%d-%d", i, j)
				ctx, cancel := context.WithCancel(t.Context())
				if j%7 == 6 {
					time.AfterFunc(time.Duration(i)*time.Microsecond, cancel)
				}
				err := b.Do(ctx, groupcommit.Identity{}, put(name))
				cancel()
				if refused := name == "3-3" || name == "5-5"; err == nil == refused && j%7 != 6 {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	callers.Wait()
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	b.check(t)
}

// BenchmarkDo is what a change costs beside the store's own time.
func BenchmarkDo(b *testing.B) {
	c := groupcommit.New(groupcommit.Options[*tx]{
		Store:    newStore(),
		Settings: func() groupcommit.Settings { return groupcommit.Settings{Window: 1, MaxChanges: 1000} },
	})
	b.SetParallelism(500)
	b.RunParallel(func(pb *testing.PB) {
		write := func(ctx context.Context, t *tx) error { return t.write(ctx, "x") }
		for pb.Next() {
			if err := c.Do(b.Context(), groupcommit.Identity{}, write); err != nil {
				b.Error(err)
			}
		}
	})
}
