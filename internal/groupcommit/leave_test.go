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

func TestCallersMayLeave(t *testing.T) {
	// Three changes a, b and c arrive in this order at 0s, are written in 10s each from 1s on, and committed in 5s at 31s.
	tests := map[string]struct {
		leave  string
		at     time.Duration
		faults faults
		want   result
		ended  time.Duration
	}{
		"while the batch is gathered: the change is withdrawn": {
			leave: "b", at: 500 * time.Millisecond,
			want:  result{"a: ok; b: context canceled; c: ok", "a c", 1, 1, 0},
			ended: 26 * time.Second,
		},
		"while an earlier change is written: the change is withdrawn": {
			leave: "b", at: 5 * time.Second,
			want:  result{"a: ok; b: context canceled; c: ok", "a c", 1, 1, 0},
			ended: 26 * time.Second,
		},
		"while the change is written: the batch goes on with it": {
			leave: "b", at: 15 * time.Second,
			want:  result{"a: ok; b: outcome unknown, context canceled; c: ok", "a b c", 1, 1, 0},
			ended: 36 * time.Second,
		},
		"while the change is committed: the batch goes on with it": {
			leave: "b", at: 32 * time.Second,
			want:  result{"a: ok; b: outcome unknown, context canceled; c: ok", "a b c", 1, 1, 0},
			ended: 36 * time.Second,
		},
		"before the change is written again: it is withdrawn, and the bad one found without it": {
			leave: "a", at: 32 * time.Second, faults: faults{commit: refuses("c")},
			want:  result{"a: outcome unknown, context canceled; b: ok; c: refused", "b", 4, 4, 3},
			ended: 91 * time.Second,
		},
		"after a roll-back and before the change's turn: it is withdrawn for certain": {
			leave: "c", at: 40 * time.Second, faults: faults{commit: refuses("b")},
			want:  result{"a: ok; b: refused; c: context canceled", "a", 3, 3, 2},
			ended: 66 * time.Second,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.writeTime, s.commitTime, s.faults = 10*time.Second, 5*time.Second, tt.faults
				b := newBench(s, groupcommit.Settings{})
				for _, name := range []string{"a", "b", "c"} {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if name == tt.leave {
						time.AfterFunc(tt.at, cancel)
					}
					b.do(ctx, name, put(name))
					synctest.Wait()
				}
				b.wait()
				b.check(t)
				got := result{b.said(), s.names(), s.begins, s.commits, s.rollbacks}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if ended := time.Since(s.started); ended != tt.ended {
					t.Errorf("the last answer came after %v, want %v", ended, tt.ended)
				}
			})
		})
	}
}

func TestWhenAllLeaveNothingIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newStore(), groupcommit.Settings{})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		b.do(ctx, "a", put("a"))
		b.do(ctx, "b", put("b"))
		b.wait()
		if len(b.events) > 0 || b.store.begins != 0 {
			t.Errorf("%d transactions and events %v, want none", b.store.begins, b.events)
		}
		if err := b.Do(t.Context(), groupcommit.Identity{}, put("c")); err != nil {
			t.Errorf("a later change: %v", err)
		}
		if diff := cmp.Diff([]string{"1.5s: c"}, b.store.history); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestWhenTheRestLeavesNoFurtherTransactionIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.writeTime = 40 * time.Second
		b := newBench(s, groupcommit.Settings{})
		b.do(t.Context(), "a", put("a"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		b.do(ctx, "b", put("b"))
		b.wait()
		if got := b.said(); got != "a: ok; b: context deadline exceeded" || s.begins != 1 {
			t.Errorf("%s after %d transactions, want 1", got, s.begins)
		}
	})
}

func TestAnEndedContextIsRefusedAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBench(newStore(), groupcommit.Settings{})
	err := b.Do(ctx, groupcommit.Identity{}, put("a"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, groupcommit.ErrOutcomeUnknown) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestAWithdrawnChangeTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newStore(), groupcommit.Settings{MaxChanges: 2})
		ctx, cancel := context.WithCancel(t.Context())
		b.do(ctx, "a", put("a"))
		synctest.Wait()
		cancel()
		synctest.Wait()
		b.do(t.Context(), "b", put("b"))
		synctest.Wait()
		if b.said() != "a: context canceled" {
			t.Errorf("%q: the batch was taken for full", b.said())
		}
		b.wait()
	})
}
