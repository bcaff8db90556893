// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// board is a server that has sessions in lists and notes what it is asked for.
type board struct {
	mu       sync.Mutex
	sessions map[string]nps.Summary
	asked    []string
	fail     func(what string) error
}

func newBoard(n int, status nps.Status) *board {
	b := &board{sessions: map[string]nps.Summary{}}
	for i := range n {
		b.set(id(i), status)
	}
	return b
}

func id(i int) string { return fmt.Sprintf("id-%d", i) }

func object(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: "ns", Name: fmt.Sprintf("s-%d", i)}
}

func (b *board) set(id string, status nps.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessions[id] = nps.Summary{ID: id, Status: status, Note: "note pam/" + id}
}

func (b *board) note(id, note string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sessions[id]
	s.Note = note
	b.sessions[id] = s
}

func (b *board) failing(fail func(string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

func (b *board) ask(what string) error {
	b.asked = append(b.asked, what)
	if b.fail != nil {
		return b.fail(what)
	}
	return nil
}

func (b *board) ListMine(_ context.Context, filter nps.StatusFilter, _ string) ([]nps.Summary, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ask(string(filter)); err != nil {
		return nil, err
	}
	var out []nps.Summary
	for _, s := range b.sessions {
		if listOf(s.Status) == filter {
			out = append(out, s)
		}
	}
	return out, nil
}

func (b *board) Get(_ context.Context, id string) (nps.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ask(id); err != nil {
		return nps.Session{}, err
	}
	s, ok := b.sessions[id]
	if !ok {
		return nps.Session{}, &rest.Error{Status: 404, Sent: true}
	}
	return s.Session(), nil
}

// take returns what was asked for since the last time.
func (b *board) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.asked
	b.asked = nil
	return asked
}

// desk is a poller under test and what it notified.
type desk struct {
	t *testing.T
	*Poller
	*board
	heard chan types.NamespacedName
}

// inDesk runs a test on a clock of its own. Everything is at rest whenever the test goes on.
func inDesk(t *testing.T, b *board, test func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, board: b, heard: make(chan types.NamespacedName, 10000)}
		d.Poller = NewPoller(func(_ context.Context, o types.NamespacedName) { d.heard <- o })
		d.Use(b, nil)
		defer d.Wait()
		defer d.Close()
		test(d)
	})
}

func (d *desk) begin(i int, status nps.Status, fast time.Time) {
	d.Follow(Followed{
		Object: object(i), RequestID: "pam/" + id(i), SessionID: id(i), Status: status, FastFrom: fast,
	})
}

// after lets time pass.
func (d *desk) after(t *testing.T, pause time.Duration) {
	t.Helper()
	select {
	case <-time.After(pause):
	case <-t.Context().Done():
	}
	synctest.Wait()
}

func (d *desk) notified() []string {
	var out []string
	for {
		select {
		case o := <-d.heard:
			out = append(out, o.Name)
		default:
			slices.Sort(out)
			return out
		}
	}
}

var everyList = []string{"ApprovalRequired", "Pending", "Active", "Cancelling"}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", what, diff)
	}
}

func TestPollerListsOncePerIntervalAndNotifiesOfNothing(t *testing.T) {
	inDesk(t, newBoard(2000, nps.StatusActive), func(d *desk) {
		t := d.t
		for i := range 2000 {
			d.begin(i, nps.StatusActive, time.Now().Add(20*time.Hour))
		}
		d.after(t, time.Second)
		want(t, "first round", d.take(), everyList)
		d.after(t, 10*15*time.Second)
		asked := d.take()
		if n := len(asked); n < 9*len(everyList) || n > 11*len(everyList) {
			t.Errorf("%d lists in ten intervals", n)
		}
		slices.Sort(asked)
		want(t, "what was asked for", len(slices.Compact(asked)), len(everyList))
		want(t, "notified", d.notified(), nil)
	})
}

func TestPollerNotifiesOfAChangeWithinTheFastInterval(t *testing.T) {
	b := newBoard(2, nps.StatusActive)
	inDesk(t, b, func(d *desk) {
		t := d.t
		b.set(id(0), nps.StatusPending)
		d.begin(0, nps.StatusPending, time.Unix(0, 0))
		d.begin(1, nps.StatusActive, time.Time{})
		d.after(t, 3*time.Second)
		d.take()
		b.set(id(0), nps.StatusActive)
		d.after(t, 2100*time.Millisecond)
		want(t, "notified", d.notified(), []string{"s-0"})
		want(t, "asked", d.take(), []string{"Pending"})
	})
}

