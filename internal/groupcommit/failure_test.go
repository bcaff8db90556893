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

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// failure is one batch in which something goes wrong.
type failure struct {
	script  string            // one name for each change, in order
	changes map[string]change // what is not put(name)
	faults  faults
	want    result
}

// result is what a batch came to.
type result struct {
	Answers                    string
	Committed                  string
	Begins, Commits, Rollbacks int
}

// changesAtFault are failures of single changes.
var changesAtFault = map[string]failure{
	"good changes share one commit": {
		script: "a b c",
		want:   result{"a: ok; b: ok; c: ok", "a b c", 1, 1, 0},
	},
	"a change refused at its first write is left out": {
		script:  "a x c",
		changes: map[string]change{"x": returns(errRefused)},
		want:    result{"a: ok; x: refused; c: ok", "a c", 1, 1, 0},
	},
	"a change that fails before it writes is left out, whatever its error": {
		script:  "a x c",
		changes: map[string]change{"x": returns(errFailed)},
		want:    result{"a: ok; x: failed; c: ok", "a c", 1, 1, 0},
	},
	"a change that hits a conflict each time is left out after three repetitions": {
		script:  "a x c",
		changes: map[string]change{"x": returns(errConflict)},
		want:    result{"a: ok; x: the store changed during every attempt, conflict; c: ok", "a c", 5, 1, 4},
	},
	"a stop at a change ends the batch": {
		script:  "a x c",
		changes: map[string]change{"x": returns(errStopped)},
		want:    result{"a: stopped; x: stopped; c: stopped", "", 1, 0, 1},
	},
	"a change that panics before it wrote is left out": {
		script:  "a x c",
		changes: map[string]change{"x": thrower},
		want:    result{"a: ok; x: panic; c: ok", "a c", 1, 1, 0},
	},
	"a change refused after a write of its own has the others written again": {
		script:  "a x c",
		changes: map[string]change{"x": writesAndReturns("x", errRefused)},
		want:    result{"a: ok; x: refused; c: ok", "a c", 2, 1, 1},
	},
	"a change that fails after a write of its own has the others written again": {
		script:  "a x c",
		changes: map[string]change{"x": writesAndReturns("x", errFailed)},
		want:    result{"a: ok; x: failed; c: ok", "a c", 2, 1, 1},
	},
	"a change that panics after a write of its own has the others written again": {
		script:  "a x c",
		changes: map[string]change{"x": lateThrower("x")},
		want:    result{"a: ok; x: panic; c: ok", "a c", 2, 1, 1},
	},
	"from the second change that fails after a write on, the good ones before it are committed apart": {
		script: "a x b y c",
		changes: map[string]change{
			"x": writesAndReturns("x", errRefused), "y": writesAndReturns("y", errRefused),
		},
		want: result{
			"a: ok; x: refused; b: ok; y: refused; c: ok",
			"a b c", 4, 2, 2,
		},
	},
	"when only the last change is at fault nothing is written again": {
		script:  "x",
		changes: map[string]change{"x": writesAndReturns("x", errRefused)},
		want:    result{"x: refused", "", 1, 0, 1},
	},
	"without an acknowledged roll-back nothing is written again": {
		script:  "a x c",
		changes: map[string]change{"x": writesAndReturns("x", errRefused)},
		faults:  faults{rollback: once(errFailed)},
		want:    result{"a: failed; x: refused; c: failed", "", 1, 0, 1},
	},
	"a roll-back that panics is not acknowledged": {
		script:  "a x",
		changes: map[string]change{"x": writesAndReturns("x", errRefused)},
		faults:  faults{rollback: panicking},
		want:    result{"a: panic; x: refused", "", 1, 0, 1},
	},
}

// nothingToDo are changes that find nothing to do.
var nothingToDo = map[string]failure{
	"when nothing was written nothing is committed": {
		script:  "a b",
		changes: map[string]change{"a": returns(nil), "b": returns(errRefused)},
		want:    result{"a: ok; b: refused", "", 1, 0, 1},
	},
	"what found nothing to do in the committed state succeeds whatever happens later": {
		script:  "a b",
		changes: map[string]change{"a": returns(nil)},
		faults:  faults{commit: refusal(errFailed)},
		want:    result{"a: ok; b: outcome unknown, failed", "", 1, 1, 1},
	},
	"what found nothing to do after others wrote shares their fate": {
		script:  "a b",
		changes: map[string]change{"b": put("a")},
		faults:  faults{commit: refusal(errFailed)},
		want: result{
			"a: outcome unknown, failed; b: outcome unknown, failed", "", 1, 1, 1,
		},
	},
	"a change that relied on the write of a bad one makes it itself in the end": {
		script: "x b c",
		changes: map[string]change{
			"x": func(ctx context.Context, t *tx) error { return errors.Join(t.write(ctx, "b"), t.write(ctx, "x")) },
		},
		faults: faults{commit: refuses("x")},
		want:   result{"x: refused; b: ok; c: ok", "b c", 3, 3, 2},
	},
}

