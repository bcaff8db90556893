// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

func TestPollerLooksAgainOnceForAllWhoAsk(t *testing.T) {
	inDesk(t, newBoard(3, nps.StatusActive), func(d *desk) {
		for i := range 3 {
			d.begin(i, nps.StatusActive, time.Time{})
		}
		d.after(d.t, DefaultPollActive)
		d.after(d.t, DefaultPollStarting)
		d.take()
		asked := time.Now()
		<-time.After(time.Millisecond)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				s, ok, err := d.sightingSince(d.t.Context(), id(i%3), asked)
				if err != nil || !ok || !s.At.After(asked) {
					t.Errorf("seen at %s, %t, %v", s.At, ok, err)
				}
			})
		}
		wg.Wait()
		want(t, "calls", len(d.take()), len(liveLists))
		if took := time.Since(asked); took > DefaultPollStarting {
			t.Errorf("they waited for %s", took)
		}
	})
}

func TestPollerDoesNotLookMoreOftenThanItsPaceAllows(t *testing.T) {
	inDesk(t, newBoard(1, nps.StatusActive), func(d *desk) {
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(d.t, DefaultPollActive)
		d.take()
		const looks = 10
		began := time.Now()
		for range looks {
			asked := time.Now()
			<-time.After(time.Millisecond)
			if _, ok, err := d.sightingSince(d.t.Context(), id(0), asked); err != nil || !ok {
				d.t.Fatal(ok, err)
			}
		}
		want(t, "calls", len(d.take()), looks*len(liveLists))
		if took := time.Since(began); took < (looks-1)*DefaultPollStarting {
			t.Errorf("%d looks in %s", looks, took)
		}
	})
}

func TestPollerSaysThatNoListHasASession(t *testing.T) {
	inDesk(t, newBoard(1, nps.StatusActive), func(d *desk) {
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(d.t, DefaultPollActive)
		asked := time.Now()
		<-time.After(time.Millisecond)
		if _, ok, err := d.sightingSince(d.t.Context(), "another", asked); err != nil || ok {
			t.Errorf("got %t, %v", ok, err)
		}
	})
}

func TestPollerInTroubleDoesNotLookForAnybody(t *testing.T) {
	inDesk(t, newBoard(1, nps.StatusActive), func(d *desk) {
		d.begin(0, nps.StatusActive, time.Time{})
		d.after(d.t, DefaultPollActive)
		trouble := errors.New("no answer")
		d.failing(func(string) error { return trouble })
		asked := time.Now()
		<-time.After(time.Millisecond)
		if _, _, err := d.sightingSince(d.t.Context(), id(0), asked); !errors.Is(err, trouble) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(d.t.Context())
		cancel()
		d.failing(nil)
		if _, _, err := d.sightingSince(ctx, id(0), time.Now()); err == nil {
			t.Error("it looked although nobody waits")
		}
	})
}

func TestPollerLeavesTheSessionThatIsKept(t *testing.T) {
	r := newSessionRegister()
	r.remember(Departed{Object: object(0), RequestID: "pam/1", Kept: "ID-0"})
	for _, session := range []string{"id-0", "id-1"} {
		r.matchNote(nps.Summary{ID: session, Status: nps.StatusActive, Note: "pam/1"})
	}
	strays := r.takeStrays()
	if _, ended := strays["id-0"]; ended || len(strays) != 1 {
		t.Errorf("these are to be ended: %v", strays)
	}
}