func TestPollerNotifiesOfAChangeWithinTheSlowInterval(t *testing.T) {
	b := newBoard(2, nps.StatusActive)
	inDesk(t, b, func(d *desk) {
		t := d.t
		d.begin(0, nps.StatusActive, time.Time{})
		d.begin(1, nps.StatusActive, time.Time{})
		d.after(t, time.Second)
		b.set(id(1), nps.StatusCancelling)
		d.after(t, 15*time.Second)
		want(t, "notified", d.notified(), []string{"s-1"})
		seen, ok, err := d.sighting(t.Context(), id(1))
		if !ok || err != nil || seen.Session.Status != nps.StatusCancelling {
			t.Errorf("seen %+v, %t, %v", seen, ok, err)
		}
	})
}

func TestPollerLooksWhenASessionExpires(t *testing.T) {
	b := newBoard(1, nps.StatusActive)
	inDesk(t, b, func(d *desk) {
		t := d.t
		d.begin(0, nps.StatusActive, time.Now().Add(7*time.Second))
		d.after(t, 6*time.Second)
		d.take()
		b.set(id(0), nps.StatusComplete)
		d.after(t, 1500*time.Millisecond)
		want(t, "notified", d.notified(), []string{"s-0"})
	})
}

func TestPollerReadsByIDWhatItsListsDoNotShow(t *testing.T) {
	b := newBoard(1, "Dreaming")
	inDesk(t, b, func(d *desk) {
		t := d.t
		d.begin(0, nps.StatusPending, time.Unix(0, 0))
		d.after(t, 100*time.Millisecond)
		want(t, "notified that it is in no list", d.notified(), []string{"s-0"})
		d.register.read(id(0), nps.Session{ID: id(0), Status: "Dreaming"}, time.Now(), false)
		d.take()
		d.after(t, 5*time.Second)
		if asked := d.take(); !slices.Contains(asked, id(0)) {
			t.Errorf("asked for %v", asked)
		}
		want(t, "notified of nothing new", d.notified(), nil)
		b.set(id(0), "Waking")
		d.after(t, 5*time.Second)
		want(t, "notified of another state", d.notified(), []string{"s-0"})
	})
}

func TestPollerWithoutLists(t *testing.T) {
	for name, status := range map[string]int{
		"forbidden": 403, "not found": 404, "not allowed": 405, "not implemented": 501, "in trouble, always": 500,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBoard(5, nps.StatusActive)
			b.failing(func(what string) error {
				if slices.Contains(everyList, what) {
					return &rest.Error{Status: status, Sent: true}
				}
				return nil
			})
			inDesk(t, b, func(d *desk) {
				t := d.t
				for i := range 5 {
					d.begin(i, nps.StatusActive, time.Time{})
				}
				d.after(t, 2*time.Minute)
				d.notified()
				b.set(id(3), nps.StatusComplete)
				d.after(t, 20*time.Second)
				want(t, "notified", d.notified(), []string{"s-3"})
				b.failing(nil)
				d.take()
				d.after(t, 10*time.Minute)
				if asked := d.take(); !slices.Contains(asked, "Active") {
					t.Errorf("the list was not asked for again: %v", asked)
				}
			})
		})
	}
}

// Without lists the cost grows with the sessions, so it is bounded: some in each round, and all of them in their turn.
func TestPollerWithoutListsReadsSomeInEachRound(t *testing.T) {
	const sessions = 3 * maxSingleReads
	b := newBoard(sessions, nps.StatusActive)
	b.failing(func(what string) error {
		if slices.Contains(everyList, what) {
			return &rest.Error{Status: 403, Sent: true}
		}
		return nil
	})
	inDesk(t, b, func(d *desk) {
		t := d.t
		for i := range sessions {
			d.begin(i, nps.StatusActive, time.Time{})
		}
		d.after(t, time.Second)
		d.take()
		read := map[string]bool{}
		for range 4 {
			d.after(t, 15*time.Second)
			asked := slices.DeleteFunc(d.take(), func(what string) bool { return slices.Contains(everyList, what) })
			if len(asked) == 0 || len(asked) > maxSingleReads {
				t.Errorf("%d reads in a round, want some and at most %d", len(asked), maxSingleReads)
			}
			for _, id := range asked {
				read[id] = true
			}
		}
		if len(read) != sessions {
			t.Errorf("%d of %d sessions were read in four rounds", len(read), sessions)
		}
	})
}

