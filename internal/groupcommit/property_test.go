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

	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// behaviour is what a random change does, and what is right for its caller.
type behaviour struct {
	change func(name string) change
	answer string // without trouble from outside
	spoils bool   // costs a roll-back, at a write or at the commit
}

// both writes two names, and must never be seen half done.
func both(name string) change {
	return func(ctx context.Context, t *tx) error {
		if err := put(name)(ctx, t); err != nil {
			return err
		}
		if err := t.needs(name); err != nil {
			return err
		}
		return put(name+"'")(ctx, t)
	}
}

func spoiling(err error) func(string) change {
	return func(name string) change { return writesAndReturns(name, err) }
}

var behaviours = map[string]behaviour{
	"good":                 {change: put, answer: "ok"},
	"good twice":           {change: both, answer: "ok"},
	"same as others":       {change: func(string) change { return put("shared") }, answer: "ok"},
	"nothing to do":        {change: func(string) change { return returns(nil) }, answer: "ok"},
	"refused":              {change: func(string) change { return returns(errRefused) }, answer: "refused"},
	"fails":                {change: func(string) change { return returns(errFailed) }, answer: "failed"},
	"panics":               {change: func(string) change { return thrower }, answer: "panic"},
	"refused after write":  {change: spoiling(errRefused), answer: "refused", spoils: true},
	"fails after write":    {change: spoiling(errFailed), answer: "failed", spoils: true},
	"panics after write":   {change: lateThrower, answer: "panic", spoils: true},
	"refused at commit":    {change: put, answer: "refused", spoils: true},
	"refused at commit, 2": {change: both, answer: "refused", spoils: true},
}

// actor is a random caller.
type actor struct {
	name      string
	behaviour string
	gap       time.Duration // before it comes
	patience  time.Duration // 0 is unlimited
}

func drawActors(rt *rapid.T, gaps, patiences []time.Duration) []actor {
	kinds := slices.Sorted(func(yield func(string) bool) {
		for kind := range behaviours {
			if !yield(kind) {
				return
			}
		}
	})
	kinds = append(kinds, "good", "good", "good", "good", "good twice")
	actors := make([]actor, rapid.IntRange(1, 24).Draw(rt, "callers"))
	for i := range actors {
		actors[i] = actor{
			name:      words(i + 1)[i],
			behaviour: rapid.SampledFrom(kinds).Draw(rt, "behaviour"),
			gap:       rapid.SampledFrom(gaps).Draw(rt, "gap"),
			patience:  rapid.SampledFrom(patiences).Draw(rt, "patience"),
		}
	}
	return actors
}

// guilty are the names that a commit refuses.
func guilty(actors []actor) []string {
	var names []string
	for _, a := range actors {
		if strings.HasPrefix(a.behaviour, "refused at commit") {
			names = append(names, a.name)
		}
	}
	return names
}

// play has the actors make their changes.
func play(t *testing.T, b *bench, actors []actor) {
	t.Helper()
	for _, a := range actors {
		pass(a.gap)
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if a.patience > 0 {
			ctx, cancel = context.WithTimeout(ctx, a.patience)
		}
		t.Cleanup(cancel)
		b.do(ctx, a.name, behaviours[a.behaviour].change(a.name))
		synctest.Wait()
	}
	b.wait()
	pass(time.Hour) // a batch goes on when all its callers have left
	synctest.Wait()
}

// TestWithoutTroubleEveryAnswerIsKnown compares with the model: every caller gets the answer to its own behaviour.
func TestWithoutTroubleEveryAnswerIsKnown(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		actors := drawActors(rt, []time.Duration{0}, []time.Duration{0})
		var b *bench
		synctest.Test(t, func(t *testing.T) {
			s := newStore()
			s.commit = refuses(guilty(actors)...)
			b = newBench(s, groupcommit.Settings{})
			play(t, b, actors)
		})
		var want []string
		spoilers := 0
		for _, a := range actors {
			want = append(want, a.name+": "+behaviours[a.behaviour].answer)
			if behaviours[a.behaviour].spoils {
				spoilers++
			}
		}
		if got := b.said(); got != strings.Join(want, "; ") {
			rt.Errorf("answers %s\nwant    %s", got, want)
		}
		if bound := maxCommits(len(actors), spoilers); b.store.commits > bound {
			rt.Errorf("%d commits, at most %d are allowed", b.store.commits, bound)
		}
		checkInvariants(rt, b, actors)
	})
}

// storm is trouble from outside: the result of each step, by how often the step was done.
type storm struct {
	begin, verify, commit, rollback []string
	tears                           []string      // after which writes
	close                           time.Duration // 0 is never
	patience                        time.Duration // of Close
}

func drawStorm(rt *rapid.T) storm {
	draw := func(name string, troubles ...string) []string {
		troubles = append(troubles, "", "", "", "", "", "", "", "")
		return rapid.SliceOfN(rapid.SampledFrom(troubles), 0, 12).Draw(rt, name)
	}
	times := []time.Duration{0, 0, 0, time.Second, 3 * time.Second, 7 * time.Second, 20 * time.Second}
	return storm{
		begin:    draw("begin", "locked", "failed", "panic"),
		verify:   draw("verify", "locked", "failed", "conflict", "foreign", "panic"),
		commit:   draw("commit", "locked", "failed", "lost", "conflict", "conflict", "foreign", "panic"),
		rollback: draw("rollback", "failed", "panic"),
		tears:    draw("tear", "tear", "tear"),
		close:    rapid.SampledFrom(times).Draw(rt, "close"),
		patience: rapid.SampledFrom(times).Draw(rt, "patience of close"),
	}
}