// storeAtFault are failures of the whole batch before anything is committed.
var storeAtFault = map[string]failure{
	"a lock held by another client is every change's answer": {
		script: "a b",
		faults: faults{begin: always(errLocked)},
		want:   result{"a: locked; b: locked", "", 1, 0, 0},
	},
	"a lock found at a write is every change's answer": {
		script:  "a x c",
		changes: map[string]change{"x": returns(errLocked)},
		want:    result{"a: locked; x: locked; c: locked", "", 1, 0, 1},
	},
	"a lock found at the commit is every change's answer": {
		script: "a b",
		faults: faults{commit: refusal(errLocked)},
		want:   result{"a: locked; b: locked", "", 1, 1, 1},
	},
	"a transaction that cannot be opened fails every change": {
		script: "a b",
		faults: faults{begin: always(errFailed)},
		want:   result{"a: failed; b: failed", "", 1, 0, 0},
	},
	"a refusal to open a transaction is every change's answer": {
		script: "a b",
		faults: faults{begin: always(errRefused)},
		want:   result{"a: refused; b: refused", "", 1, 0, 0},
	},
	"a foreign change in the transaction fails every change": {
		script: "a b",
		faults: faults{verify: always(errForeign)},
		want:   result{"a: foreign; b: foreign", "", 1, 0, 1},
	},
	"a foreign change seen by a change fails every change": {
		script:  "a x",
		changes: map[string]change{"x": returns(errForeign)},
		want:    result{"a: foreign; x: foreign", "", 1, 0, 1},
	},
	"a transaction that cannot be verified fails every change": {
		script: "a b",
		faults: faults{verify: always(errFailed)},
		want:   result{"a: failed; b: failed", "", 1, 0, 1},
	},
}

// commitAtFault are failures around the commit.
var commitAtFault = map[string]failure{
	"a conflict at the commit has the batch repeated": {
		script: "a b",
		faults: faults{commit: func(time int, _ []string) error { return once(errConflict)(time) }},
		want:   result{"a: ok; b: ok", "a b", 2, 2, 1},
	},
	"a conflict at the verification has the batch repeated": {
		script: "a b",
		faults: faults{verify: once(errConflict)},
		want:   result{"a: ok; b: ok", "a b", 2, 1, 1},
	},
	"a transaction that loses what was written has the batch repeated": {
		script: "a b c",
		faults: faults{tear: func(write int) bool { return write == 2 }},
		want:   result{"a: ok; b: ok; c: ok", "a b c", 2, 1, 1},
	},
	"a transaction that loses all has the batch repeated": {
		script: "a b c",
		faults: faults{tear: func(write int) bool { return write == 3 }},
		want:   result{"a: ok; b: ok; c: ok", "a b c", 2, 1, 1},
	},
	"a change that notices a loss is repeated with the others": {
		script:  "a x c",
		changes: map[string]change{"x": both("x")},
		faults:  faults{tear: func(write int) bool { return write == 2 }},
		want:    result{"a: ok; x: ok; c: ok", "a c x x'", 2, 1, 1},
	},
	"what loses something each time is given up": {
		script: "a b",
		faults: faults{tear: func(write int) bool { return write%2 == 1 }},
		want: result{
			"a: the store changed during every attempt, conflict; b: the store changed during every attempt, conflict",
			"", 4, 0, 4,
		},
	},
	"a stop ends the batch": {
		script: "a b",
		faults: faults{commit: refusal(errStopped)},
		want:   result{"a: stopped; b: stopped", "", 1, 1, 1},
	},
	"a conflict is given up after three repetitions": {
		script: "a b",
		faults: faults{commit: refusal(errConflict)},
		want: result{
			"a: the store changed during every attempt, conflict; b: the store changed during every attempt, conflict",
			"", 4, 4, 4,
		},
	},
	"a commit without an answer is of unknown outcome for all who wrote": {
		script:  "a x b",
		changes: map[string]change{"x": returns(errRefused)},
		faults:  faults{commit: refusal(errFailed), vanish: func(int, []string) bool { return true }},
		want: result{
			"a: outcome unknown, failed; x: refused; b: outcome unknown, failed",
			"a b", 1, 1, 1,
		},
	},
	"the answer of a lost commit does not depend on its roll-back": {
		script: "a",
		faults: faults{commit: refusal(errFailed), rollback: always(errRefused)},
		want:   result{"a: outcome unknown, failed", "", 1, 1, 1},
	},
	"a time-out of the commit is never taken for a refusal": {
		script: "a",
		faults: faults{commit: refusal(errors.Join(errRefused, context.DeadlineExceeded))},
		want:   result{"a: outcome unknown, refused, context deadline exceeded", "", 1, 1, 1},
	},
	"a commit that was broken off is never taken for a refusal": {
		script: "a",
		faults: faults{commit: refusal(errors.Join(errRefused, context.Canceled))},
		want:   result{"a: outcome unknown, refused, context canceled", "", 1, 1, 1},
	},
	"a panic at the opening fails every change": {
		script: "a b",
		faults: faults{begin: panicking},
		want:   result{"a: panic; b: panic", "", 1, 0, 0},
	},
	"the one change that the commit refuses gets the refusal": {
		script: "a x c d",
		faults: faults{commit: refuses("x")},
		want: result{
			"a: ok; x: refused; c: ok; d: ok", "a c d", 5, 5, 3,
		},
	},
	"a good half stays committed when the other one is lost": {
		script: "a b x d",
		faults: faults{commit: func(time int, names []string) error {
			if slices.Contains(names, "x") && len(names) == 1 {
				return errFailed
			}
			return refuses("x")(time, names)
		}},
		want: result{
			"a: ok; b: ok; x: outcome unknown, failed; d: failed",
			"a b", 3, 3, 2,
		},
	},
	"changes that are good one by one but not together leave the later one out": {
		script: "a b",
		faults: faults{commit: func(time int, _ []string) error {
			if time == 2 {
				return nil
			}
			return errRefused
		}},
		want: result{"a: ok; b: refused", "a", 3, 3, 2},
	},
}