func TestPollerNotifiesOfTroubleOnceAndOfItsEnd(t *testing.T) {
	b := newBoard(3, nps.StatusActive)
	inDesk(t, b, func(d *desk) {
		t := d.t
		everyone := []string{"s-0", "s-1", "s-2"}
		for i := range 3 {
			d.begin(i, nps.StatusActive, time.Time{})
		}
		d.after(t, time.Second)
		b.failing(func(string) error { return errors.New("connection refused") })
		d.after(t, 5*time.Minute)
		want(t, "notified of trouble", d.notified(), everyone)
		if _, _, err := d.sighting(t.Context(), id(0)); !IsTrouble(err) {
			t.Errorf("got %v", err)
		}
		if asked := d.take(); len(asked) > 30 {
			t.Errorf("asked %d times", len(asked))
		}
		b.failing(nil)
		d.after(t, 16*time.Second)
		want(t, "notified of its end", d.notified(), everyone)
	})
}

func TestPollerDoesNotNotifyOfAHiccup(t *testing.T) {
	b := newBoard(1, nps.StatusActive)
	inDesk(t, b, func(d *desk) {
		t := d.t
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(t, time.Second)
		once := sync.OnceValue(func() error { return errors.New("recycled") })
		failed := false
		b.failing(func(string) error {
			if failed {
				return nil
			}
			failed = true
			return once()
		})
		d.after(t, time.Minute)
		want(t, "notified", d.notified(), nil)
	})
}

func TestPollerStopsWithTheLastAndBeginsAgain(t *testing.T) {
	inDesk(t, newBoard(2, nps.StatusActive), func(d *desk) {
		t := d.t
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(t, time.Second)
		d.Unfollow(object(0))
		d.take()
		d.after(t, time.Hour)
		want(t, "asked", d.take(), nil)
		d.begin(1, nps.StatusActive, time.Time{})
		d.after(t, time.Second)
		want(t, "asked", d.take(), everyList)
	})
}

// A server may list thousands of sessions with long texts that nobody has asked for.
func TestPollerKeepsLittleOfWhatNobodyFollows(t *testing.T) {
	for name, c := range map[string]struct{ note, want int }{
		"ordinary sessions": {note: 500, want: 2000}, "long texts": {note: 8 << 10, want: 454},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBoard(2500, nps.StatusActive)
			for i := range 2500 {
				b.note(id(i), fmt.Sprintf("%0*d", c.note, i))
			}
			inDesk(t, b, func(d *desk) {
				memory := rest.NewBudget(192<<20).Share("team", MaxStrangersMemory, "")
				d.register.countIn(memory)
				d.begin(0, nps.StatusActive, time.Time{})
				for range 2 { // the second round does not count them again
					d.after(d.t, DefaultPollActive)
				}
				want(t, "remembered", len(d.register.sightings)-1, c.want)
				if used := memory.Used(); used < int64(c.want*c.note) || used > MaxStrangersMemory {
					t.Errorf("%d bytes are counted", used)
				}
				d.Unfollow(object(0))
				d.Use(b, nil) // another user
				want(t, "counted", memory.Used(), 0)
			})
		})
	}
}

// An object whose deletion is forced may be in the middle of a reconcile.
func TestPollerKeepsNobodyWaitingWhenItStops(t *testing.T) {
	inDesk(t, newBoard(1, nps.StatusActive), func(d *desk) {
		t := d.t
		ctx, giveUp := context.WithTimeout(t.Context(), time.Hour)
		defer giveUp()
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(t, time.Second)
		var all sync.WaitGroup
		all.Go(func() {
			if _, ok, err := d.sightingSince(ctx, id(0), time.Now()); ok || err != nil {
				t.Errorf("since: %t, %v", ok, err)
			}
		})
		synctest.Wait()
		d.Unfollow(object(0))
		all.Wait()
		d.register.reset()
		if _, ok, err := d.sighting(ctx, id(0)); ok || err != nil {
			t.Errorf("at all: %t, %v", ok, err)
		}
	})
}

