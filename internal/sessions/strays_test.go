// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

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

// TestTheRequestsOfObjectsThatAreGoneAreBounded: one tenant who creates and deletes objects drives out only its own.
func TestTheRequestsOfObjectsThatAreGoneAreBounded(t *testing.T) {
	r, now := newSessionRegister(), time.Now()
	departed := func(namespace string, i int) Departed {
		return Departed{
			Object:    types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)},
			RequestID: fmt.Sprintf("pam-operator/%s-%d/1", namespace, i), Until: now.Add(time.Duration(i) * time.Second),
		}
	}
	r.remember(departed("neighbour", 0))
	for i := range maxDeparted + 100 {
		r.remember(departed("crowd", i))
	}
	if n := len(r.departed); n != maxDeparted {
		t.Errorf("%d are remembered", n)
	}
	for _, d := range []Departed{departed("neighbour", 0), departed("crowd", maxDeparted+99)} {
		if _, ok := r.departed[d.RequestID]; !ok {
			t.Errorf("%s is forgotten", d.RequestID)
		}
	}
	if _, ok := r.departed[departed("crowd", 0).RequestID]; ok {
		t.Error("what would be forgotten first is not")
	}
}

// TestAServerFullOfStraysIsClearedInSteps: each one costs two calls and a line in the audit trail.
func TestAServerFullOfStraysIsClearedInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const strays = 5 * maxUnwanted
		b := &endingBoard{board: newBoard(strays, nps.StatusActive)}
		for i := range strays {
			b.note(id(i), anID)
		}
		p := NewPoller(nil)
		p.Use(b, nil)
		rounds := 0
		b.failing(func(what string) error {
			if what == string(nps.FilterActive) {
				rounds++
			}
			if len(b.ended) > rounds*maxUnwanted {
				t.Errorf("%d were ended in %d rounds", len(b.ended), rounds)
			}
			return nil
		})
		p.Remember(Departed{Object: object(1), RequestID: anID, Pressing: true, Until: time.Now().Add(time.Hour)})
		<-time.After(10 * time.Minute)
		p.Close()
		p.Wait()
		if len(b.ended) != strays {
			t.Errorf("%d of %d were ended", len(b.ended), strays)
		}
	})
}

func TestTheCopiesOfASessionAreEndedInSteps(t *testing.T) {
	r := newSessionRegister()
	r.follow(Followed{Object: object(1), RequestID: anID, SessionID: "own"})
	var list []nps.Summary
	for i := range 5 * maxUnwanted {
		list = append(list, nps.Summary{ID: id(i), Status: nps.StatusActive, Note: anID})
	}
	for range 2 {
		r.listed(nps.FilterActive, list, time.Now())
		if n := len(r.takeCopies(object(1))); n != maxUnwanted {
			t.Errorf("%d at once", n)
		}
	}
}
