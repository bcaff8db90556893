// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// pass advances virtual time.
func pass(d time.Duration) { <-time.After(d) }

// arrivals makes a change of each name, at the time before it: "0s a b 900ms c".
func arrivals(b *bench, script string) {
	start := time.Now()
	for word := range strings.FieldsSeq(script) {
		if at, err := time.ParseDuration(word); err == nil {
			pass(at - time.Since(start))
			continue
		}
		b.do(context.Background(), word, put(word))
		synctest.Wait()
	}
	b.wait()
}

const second = time.Second

// gatherings are what is committed when.
var gatherings = map[string]struct {
	settings   groupcommit.Settings
	writeTime  time.Duration
	verifyTime time.Duration // for each write
	commitTime time.Duration
	arrivals   string
	want       []string
}{
	"a lone change waits for the default window": {
		arrivals: "0s a",
		want:     []string{"1s: a"},
	},
	"every arrival starts the window again": {
		arrivals: "0s a 900ms b 1800ms c",
		want:     []string{"2.8s: a b c"},
	},
	"a change after the window is in the next batch": {
		arrivals: "0s a 1001ms b",
		want:     []string{"1s: a", "2.001s: b"},
	},
	"the default longest window is five seconds from the first arrival": {
		arrivals: "0s a 900ms b 1800ms c 2700ms d 3600ms e 4500ms f 5400ms g",
		want:     []string{"5s: a b c d e f", "6.4s: g"},
	},
	"a window longer than the default longest one is kept": {
		settings: groupcommit.Settings{Window: 7 * second},
		arrivals: "0s a",
		want:     []string{"7s: a"},
	},
	"a longest window shorter than the window wins": {
		settings: groupcommit.Settings{Window: 7 * second, MaxWindow: 2 * second},
		arrivals: "0s a 1s b",
		want:     []string{"2s: a b"},
	},
	"values below zero stand for the defaults": {
		settings: groupcommit.Settings{Window: -1, MaxWindow: -1, MaxChanges: -1, MaxHold: -1, Timeout: -1},
		arrivals: "0s a b",
		want:     []string{"1s: a b"},
	},
	"a full batch does not wait": {
		settings: groupcommit.Settings{MaxChanges: 3},
		arrivals: "0s a 100ms b 200ms c",
		want:     []string{"200ms: a b c"},
	},
	"changes over the maximum go into the next batch, first come first served": {
		settings:   groupcommit.Settings{MaxChanges: 2},
		commitTime: 10 * second,
		arrivals:   "0s a b c d e",
		want:       []string{"10s: a b", "20s: c d", "30s: e"},
	},
	"what arrives while a batch runs goes into the next one, at once if its window is over": {
		commitTime: 10 * second,
		arrivals:   "0s a 2s b 3s c",
		want:       []string{"11s: a", "21s: b c"},
	},
	"what arrives at the end of a batch still has its window": {
		commitTime: 10 * second,
		arrivals:   "0s a 10800ms b 11500ms c",
		want:       []string{"11s: a", "22.5s: b c"},
	},
	"a stream of new changes does not starve an old one": {
		settings:   groupcommit.Settings{MaxChanges: 2},
		commitTime: 3 * second,
		arrivals:   "0s a b c 1s d 2s e 3s f 4s g 5s h",
		want:       []string{"3s: a b", "6s: c d", "9s: e f", "12s: g h"},
	},
	"the lock is released after the longest hold, and the rest goes on at once": {
		writeTime:  19 * second,
		commitTime: 2 * second,
		arrivals:   "0s a b c d e",
		want:       []string{"1m0s: a b c", "1m40s: d e"},
	},
	"no change is begun that would exceed the longest hold": {
		settings:  groupcommit.Settings{MaxHold: 50 * second},
		writeTime: 20 * second,
		arrivals:  "0s a b c",
		want:      []string{"41s: a b", "1m1s: c"},
	},
	"the longest hold has room for verifying, once it is known how long that takes, and half as much again": {
		writeTime:  9 * second,
		verifyTime: 5 * second,
		arrivals:   "0s a b c d e f g h i j k l",
		want:       []string{"1m25s: a b c d e f", "2m7s: g h i", "2m49s: j k l"},
	},
	"what arrives while a batch is written joins it": {
		writeTime: 400 * time.Millisecond,
		arrivals:  "0s a 1200ms b 1700ms c",
		want:      []string{"2.2s: a b c"},
	},
	"what arrives while the changes of the longest window are written joins them, and what arrives later does not": {
		settings:  groupcommit.Settings{MaxWindow: 1500 * time.Millisecond},
		writeTime: second,
		arrivals:  "0s a 1400ms b 1600ms c 2500ms d 3500ms e",
		want:      []string{"4s: a b c", "6s: d e"},
	},
	"a stream of changes does not keep a batch open": {
		settings:  groupcommit.Settings{MaxWindow: 2 * second},
		writeTime: 900 * time.Millisecond,
		arrivals:  "0s a 1050ms b 2050ms c 3050ms d 4050ms e 5050ms f 6050ms g 7050ms h 8050ms i",
		want:      []string{"3.7s: a b c", "6.4s: d e f", "9.1s: g h i"},
	},
	"those that join count for the maximum": {
		settings:  groupcommit.Settings{MaxChanges: 3},
		writeTime: second,
		arrivals:  "0s a b 1100ms c d",
		want:      []string{"4s: a b c", "5s: d"},
	},
	"those that join count for the longest hold": {
		settings:  groupcommit.Settings{MaxHold: 3 * second, MaxWindow: 10 * second},
		writeTime: 900 * time.Millisecond,
		arrivals:  "0s a b 1100ms c d",
		want:      []string{"3.7s: a b c", "4.6s: d"},
	},
	"what takes a window to be written is not kept waiting for one": {
		writeTime: 300 * time.Millisecond,
		arrivals:  "0s a 2s b 2100ms c 2200ms d 2300ms e",
		want:      []string{"1.3s: a", "3.5s: b c d e"},
	},
	"a change slower than the longest hold goes alone": {
		settings:  groupcommit.Settings{MaxHold: second},
		writeTime: 20 * second,
		arrivals:  "0s a b",
		want:      []string{"21s: a", "41s: b"},
	},
}

