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

func TestObserveHearsWhatHappens(t *testing.T) {
	tests := map[string]struct {
		script  string
		changes map[string]change
		faults  faults
		want    []string
	}{
		"a good batch": {
			script: "a b",
			want:   []string{"BatchStarted 2", "TransactionOpened 0", "Committed 2 hold 7s commit 5s"},
		},
		"a batch with nothing to commit": {
			script: "a", changes: map[string]change{"a": returns(nil)},
			want: []string{"BatchStarted 1", "TransactionOpened 0", "RolledBack 0"},
		},
		"a change that is left out, and one that spoils the transaction": {
			script: "a x y", changes: map[string]change{"x": returns(errRefused), "y": writesAndReturns("y", errFailed)},
			want: []string{
				"BatchStarted 3", "TransactionOpened 0", "ChangeFailed 1: refused", "ChangeFailed 1: failed",
				"RolledBack 1 hold 2s: failed", "TransactionOpened 0", "Committed 1 hold 6s commit 5s",
			},
		},
		"a change that stands alone at a refused commit": {
			script: "x", faults: faults{commit: refuses("x")},
			want: []string{
				"BatchStarted 1", "TransactionOpened 0", "RolledBack 1 hold 6s: refused", "ChangeFailed 1: refused",
			},
		},
		"a lock": {
			script: "a b", faults: faults{begin: always(errLocked)},
			want: []string{"BatchStarted 2", "BatchLocked 2: locked"},
		},
		"a lock found by a change is not the change's failure": {
			script: "a x", changes: map[string]change{"x": returns(errLocked)},
			want: []string{
				"BatchStarted 2", "TransactionOpened 0", "RolledBack 1 hold 1s: locked", "BatchLocked 2: locked",
			},
		},
		"a lost commit and a roll-back that fails": {
			script: "a", faults: faults{commit: refusal(errFailed), rollback: always(errForeign)},
			want: []string{
				"BatchStarted 1", "TransactionOpened 0", "RollbackFailed 1 hold 6s: foreign",
				"CommitLost 1: failed", "BatchFailed 0: failed",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.faults, s.writeTime, s.commitTime = tt.faults, time.Second, 5*time.Second
				b, _ := runBatch(t, s, tt.script, tt.changes)
				synctest.Wait()
				if diff := cmp.Diff(tt.want, describeEvents(b.events)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

func describeEvents(events []groupcommit.Event) []string {
	var lines []string
	for _, e := range events {
		line := fmt.Sprintf("%v %d", e.Kind, e.Changes)
		if e.Hold > 0 {
			line += fmt.Sprintf(" hold %v", e.Hold)
		}
		if e.Duration > 0 {
			line += fmt.Sprintf(" commit %v", e.Duration)
		}
		if e.Err != nil {
			line += ": " + describe(e.Err)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAnUnknownEventKindHasAName(t *testing.T) {
	for _, kind := range []groupcommit.EventKind{-1, 1000} {
		if kind.String() != "Unknown" {
			t.Errorf("%d is %q", kind, kind)
		}
	}
}

func TestAPanicIsNeverARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.commit = func(int, []string) error { panic(secret) }
		c := groupcommit.New(groupcommit.Options[*tx]{
			Store:    s,
			Classify: func(error) groupcommit.Verdict { return groupcommit.Refused },
		})
		if err := c.Do(t.Context(), put("a")); !errors.Is(err, groupcommit.ErrOutcomeUnknown) {
			t.Errorf("got %v, want that the outcome is unknown", err)
		}
		synctest.Wait()
	})
}

func TestAPanicIsReportedWithoutItsValue(t *testing.T) {
	tests := map[string]struct {
		change change
		want   string
	}{
		"a value of the program": {
			change: thrower,
			want:   "panic with a value of type string",
		},
		"an error of the runtime": {
			change: func(_ context.Context, x *tx) error { _ = x.pending[7]; return nil },
			want:   "panic: runtime error: index out of range [7] with length 0",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(newStore(), groupcommit.Settings{})
				err := b.Do(t.Context(), tt.change)
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				var panicked *groupcommit.PanicError
				if !errors.As(err, &panicked) || !strings.Contains(string(panicked.Stack), "groupcommit_test") {
					t.Errorf("the stack does not show where: %v", err)
				}
				if printed := fmt.Sprintf("%v %s %#v", err, panicked.Stack, err); strings.Contains(printed, secret) {
					t.Errorf("the secret got out: %s", printed)
				}
			})
		})
	}
}
