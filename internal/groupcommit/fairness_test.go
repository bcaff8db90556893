// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// refusesBad fails every commit that has a name of the tenant red, in words of its own or in the same words every time.
func refusesBad(alike bool) func(int, []string) error {
	return func(_ int, names []string) error {
		for _, name := range names {
			if strings.HasPrefix(name, "red") && alike {
				return errRefused
			} else if strings.HasPrefix(name, "red") {
				return fmt.Errorf("%s: %w", name, errRefused)
			}
		}
		return nil
	}
}

// of is the identity of an object of a tenant.
func of(tenant, id, digest string) groupcommit.Identity {
	return groupcommit.Identity{Tenant: tenant, ID: id, Digest: digest}
}

// slow is a store whose commits take a second, and its committer.
func slow(commit func(int, []string) error) *bench {
	s := newStore()
	s.writeTime, s.commitTime, s.commit = 20*time.Millisecond, time.Second, commit
	return newBench(s, groupcommit.Settings{})
}

// blue makes a good change of another tenant, and returns how long that took.
func blue(t *testing.T, b *bench, name string) time.Duration {
	t.Helper()
	begun := time.Now()
	if err := b.Do(t.Context(), of("blue", name, name), put(name)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return time.Since(begun)
}

// committed is how many commits there were.
func (b *bench) committed() int {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	return b.store.commits
}

// told is how many changes the events of a kind were about.
func (b *bench) told(kind groupcommit.EventKind) (changes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Kind == kind {
			changes += e.Changes
		}
	}
	return changes
}

// held is how long the lock was held since a time.
func (b *bench) held(since int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum time.Duration
	for _, e := range b.events[since:] {
		sum += e.Hold
	}
	return sum
}

func (b *bench) happened() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}

const badChanges = 40

// insistence is how a tenant comes back with changes that were refused, as the nth time.
var insistence = map[string]func(i, n int) (id, digest string){
	"the same again and again":           func(i, _ int) (string, string) { return fmt.Sprint(i), "d" },
	"different contents every time":      func(i, n int) (string, string) { return fmt.Sprint(i), fmt.Sprint(n) },
	"different objects every time":       func(i, n int) (string, string) { return fmt.Sprint(i, n), "d" },
	"deletions, which are always tried":  func(i, _ int) (string, string) { return fmt.Sprint(i), "" },
	"two contents of each, by turns":     func(i, n int) (string, string) { return fmt.Sprint(i), fmt.Sprint(n % 2) },
	"a new object beside each known one": func(i, n int) (string, string) { return fmt.Sprint(i, i%2*n), "d" },
}

func TestChangesRefusedAtTheCommitDelayAnotherTenantByAFewCommits(t *testing.T) {
	for what, again := range insistence {
		for _, alike := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, refused in the same words: %t", what, alike), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { refusedBesideBlue(t, alike, again) })
			})
		}
	}
}

func refusedBesideBlue(t *testing.T, alike bool, again func(i, n int) (id, digest string)) {
	t.Helper()
	alone := blue(t, slow(nil), "blue")
	b := slow(refusesBad(alike))
	ctx, cancel := context.WithCancel(t.Context())
	for i := range badChanges {
		b.callers.Go(func() { // comes back every five seconds
			for n := 0; ctx.Err() == nil; n++ {
				id, digest := again(i, n)
				err := b.Do(ctx, of("red", id, digest), put(fmt.Sprint("red-", i)))
				if err == nil || !errors.Is(err, errRefused) && !isUntried(err) && ctx.Err() == nil {
					t.Errorf("answered %v", err)
				}
				_ = pause(ctx, 5*time.Second)
			}
		})
	}
	pass(10 * time.Millisecond)
	for i := range 20 { // also while the bad ones are being isolated
		if took := blue(t, b, fmt.Sprint("blue-", i)); took > 3*alone {
			t.Errorf("a good change took %s, alone %s", took, alone)
		}
		pass(7 * time.Second)
	}
	pass(5 * time.Minute)
	before := b.happened()
	pass(10 * time.Minute)
	if held := b.held(before); held > time.Minute+5*time.Second {
		t.Errorf("the lock was held for %s in ten minutes", held)
	}
	if took := blue(t, b, "blue"); took > 3*alone {
		t.Errorf("in the end a good change took %s, alone %s", took, alone)
	}
	cancel()
	_ = b.Close(t.Context())
	b.wait()
	b.check(t)
}