// trouble is what happens the given time.
func trouble(script []string, time int) string {
	if time > len(script) {
		return ""
	}
	return script[time-1]
}

func raise(what string) error {
	switch what {
	case "":
		return nil
	case "panic":
		panic(secret)
	case "lost":
		return errFailed
	}
	known := []error{errLocked, errFailed, errConflict, errForeign}
	return known[slices.IndexFunc(known, func(err error) bool { return err.Error() == what })]
}

// faults makes the trouble. A commit is lost with its content in place only if that content is good.
func (w storm) faults(refuse func(int, []string) error) faults {
	return faults{
		begin:    func(time int) error { return raise(trouble(w.begin, time)) },
		verify:   func(time int) error { return raise(trouble(w.verify, time)) },
		rollback: func(time int) error { return raise(trouble(w.rollback, time)) },
		commit: func(time int, names []string) error {
			if err := raise(trouble(w.commit, time)); err != nil {
				return err
			}
			return refuse(time, names)
		},
		tear: func(write int) bool { return trouble(w.tears, write) != "" },
		vanish: func(time int, names []string) bool {
			return trouble(w.commit, time) == "lost" && refuse(time, names) == nil
		},
	}
}

func TestInTroubleNoAnswerIsWrong(t *testing.T) {
	seconds := []time.Duration{0, 0, 0, 300 * time.Millisecond, time.Second, 4 * time.Second, 11 * time.Second}
	rapid.Check(t, func(rt *rapid.T) {
		actors := drawActors(rt, seconds, seconds)
		weather := drawStorm(rt)
		settings := groupcommit.Settings{
			MaxChanges: rapid.IntRange(0, 12).Draw(rt, "max changes"),
			MaxHold:    time.Duration(rapid.IntRange(0, 8).Draw(rt, "max hold")) * time.Second,
			Timeout:    time.Duration(rapid.IntRange(0, 4).Draw(rt, "timeout")) * time.Second,
		}
		writeTime := rapid.SampledFrom(seconds).Draw(rt, "write")
		commitTime := rapid.SampledFrom(seconds).Draw(rt, "commit")
		var b *bench
		synctest.Test(t, func(t *testing.T) {
			s := newStore()
			s.faults = weather.faults(refuses(guilty(actors)...))
			s.writeTime, s.commitTime = writeTime, commitTime
			b = newBench(s, settings)
			if weather.close > 0 {
				closing := time.AfterFunc(weather.close, func() { closeWithin(b, weather.patience) })
				defer closing.Stop()
			}
			play(t, b, actors)
			s.faults, s.writeTime, s.commitTime = faults{}, 0, 0
			actors = append(actors, actor{name: "after", behaviour: "good"})
			play(t, b, actors[len(actors)-1:])
		})
		checkInvariants(rt, b, actors)
		if after := b.answers["after"]; after != "ok" && after != "group commit is closed" {
			rt.Errorf("after the trouble: %s", after)
		}
	})
}

func closeWithin(b *bench, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = b.Close(ctx)
}

// checkInvariants checks what is true whatever happens.
func checkInvariants(rt *rapid.T, b *bench, actors []actor) {
	if b.store.open != nil || len(b.store.misuse) > 0 {
		rt.Errorf("lock free: %v, misuse: %v", b.store.open == nil, b.store.misuse)
	}
	if len(b.answers) != len(actors) {
		rt.Errorf("%d answers to %d callers", len(b.answers), len(actors))
	}
	for _, a := range actors {
		if err := checkAnswer(b, a); err != nil {
			rt.Errorf("%s (%s) was answered %q: %v", a.name, a.behaviour, b.answers[a.name], err)
		}
	}
}

// checkAnswer compares one caller's answer with what is in the store.
func checkAnswer(b *bench, a actor) error {
	answer, times := b.answers[a.name], b.store.committed[a.name]
	unknown := strings.Contains(answer, "outcome unknown")
	switch {
	case strings.Contains(answer, "and then"):
		return errors.New("two answers")
	case times > 1 || b.store.committed["shared"] > 1:
		return fmt.Errorf("committed %d times", times)
	case behaviours[a.behaviour].answer != "ok" && (answer == "ok" || times != 0):
		return errors.New("bad, and committed or answered so")
	case a.behaviour == "good twice" && times != b.store.committed[a.name+"'"]:
		return errors.New("committed by half")
	case answer == "ok" && !inPlace(b.store, a):
		return errors.New("not committed")
	case answer != "ok" && !unknown && times != 0:
		return errors.New("committed")
	}
	return nil
}

// inPlace reports whether the store has what the actor wants.
func inPlace(s *store, a actor) bool {
	switch a.behaviour {
	case "nothing to do":
		return true
	case "same as others":
		return s.committed["shared"] == 1
	}
	return s.committed[a.name] == 1
}
