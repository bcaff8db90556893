// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/panics"
)

func TestObserveHearsWhatHappens(t *testing.T) {
	tests := map[string]struct {
		script  string
		changes map[string]change
		faults  faults
		want    []string
	}{
		"a good batch": {
			script: "a b", want: []string{"opened", "committed 2, held 7s, of that 5s for the commit"},
		},
		"a batch with nothing to commit": {
			script: "a", changes: map[string]change{"a": returns(nil)}, want: []string{"opened", "rolled back, held 0s"},
		},
		"a change that is left out, and one that spoils the transaction": {
			script: "a x y", changes: map[string]change{"x": returns(errRefused), "y": writesAndReturns("y", errFailed)},
			want: []string{
				"opened", "rolled back, held 2s", "opened", "committed 1, held 6s, of that 5s for the commit",
			},
		},
		"a refused commit": {
			script: "x", faults: faults{commit: refuses("x")}, want: []string{"opened", "rolled back, held 6s"},
		},
		"a lock": {
			script: "a b", faults: faults{begin: always(errLocked)},
			want: []string{"not opened: locked (2)", "locked 2: locked"},
		},
		"a lock found by a change": {
			script: "a x", changes: map[string]change{"x": returns(errLocked)},
			want: []string{"opened", "rolled back, held 1s", "locked 2: locked"},
		},
		"a store that cannot be opened": {
			script: "a", faults: faults{begin: always(errFailed)}, want: []string{"not opened: failed (0)"},
		},
		"a lost commit and a roll-back that fails": {
			script: "a", faults: faults{commit: refusal(errFailed), rollback: always(errForeign)},
			want: []string{"opened", "lost 1, held 6s: failed"},
		},
		"a roll-back that fails": {
			script: "a", faults: faults{verify: always(errForeign), rollback: always(errFailed)},
			want: []string{"opened", "roll-back failed, held 1s: failed"},
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

// TestTheWaitForTheLockBeginsWithTheFirstAttempt: the callers of a change that meets a lock come back with it, and from
// their point of view it is one wait. If nobody comes back, it ends.
func TestTheWaitForTheLockBeginsWithTheFirstAttempt(t *testing.T) {
	for name, tt := range map[string]struct {
		absent, want time.Duration
	}{
		"callers who come back": {absent: 20 * time.Second, want: 20 * time.Second},
		"others, hours later":   {absent: 5 * time.Hour, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.begin = once(errLocked)
				b := newBench(s, groupcommit.Settings{})
				begun := time.Now()
				_ = b.Do(t.Context(), groupcommit.Identity{}, put("a"))
				tried := time.Since(begun)
				<-time.After(tt.absent)
				if err := b.Do(t.Context(), groupcommit.Identity{}, put("a")); err != nil {
					t.Fatal(err)
				}
				i := slices.IndexFunc(b.events, func(e groupcommit.Event) bool { return e.Kind == groupcommit.TransactionOpened })
				if waited := b.events[i].Wait; (waited - tt.want).Abs() > tried+time.Second {
					t.Errorf("waited %s, want %s", waited, tt.want)
				}
			})
		})
	}
}

func describeEvents(events []groupcommit.Event) []string {
	var lines []string
	for _, e := range events {
		switch e.Kind {
		case groupcommit.TransactionOpened:
			lines = append(lines, "opened")
		case groupcommit.Committed:
			lines = append(lines, fmt.Sprintf("committed %d, held %v, of that %v for the commit", e.Changes, e.Hold, e.Duration))
		case groupcommit.NotOpened:
			lines = append(lines, fmt.Sprintf("not opened: %s (%d)", describe(e.Err), e.Verdict))
		case groupcommit.RolledBack:
			lines = append(lines, fmt.Sprintf("rolled back, held %v", e.Hold))
		case groupcommit.Lost:
			lines = append(lines, fmt.Sprintf("lost %d, held %v: %s", e.Changes, e.Hold, describe(e.Err)))
		case groupcommit.RollbackFailed:
			lines = append(lines, fmt.Sprintf("roll-back failed, held %v: %s", e.Hold, describe(e.Err)))
		case groupcommit.BatchLocked:
			lines = append(lines, fmt.Sprintf("locked %d: %s", e.Changes, describe(e.Err)))
		}
	}
	return lines
}

func TestAPanicIsNeverARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.commit = func(int, []string) error { panic(secret) }
		c := groupcommit.New(groupcommit.Options[*tx]{
			Store:    s,
			Classify: func(error) groupcommit.Verdict { return groupcommit.Refused },
		})
		if err := c.Do(t.Context(), groupcommit.Identity{}, put("a")); !errors.Is(err, groupcommit.ErrOutcomeUnknown) {
			t.Errorf("got %v, want an unknown outcome", err)
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
				err := b.Do(t.Context(), groupcommit.Identity{}, tt.change)
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				var panicked *panics.Error
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