func TestPollerOfAnotherUserBeginsAnew(t *testing.T) {
	inDesk(t, newBoard(1, nps.StatusActive), func(d *desk) {
		t := d.t
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(t, time.Second)
		other := newBoard(0, nps.StatusActive)
		d.Use(other, nil)
		d.after(t, time.Second)
		want(t, "notified", d.notified(), []string{"s-0"})
		if _, ok, err := d.sighting(t.Context(), id(0)); ok || err != nil {
			t.Errorf("goes by what another user saw: %t, %v", ok, err)
		}
	})
}

func TestPollerMakesTheFirstLookersWaitForOneRound(t *testing.T) {
	inDesk(t, newBoard(100, nps.StatusActive), func(d *desk) {
		t := d.t
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				d.begin(i, nps.StatusActive, time.Time{})
				if _, ok, err := d.sighting(t.Context(), id(i)); !ok || err != nil {
					t.Errorf("%d: %t, %v", i, ok, err)
				}
			})
		}
		all.Wait()
		want(t, "asked", d.take(), everyList)
	})
}

func TestPollerFindsCopies(t *testing.T) {
	b := newBoard(1, nps.StatusActive)
	inDesk(t, b, func(d *desk) {
		t := d.t
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(t, time.Second)
		b.set("copy", nps.StatusPending)
		b.note("copy", "again pam/"+id(0))
		b.set("over", nps.StatusComplete)
		b.note("over", "pam/"+id(0))
		d.after(t, 15*time.Second)
		want(t, "notified", d.notified(), []string{"s-0"})
		want(t, "copies", d.register.takeCopies(object(0)), []string{"copy"})
		want(t, "copies, once taken", d.register.takeCopies(object(0)), nil)
	})
}

func TestPollerDoesNotTakeAnIDInAnotherCaseForACopy(t *testing.T) {
	b := newBoard(0, nps.StatusActive)
	b.set("ABC", nps.StatusActive)
	inDesk(t, b, func(d *desk) {
		t := d.t
		d.Follow(Followed{Object: object(0), RequestID: "pam/ABC", SessionID: "abc", Status: nps.StatusActive})
		d.after(t, time.Minute)
		want(t, "notified", d.notified(), nil)
	})
}

func TestPollerReadsFewOfALongListByTheirIDs(t *testing.T) {
	inDesk(t, newBoard(1000, nps.StatusActive), func(d *desk) {
		t := d.t
		for i := range 1000 {
			fast := time.Time{}
			if i == 0 {
				fast = time.Unix(0, 0)
			}
			d.begin(i, nps.StatusActive, fast)
		}
		d.after(t, time.Second)
		d.take()
		d.after(t, 5*time.Second)
		for _, asked := range d.take() {
			if asked != id(0) {
				t.Errorf("asked for %s", asked)
			}
		}
	})
}

// Where the other lists have 12 pages (970 active sessions are 10 of them), 12 reads by id cost no more, and do not
// wait for each other.
func TestPollerReadsLongListsForManyMovedSessionsOnly(t *testing.T) {
	for name, tt := range map[string]struct {
		moved int
		want  []string
	}{
		"as many as pages": {12, []string{"Pending"}},
		"more than pages":  {13, []string{"Pending", "ApprovalRequired", "Active", "Cancelling"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBoard(1000, nps.StatusActive)
			for i := range 30 {
				b.set(id(i), nps.StatusPending)
			}
			inDesk(t, b, func(d *desk) {
				t := d.t
				for i := range 30 {
					d.begin(i, nps.StatusPending, time.Unix(0, 0))
				}
				d.after(t, 3*time.Second)
				d.take()
				for i := range tt.moved {
					b.set(id(i), nps.StatusActive)
				}
				d.after(t, 2100*time.Millisecond)
				want(t, "asked", d.take(), tt.want)
				want(t, "how many were notified", len(d.notified()), tt.moved)
			})
		})
	}
}