func isUntried(err error) bool {
	_, untried := errors.AsType[*groupcommit.UntriedError](err)
	return untried
}

func TestARefusalIsRemembered(t *testing.T) {
	bad := of("red", "1", "d")
	for what, tt := range map[string]struct {
		// then comes after the first refusal, after a while.
		after time.Duration
		then  groupcommit.Identity
		// want is how many more commits that costs.
		want int
	}{
		"the same change is answered from memory":                     {then: bad},
		"also nine minutes later":                                     {after: 9 * time.Minute, then: bad},
		"it is tried again after ten minutes":                         {after: 11 * time.Minute, then: bad, want: 1},
		"another content is tried at once":                            {then: of("red", "1", "e"), want: 1},
		"another object is tried at once":                             {then: of("red", "2", "d"), want: 1},
		"a change without a digest is tried at once":                  {then: of("red", "1", ""), want: 1},
		"a change without an object is tried at once":                 {then: of("red", "", "d"), want: 1},
		"an object that nobody has asked for in an hour is forgotten": {after: 2 * time.Hour, then: bad, want: 1},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := slow(refusesBad(false))
				first := b.Do(t.Context(), bad, put("red"))
				if b.Refusal(bad) != first { //nolint:errorlint // the very same
					t.Errorf("%v is remembered, want %v", b.Refusal(bad), first)
				}
				pass(tt.after)
				before := b.store.begins
				begun := time.Now()
				if err := b.Do(t.Context(), tt.then, put("red")); err == nil || err.Error() != first.Error() {
					t.Errorf("answered %v, at first %v", err, first)
				}
				if got := b.store.begins - before; got != tt.want || time.Since(begun) > 3*second {
					t.Errorf("%d transactions in %s, want %d in seconds", got, time.Since(begun), tt.want)
				}
			})
		})
	}
}

func TestTheSameChangeIsTriedEverMoreRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := slow(refusesBad(false))
		var tried []string
		for range 12 * 60 {
			before := b.store.begins
			_ = b.Do(t.Context(), of("red", "1", "d"), put("red"))
			if b.store.begins > before {
				tried = append(tried, time.Since(b.store.started).Truncate(time.Minute).String())
			}
			pass(time.Minute)
		}
		want := []string{"0s", "10m0s", "30m0s", "1h10m0s", "2h30m0s", "4h30m0s", "6h30m0s", "8h30m0s", "10h30m0s"}
		if diff := cmp.Diff(want, tried); diff != "" {
			t.Errorf("tried at (-want +got):\n%s", diff)
		}
	})
}

func TestASuccessMakesAnObjectUnsuspiciousAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := slow(refusesBad(false))
		_ = b.Do(t.Context(), of("red", "1", "bad"), put("red"))
		if err := b.Do(t.Context(), of("red", "1", "good"), put("good")); err != nil {
			t.Fatal(err)
		}
		b.doFor(t.Context(), of("red", "1", "better"), "a", put("a"))
		b.doFor(t.Context(), of("red", "2", "d"), "b", put("b"))
		b.wait()
		if b.store.commits != 3 {
			t.Errorf("%d commits: it was committed alone", b.store.commits)
		}
		if err := b.Refusal(of("red", "1", "bad")); err != nil {
			t.Errorf("remembered: %v", err)
		}
	})
}

func TestWhatIsRefusedAtAWriteIsRememberedAndSharesItsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := slow(nil)
		bad := writesAndReturns("red", errRefused)
		_ = b.Do(t.Context(), of("red", "1", "d"), bad)
		if err := b.Do(t.Context(), of("red", "1", "d"), bad); !errors.Is(err, errRefused) || b.store.begins != 1 {
			t.Errorf("%v after %d transactions, want the refusal after one", err, b.store.begins)
		}
		_ = b.Do(t.Context(), of("red", "2", "d"), returns(errDeclined))
		_ = b.Do(t.Context(), of("red", "2", "d"), returns(errDeclined))
		if b.store.begins != 3 {
			t.Errorf("%d transactions: what the store did not refuse is remembered", b.store.begins)
		}
		b.doFor(t.Context(), of("red", "1", "e"), "a", put("a"))
		b.doFor(t.Context(), of("red", "3", "d"), "b", put("b"))
		b.wait()
		if b.store.commits != 1 {
			t.Errorf("%d commits, want one for both", b.store.commits)
		}
	})
}

func TestTenantsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.commitTime = 10 * second
		b := newBench(s, groupcommit.Settings{MaxChanges: 4})
		for _, name := range strings.Fields("r1 r2 r3 r4 r5 r6 r7 r8 b1 g1 b2") {
			b.doFor(t.Context(), of(name[:1], name, ""), name, put(name))
			synctest.Wait()
		}
		b.wait()
		want := []string{"10s: r1 r2 r3 r4", "20s: r5 b1 g1 r6", "30s: r7 b2 r8"}
		if diff := cmp.Diff(want, s.history); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestWhenEveryCommitIsRefusedInTheSameWordsTheDivisionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const changes = 300
		var mended atomic.Bool
		b := slow(func(int, []string) error {
			if !mended.Load() {
				return errRefused
			}
			return nil
		})
		for i, name := range words(changes) {
			b.callers.Go(func() { // comes back as often as it is told to
				for {
					err := b.Do(t.Context(), of(fmt.Sprint(i%2), name, "d"), put(name))
					untried, ok := errors.AsType[*groupcommit.UntriedError](err)
					if err == nil || !ok && !errors.Is(err, errRefused) {
						return
					}
					if ok {
						pass(untried.After)
					} else {
						pass(10 * time.Minute)
					}
				}
			})
		}
		pass(50 * time.Second)
		if got := b.committed(); got > 15 {
			t.Errorf("%d commits, although they were all refused alike", got)
		}
		pass(4 * time.Minute)
		if got := b.committed(); got > 15+24 {
			t.Errorf("%d commits, which is more than a tenth of the time", got)
		}
		told := b.told(groupcommit.AllRefused)
		if told == 0 || told > changes {
			t.Errorf("%d callers are said to be refused with all others", told)
		}
		before := b.committed()
		mended.Store(true)
		b.wait()
		if got := len(strings.Fields(b.store.names())); got != changes {
			t.Errorf("%d of %d are committed", got, changes)
		}
		if got := b.committed() - before; got > 30 {
			t.Errorf("%d commits, although nothing is bad any more", got)
		}
		b.check(t)
	})
}

// TestDividingSeveralTenantsNeverExceedsTheBoundOfEach: nothing good is lost, and no tenant costs more than it would
// alone, beside the common commit and one of its own.
func TestDividingSeveralTenantsNeverExceedsTheBoundOfEach(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		marks := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 70).Draw(rt, "marks")
		density := rapid.IntRange(0, 9).Draw(rt, "bad below")
		tenants := rapid.IntRange(1, 5).Draw(rt, "tenants")
		names := words(len(marks))
		var guilty []string
		all, bad := make([]int, tenants), make([]int, tenants)
		for i, mark := range marks {
			if all[i%tenants]++; mark < density {
				bad[i%tenants]++
				guilty = append(guilty, names[i])
			}
		}
		bound := 1
		for i := range tenants {
			bound += maxCommits(all[i], bad[i])
		}
		var b *bench
		synctest.Test(t, func(t *testing.T) {
			s := newStore()
			s.commit = refuses(guilty...)
			b = newBench(s, groupcommit.Settings{})
			for i, name := range names {
				b.doFor(t.Context(), of(fmt.Sprint(i%tenants), name, name), name, put(name))
			}
			b.wait()
		})
		if b.store.commits > bound {
			rt.Fatalf("%d commits, at most %d are allowed", b.store.commits, bound)
		}
		if good := len(names) - len(guilty); len(strings.Fields(b.store.names())) != good {
			rt.Fatalf("committed %q, want the %d good ones", b.store.names(), good)
		}
		if refused := strings.Count(b.said(), "refused"); refused != len(guilty) {
			rt.Fatalf("%d were answered with a refusal, want %d", refused, len(guilty))
		}
	})
}