func TestBatchesAreGatheredInTime(t *testing.T) {
	for name, tt := range gatherings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.writeTime, s.verifyTime, s.commitTime = tt.writeTime, tt.verifyTime, tt.commitTime
				b := newBench(s, tt.settings)
				arrivals(b, tt.arrivals)
				if diff := cmp.Diff(tt.want, s.history); diff != "" {
					t.Errorf("commits (-want +got):\n%s", diff)
				}
				b.check(t)
			})
		})
	}
}

func TestSettingsAreReadAtTheStartOfEveryBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, window := newStore(), 3*time.Second
		b := newBench(s, groupcommit.Settings{})
		b.Committer = groupcommit.New(groupcommit.Options[*tx]{
			Store:    s,
			Settings: func() groupcommit.Settings { return groupcommit.Settings{Window: window} },
		})
		arrivals(b, "0s a")
		synctest.Wait() // the runner has ended
		window = time.Second
		arrivals(b, "0s b")
		if diff := cmp.Diff([]string{"3s: a", "4s: b"}, s.history); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestDefaultsHoldWithoutSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := groupcommit.New(groupcommit.Options[*tx]{Store: s})
		if err := c.Do(t.Context(), groupcommit.Identity{}, put("a")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1s: a"}, s.history); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestTheDefaultMaximumIsAThousandChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.writeTime = time.Millisecond
		b := newBench(s, groupcommit.Settings{})
		for i := range groupcommit.DefaultMaxChanges {
			name := fmt.Sprint(i)
			b.do(t.Context(), name, put(name))
		}
		b.wait()
		if since := time.Since(s.started); since != second || s.commits != 1 {
			t.Errorf("%d commits after %v, want 1 as soon as all are written", s.commits, since)
		}
	})
}

