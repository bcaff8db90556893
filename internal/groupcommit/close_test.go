// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

func TestClose(t *testing.T) {
	// Changes a and b are written in 10s each from 1s on, and c joins them at 21s. They are committed in 5s
	// from 31s on.
	tests := map[string]struct {
		at, patience time.Duration
		want         string // what Close returns
		took         time.Duration
		result       result
	}{
		"while a batch is gathered every change is refused": {
			at: 500 * time.Millisecond, patience: time.Minute, want: "ok",
			result: result{"a: group commit is closed; b: group commit is closed", "", 0, 0, 0},
		},
		"the running batch is finished and what waits behind it is refused": {
			at: 3 * time.Second, patience: time.Minute, want: "ok", took: 23 * time.Second,
			result: result{"a: ok; b: ok; c: group commit is closed", "a b", 1, 1, 0},
		},
		"a batch that takes too long is rolled back": {
			at: 3 * time.Second, patience: time.Second, want: "context deadline exceeded", took: time.Second,
			result: result{
				"a: group commit is closed, context canceled; b: group commit is closed, context canceled; " +
					"c: group commit is closed", "", 1, 0, 1,
			},
		},
		"a commit that takes too long is of unknown outcome": {
			at: 32 * time.Second, patience: time.Second, want: "context deadline exceeded", took: time.Second,
			result: result{
				"a: outcome unknown, group commit is closed, context canceled; " +
					"b: outcome unknown, group commit is closed, context canceled; " +
					"c: outcome unknown, group commit is closed, context canceled", "", 1, 1, 1,
			},
		},
		"an idle one is closed at once": {
			at: time.Minute, want: "ok",
			result: result{"a: ok; b: ok; c: ok", "a b c", 1, 1, 0},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.writeTime, s.commitTime = 10*time.Second, 5*time.Second
				b := newBench(s, groupcommit.Settings{MaxWindow: 2 * time.Second})
				for _, name := range []string{"a", "b"} {
					b.do(t.Context(), name, put(name))
					synctest.Wait()
				}
				late := time.AfterFunc(2*time.Second, func() { b.do(t.Context(), "c", put("c")) })
				defer late.Stop()
				pass(tt.at)
				closing := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
				defer cancel()
				if got := describe(b.Close(ctx)); got != tt.want {
					t.Errorf("Close: %s, want %s", got, tt.want)
				}
				if took := time.Since(closing); took != tt.took {
					t.Errorf("Close took %v, want %v", took, tt.took)
				}
				b.check(t)
				synctest.Wait()
				got := result{b.said(), s.names(), s.begins, s.commits, s.rollbacks}
				if diff := cmp.Diff(tt.result, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if err := b.Do(t.Context(), groupcommit.Identity{}, put("late")); describe(err) != "group commit is closed" {
					t.Errorf("Do after Close: %v", err)
				}
				if err := b.Close(t.Context()); err != nil {
					t.Errorf("a second Close: %v", err)
				}
			})
		})
	}
}

func TestCloseBetweenTwoChangesBeginsNoFurtherOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		closed, cancel := context.WithCancel(t.Context())
		cancel()
		second := false
		b := newBench(s, groupcommit.Settings{})
		b.do(t.Context(), "a", func(ctx context.Context, x *tx) error {
			go func() { _ = b.Close(closed) }()
			<-ctx.Done()
			return x.write(context.WithoutCancel(ctx), "a") // does not heed its context
		})
		synctest.Wait()
		b.do(t.Context(), "b", func(context.Context, *tx) error { second = true; return nil })
		b.wait()
		if second || s.commits != 0 || s.rollbacks != 1 {
			t.Errorf("second change run: %v, %d commits, %d roll-backs", second, s.commits, s.rollbacks)
		}
		if got := b.said(); got != "a: group commit is closed; b: group commit is closed" {
			t.Errorf("answers: %s", got)
		}
	})
}

func TestNothingIsAcceptedWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.commitTime = 10 * time.Second
		b := newBench(s, groupcommit.Settings{})
		b.do(t.Context(), "a", put("a"))
		pass(2 * time.Second)
		go func() { _ = b.Close(t.Context()) }()
		pass(2 * time.Second)
		b.do(t.Context(), "late", put("late"))
		synctest.Wait()
		if got := b.said(); got != "late: group commit is closed" {
			t.Errorf("while closing: %q, want the late change refused at once", got)
		}
		b.wait()
		if got := s.names(); got != "a" {
			t.Errorf("committed %q, want a", got)
		}
	})
}

func TestCloseDoesNotWaitForeverForAChangeThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newStore(), groupcommit.Settings{})
		release := make(chan struct{})
		b.do(t.Context(), "a", func(context.Context, *tx) error { <-release; return nil })
		pass(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		err := b.Close(ctx)
		if took := time.Since(begun); err == nil || errors.Is(err, ctx.Err()) || took > 20*time.Second {
			t.Errorf("Close: %v after %v, want an error of its own before long", err, took)
		}
		close(release)
		b.wait()
		b.check(t)
	})
}
