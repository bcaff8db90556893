// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// endingBoard is a board whose sessions can be ended.
type endingBoard struct {
	*board

	refuse int // how many of the next ends fail
	ended  []string
}

func (b *endingBoard) End(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse > 0 {
		b.refuse--
		return errors.New("not now")
	}
	b.ended = append(b.ended, id)
	s := b.sessions[id]
	s.Status = nps.StatusComplete
	b.sessions[id] = s
	return nil
}

func TestASessionWhoseObjectIsGoneIsEndedWhenItShowsUp(t *testing.T) {
	for name, c := range map[string]struct {
		pressing bool
		after    time.Duration // when the session shows up
		within   time.Duration // of that
		refuse   int
		note     string
		want     int
	}{
		"soon, where it is likely":       {pressing: true, after: time.Hour, within: time.Minute, note: anID, want: 1},
		"at leisure, where it is not":    {after: time.Hour, within: 6 * time.Minute, note: anID, want: 1},
		"again, where it did not work":   {true, time.Hour, time.Minute, 1, anID, 1},
		"not, where it is another one's": {pressing: true, after: time.Hour, within: time.Hour, note: "pam-operator/x/1"},
		"not, when it is forgotten":      {pressing: true, after: 25 * time.Hour, within: time.Hour, note: anID},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &endingBoard{board: newBoard(0, nps.StatusActive), refuse: c.refuse}
				p := NewPoller(nil)
				p.Use(b, nil)
				p.Remember(Departed{
					Object: object(1), RequestID: anID, Pressing: c.pressing, Until: time.Now().Add(24 * time.Hour),
				})
				<-time.After(c.after)
				b.set("late", nps.StatusActive)
				b.note("late", c.note)
				<-time.After(c.within)
				b.mu.Lock()
				ended := len(b.ended)
				b.mu.Unlock()
				if ended != c.want {
					t.Errorf("%d sessions were ended", ended)
				}
				p.Close()
				p.Wait()
			})
		})
	}
}

func TestThePollerRestsWhenNothingIsLookedForAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPoller(nil)
		p.Use(newBoard(0, nps.StatusActive), nil)
		p.Follow(Followed{Object: object(1), RequestID: anID, Over: true, Until: time.Now().Add(24 * time.Hour)})
		p.Remember(Departed{Object: object(2), RequestID: "pam-operator/2/1", Until: time.Now().Add(24 * time.Hour)})
		<-time.After(25 * time.Hour)
		p.mu.Lock()
		running := p.running
		p.mu.Unlock()
		if running {
			t.Error("it goes on")
		}
		p.Close()
		p.Wait()
	})
}

func TestCopiesOfWhatIsOverAreNotified(t *testing.T) {
	r := newSessionRegister()
	r.follow(Followed{Object: object(1), RequestID: anID, SessionID: "own", Over: true, Until: time.Now().Add(time.Hour)})
	now := time.Now()
	if due := r.plan(now).due; len(due) != 0 {
		t.Errorf("what is over is looked at: %v", due)
	}
	r.listed(nps.FilterActive, []nps.Summary{{ID: "copy", Status: nps.StatusActive, Note: anID}}, now)
	if copies, pending := r.takeCopies(object(1)), r.takePending(); len(copies) != 1 || len(pending) != 1 {
		t.Errorf("copies %v, notified %v", copies, pending)
	}
	round := r.plan(now)
	round.finish(errors.New("down"))
	if pending := r.takePending(); len(pending) != 0 {
		t.Errorf("what is over is notified of trouble: %v", pending)
	}
}

// A server that lists many sessions that nothing follows takes little memory.
func TestStrangersInAListAreFew(t *testing.T) {
	r := newSessionRegister()
	r.follow(Followed{Object: object(1), SessionID: "mine"})
	var list []nps.Summary
	for i := range 3 * maxStrangers {
		list = append(list, nps.Summary{ID: fmt.Sprintf("stranger-%d", i), Status: nps.StatusActive})
	}
	r.listed(nps.FilterActive, append(list, nps.Summary{ID: "mine", Status: nps.StatusActive}), time.Now())
	if n := len(r.sightings); n > maxStrangers+2 {
		t.Errorf("%d sessions are remembered", n)
	}
	if _, ok := r.sightings["mine"]; !ok {
		t.Error("the one that is followed is not among them")
	}
}