func TestTheSlowestChangeSoFarCountsForTheLongestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newStore(), groupcommit.Settings{})
		lasting := func(name string, d time.Duration) {
			b.do(t.Context(), name, func(ctx context.Context, x *tx) error {
				return errors.Join(pause(ctx, d), x.write(ctx, name))
			})
			synctest.Wait()
		}
		lasting("a", 29600*time.Millisecond)
		lasting("b", second)
		lasting("c", second)
		b.wait()
		if diff := cmp.Diff([]string{"31.6s: a b", "32.6s: c"}, b.store.history); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestATransactionTakesOneChangeAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := groupcommit.New(groupcommit.Options[*tx]{
			Store:    s,
			Settings: func() groupcommit.Settings { return groupcommit.Settings{MaxHold: 1} },
			Observe: func(e groupcommit.Event) {
				if e.Kind == groupcommit.TransactionOpened {
					pass(second) // the longest hold is over before the first change
				}
			},
		})
		if err := c.Do(t.Context(), groupcommit.Identity{}, put("a")); err != nil || s.begins != 1 {
			t.Errorf("%v after %d transactions, want success after 1", err, s.begins)
		}
		synctest.Wait()
	})
}

func TestEveryPartOfABatchMayBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.writeTime = 40 * second // one change in a transaction
		s.commit = func(time int, _ []string) error {
			if time%3 != 0 {
				return errConflict
			}
			return nil
		}
		_, got := runBatch(t, s, "a b c", nil)
		if diff := cmp.Diff(result{"a: ok; b: ok; c: ok", "a b c", 9, 9, 6}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestAHangingStepIsCutAtTheTimeout(t *testing.T) {
	hang := func(ctx context.Context, _ *tx) error { <-ctx.Done(); return ctx.Err() }
	hangAfterWrite := func(ctx context.Context, t *tx) error {
		return errors.Join(t.write(ctx, "x"), hang(ctx, t))
	}
	tests := map[string]struct {
		hanging    change
		commitTime time.Duration
		want       map[string]string
		history    []string
	}{
		"a change that hangs before it wrote is left out": {
			hanging: hang,
			want:    map[string]string{"a": "ok", "hanging": "context deadline exceeded", "z": "ok"},
			history: []string{"2m1s: a z"},
		},
		"a change that hangs after a write is left out of a fresh transaction": {
			hanging: hangAfterWrite,
			want:    map[string]string{"a": "ok", "hanging": "context deadline exceeded", "z": "ok"},
			history: []string{"2m1s: a z"},
		},
		"a commit that does not answer is of unknown outcome": {
			hanging:    put("x"),
			commitTime: time.Hour,
			want: map[string]string{
				"a":       "outcome unknown, context deadline exceeded",
				"hanging": "outcome unknown, context deadline exceeded",
				"z":       "outcome unknown, context deadline exceeded",
			},
		},
		"a slow commit has the whole timeout": {
			hanging:    put("x"),
			commitTime: 119 * time.Second,
			want:       map[string]string{"a": "ok", "hanging": "ok", "z": "ok"},
			history:    []string{"2m0s: a x z"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.commitTime = tt.commitTime
				b := newBench(s, groupcommit.Settings{MaxHold: time.Hour})
				b.do(t.Context(), "a", put("a"))
				synctest.Wait()
				b.do(t.Context(), "hanging", tt.hanging)
				synctest.Wait()
				b.do(t.Context(), "z", put("z"))
				b.wait()
				if diff := cmp.Diff(tt.want, b.answers); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.history, s.history); diff != "" {
					t.Errorf("commits (-want +got):\n%s", diff)
				}
				b.check(t)
			})
		})
	}
}
