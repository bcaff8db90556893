// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// idleAppliance is one to which nothing is ever sent, because somebody else's transaction is at its gate.
func idleAppliance() *Appliance {
	g := newGate(1)
	g <- struct{}{}
	return newAppliance(nil, "https://sps.example.com", g, 0, func() {})
}

func noChange(context.Context, *Transaction) error { return nil }

// beginAll begins as many passes as there may be.
func beginAll(t *testing.T, a *Appliance) []*Pass {
	t.Helper()
	passes := make([]*Pass, 0, parallelPasses)
	for range parallelPasses {
		p, err := a.BeginPass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		passes = append(passes, p)
	}
	return passes
}

// full says whether one more pass would have to wait.
func full(t *testing.T, a *Appliance) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan bool)
	go func() {
		p, err := a.BeginPass(ctx)
		if err == nil {
			p.End()
		}
		began <- err == nil
	}()
	synctest.Wait()
	cancel()
	return !<-began
}

func TestAPassWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := idleAppliance()
		passes := beginAll(t, a)
		if !full(t, a) {
			t.Errorf("more than %d passes at the same time", parallelPasses)
		}
		for range 2 {
			passes[0].End()
		}
		if full(t, a) {
			t.Error("the end of a pass made no room")
		}
		beginAgain(t, a)
		if !full(t, a) {
			t.Error("a pass that ended twice made room for two")
		}
	})
}

func beginAgain(t *testing.T, a *Appliance) {
	t.Helper()
	if _, err := a.BeginPass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAPassThatWaitsForACommitMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := idleAppliance()
		pass := beginAll(t, a)[0]
		answer := make(chan error)
		go func() { answer <- pass.Change(t.Context(), noChange) }()
		synctest.Wait()
		if full(t, a) {
			t.Error("no other pass while one waits for its commit")
		}
		ended, end := context.WithCancel(t.Context())
		end()
		_ = a.committer.Close(ended) // the change is not made
		if err := <-answer; !errors.Is(err, groupcommit.ErrClosed) {
			t.Errorf("the change has the answer %v", err)
		}
		if !full(t, a) {
			t.Error("the pass did not take its turn again")
		}
		pass.End()
		if full(t, a) {
			t.Error("the end of the pass made no room")
		}
	})
}

func TestAPassThatFindsNoTurnAfterACommitTellsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := idleAppliance()
		pass := beginAll(t, a)[0]
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error)
		go func() { answer <- pass.Change(ctx, noChange) }()
		synctest.Wait()
		beginAgain(t, a) // the turn is somebody else's now
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("the change has the answer %v", err)
		}
		pass.End()
		if !full(t, a) {
			t.Error("the pass gave back a turn that it did not have")
		}
		_ = a.committer.Close(ctx)
	})
}
