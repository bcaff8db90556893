// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/pam-operator/pam-operator/internal/gate"
	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// idleAppliance never sends anything, because another transaction occupies its gate.
func idleAppliance() *Appliance {
	g := gate.New(1)
	if _, entered := g.TryEnter(); !entered {
		panic("a new gate is shut")
	}
	return New(Config{URL: "https://sps.example.com", Gate: g})
}

func noChange(context.Context, *Transaction) error { return nil }

// takeAll takes all turns that there are.
func takeAll(t *testing.T, a *Appliance) []*Turn {
	t.Helper()
	turns := make([]*Turn, 0, maxTurns)
	for range maxTurns {
		turn, err := a.TakeTurn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, turn)
	}
	return turns
}

// full reports whether one more turn would have to be waited for.
func full(t *testing.T, a *Appliance) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	taken := make(chan bool)
	go func() {
		turn, err := a.TakeTurn(ctx)
		if err == nil {
			turn.End()
		}
		taken <- err == nil
	}()
	synctest.Wait()
	cancel()
	return !<-taken
}

func TestTurnsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := idleAppliance()
		turns := takeAll(t, a)
		if !full(t, a) {
			t.Errorf("more than %d turns at the same time", maxTurns)
		}
		for range 2 {
			turns[0].End()
		}
		if full(t, a) {
			t.Error("the end of a turn made no room")
		}
		takeAnother(t, a)
		if !full(t, a) {
			t.Error("a turn that ended twice made room for two")
		}
	})
}

func takeAnother(t *testing.T, a *Appliance) {
	t.Helper()
	if _, err := a.TakeTurn(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestNoTurnIsHeldWhileWaitingForACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := idleAppliance()
		turn := takeAll(t, a)[0]
		answer := make(chan error)
		go func() { answer <- turn.Change(t.Context(), Identity{}, noChange) }()
		synctest.Wait()
		if full(t, a) {
			t.Error("the turn is held while its change waits for the commit")
		}
		ended, end := context.WithCancel(t.Context())
		end()
		_ = a.committer.Close(ended) // the change is not made
		if err := <-answer; !errors.Is(err, groupcommit.ErrClosed) {
			t.Errorf("the change has the answer %v", err)
		}
		if !full(t, a) {
			t.Error("no turn was taken after the commit")
		}
		turn.End()
		if full(t, a) {
			t.Error("the end of the turn made no room")
		}
	})
}

func TestAChangeReturnsItsAnswerWithoutATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := idleAppliance()
		turn := takeAll(t, a)[0]
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error)
		go func() { answer <- turn.Change(ctx, Identity{}, noChange) }()
		synctest.Wait()
		takeAnother(t, a) // there is no turn left
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("the change has the answer %v", err)
		}
		turn.End()
		if !full(t, a) {
			t.Error("a turn was given back that was never taken")
		}
		_ = a.committer.Close(ctx)
	})
}

// What is decoded waits in memory while the appliance answers, so it counts.
func TestWhatIsDecodedInATurnCountsUntilItEnds(t *testing.T) {
	share := rest.NewBudget(8<<20).Share("", 1<<20, "")
	a := &Appliance{memory: share, turns: gate.New(1)}
	turn, err := a.TakeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	record := func(values int) sps.Record {
		r, err := sps.NewRecord("k", sps.Body{"name": "x", "list": make([]any, values)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	decode := func(values int) error {
		_, err := turn.Decode(record(values))
		return err
	}
	if err := decode(100); err != nil || share.Used() != 0 {
		t.Errorf("an ordinary object: %v, %d bytes", err, share.Used())
	}
	for range 3 {
		if err := decode(2000); err != nil || share.Used() < 2000*100 || share.Used() > 2000*500 {
			t.Errorf("a large one, again: %v, %d bytes", err, share.Used())
		}
	}
	if err := decode(4000); !rest.IsTooLarge(err) {
		t.Errorf("beyond the limit: %v", err)
	}
	turn.End()
	if share.Used() != 0 {
		t.Errorf("%d bytes stay counted", share.Used())
	}
}