func TestFailures(t *testing.T) {
	groups := map[string]map[string]failure{
		"of single changes":      changesAtFault,
		"and nothing to do":      nothingToDo,
		"of the whole batch":     storeAtFault,
		"in and near the commit": commitAtFault,
	}
	for group, failures := range groups {
		for name, tt := range failures {
			t.Run(group+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStore()
					s.faults = tt.faults
					_, got := runBatch(t, s, tt.script, tt.changes)
					if diff := cmp.Diff(tt.want, got); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				})
			})
		}
	}
}

// runBatch has the changes made in one batch, in the order of the script's words.
func runBatch(t *testing.T, s *store, script string, changes map[string]change) (*bench, result) {
	t.Helper()
	b := newBench(s, groupcommit.Settings{})
	for name := range strings.FieldsSeq(script) {
		c, special := changes[name]
		if !special {
			c = put(name)
		}
		b.do(t.Context(), name, c)
		synctest.Wait()
	}
	b.wait()
	b.check(t)
	return b, result{b.said(), s.names(), s.begins, s.commits, s.rollbacks}
}

// returns has nothing to write and returns err.
func returns(err error) change { return func(context.Context, *tx) error { return err } }

// writesAndReturns returns err after a write.
func writesAndReturns(name string, err error) change {
	return func(ctx context.Context, t *tx) error { return errors.Join(t.write(ctx, name), err) }
}

// thrower panics before it writes anything.
func thrower(context.Context, *tx) error { panic(secret) }

// lateThrower panics after a write of its own.
func lateThrower(name string) change {
	return func(ctx context.Context, t *tx) error { return errors.Join(t.write(ctx, name), thrower(ctx, t)) }
}

// secret is what must not get into an error.
const secret = "swordfish"

func panicking(int) error { panic(secret) }

// once fails with err the first time only.
func once(err error) func(int) error {
	return func(time int) error {
		if time == 1 {
			return err
		}
		return nil
	}
}

// always fails with err.
func always(err error) func(int) error { return func(int) error { return err } }

// refusal fails every commit with err.
func refusal(err error) func(int, []string) error { return func(int, []string) error { return err } }

// refuses fails every commit that has one of the names.
func refuses(bad ...string) func(int, []string) error {
	return func(_ int, names []string) error {
		for _, name := range names {
			if slices.Contains(bad, name) {
				return fmt.Errorf("%s: %w", name, errRefused)
			}
		}
		return nil
	}
}
