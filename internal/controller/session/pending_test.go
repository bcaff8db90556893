// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
)

func TestUntilLookEndsWhenTheRequestHasSettled(t *testing.T) {
	elapsed, looks := time.Duration(0), 0
	for {
		pause := untilLook(elapsed, loop.DefaultSecondLook, loop.DefaultRecoveryWindow)
		if pause == 0 {
			break
		}
		if elapsed, looks = elapsed+pause, looks+1; looks > 10 {
			t.Fatal("it looks for ever")
		}
	}
	if elapsed < loop.DefaultRecoveryWindow || elapsed > loop.DefaultRecoveryWindow+time.Second || looks < 4 {
		t.Errorf("%d looks in %s", looks, elapsed)
	}
}

// TestASearchCountsFromItsBeginning: one that ends after the recovery window may have read its lists before the server
// had finished.
func TestASearchCountsFromItsBeginning(t *testing.T) {
	b, s := newBase(loop.Deps{Options: loop.Options{}.WithDefaults()}), &pamv1alpha1.ActivitySession{}
	s.UID = "uid"
	now := noon
	b.now = func() time.Time { return now }
	b.sentAt(s)
	now = noon.Add(2 * loop.DefaultRecoveryWindow)
	for began, again := range map[time.Duration]bool{
		0: true, loop.DefaultRecoveryWindow - time.Second: true, loop.DefaultRecoveryWindow: false,
	} {
		if next := b.untilNextSearch(s, noon.Add(began)); (next > 0) != again {
			t.Errorf("a search that began after %s: the next one in %s", began, next)
		}
	}
	started := newBase(b.Deps) // another process, which counts from now
	if started.now = b.now; started.untilNextSearch(s, now.Add(-time.Second)) <= 0 {
		t.Error("a process that has just begun to wait does not search again")
	}
}

func TestPendingDeadlineComesAndNeverMovesAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := &pamv1alpha1.ActivitySession{}, noon
		s.UID = "uid"
		if rapid.Bool().Draw(t, "scheduled") {
			s.Spec.StartTime = &metav1.Time{Time: noon.Add(48 * time.Hour)}
		}
		for range rapid.IntRange(1, 20).Draw(t, "passes") {
			before := s.Status.Deadline
			if rapid.Bool().Draw(t, "sent") {
				s.Status.RequestID, s.Finalizers = loop.NewRequestID(s), []string{pamv1alpha1.Finalizer}
			}
			s.Status.Deadline = at(pendingDeadline(s, now))
			end := s.Status.Deadline.Time
			switch {
			case before != nil && end.After(before.Time):
				t.Fatal("the deadline moved away")
			case loop.RequestID(s) != "" && end.After(now.Add(refusalPatience)):
				t.Fatal("a request that was sent has more than its time")
			case end.After(noon.Add(48*time.Hour + requestPatience)):
				t.Fatal("the deadline is too far away")
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "minutes")) * time.Minute)
		}
	})
}

// TestEveryPhaseHasAWayOut is about the clock: for each phase that is not the last one there is a moment at which a
// pass is made, and that pass decides.
func TestEveryPhaseHasAWayOut(t *testing.T) {
	for _, phase := range pamv1alpha1.AllSessionPhases() {
		if phase.Terminal() {
			continue
		}
		t.Run(string(phase), func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			enterPhase(s, phase, "", noon)
			s.Status.StartTime = &metav1.Time{Time: noon.Add(time.Hour)}
			s.Status.Deadline = deadline(s, moment{local: noon})
			switch phase {
			case pamv1alpha1.SessionPending:
				s.Status.Deadline = at(pendingDeadline(s, noon))
			case pamv1alpha1.SessionActive:
				s.Status.ExpiresAt = &metav1.Time{Time: noon.Add(time.Hour)}
			}
			now, moments := noon, 0
			for next := untilNext(s, now, moment{local: now}); next > 0; next = untilNext(s, now, moment{local: now}) {
				if now, moments = now.Add(next), moments+1; moments > 10 {
					t.Fatal("it wakes for ever")
				}
			}
			if moments == 0 || !decides(s, moment{local: now}) {
				t.Errorf("%d moments, and nothing is decided at %s", moments, now)
			}
		})
	}
}

func TestWhatBecomesDueDuringAPassIsDueAtOnce(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := &pamv1alpha1.ActivitySession{}
	s.Status.Phase, s.Status.Deadline = pamv1alpha1.SessionStarting, &metav1.Time{Time: noon.Add(time.Second)}
	for name, c := range map[string]struct {
		began, now time.Duration
		want       time.Duration
	}{
		"it is to come":               {0, 300 * time.Millisecond, 700 * time.Millisecond},
		"it came during the pass":     {0, 1500 * time.Millisecond, time.Millisecond},
		"it had come before the pass": {2 * time.Second, 3 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := untilNext(s, noon.Add(c.began), moment{local: noon.Add(c.now)}); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestWhichSessionMayBeTheRequestedOne(t *testing.T) {
	s := &pamv1alpha1.ActivitySession{}
	s.UID = "0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01"
	s.Spec.Activity.Name, s.Spec.Resource = "Linux root", &pamv1alpha1.NamedOrID{Name: "db1"}
	twin := nps.Summary{ActivityName: "linux ROOT", ManagedResourceID: "1", ManagedResourceName: "DB1"}
	for name, c := range map[string]struct {
		change func(*nps.Summary)
		want   bool
	}{
		"the same without a note":      {func(*nps.Summary) {}, true},
		"another activity":             {func(x *nps.Summary) { x.ActivityName = "Linux" }, false},
		"an activity that is not told": {func(x *nps.Summary) { x.ActivityName = "" }, true},
		"another resource":             {func(x *nps.Summary) { x.ManagedResourceName = "db2" }, false},
		"somebody's own note":          {func(x *nps.Summary) { x.Note = "mine" }, false},
		"too little of our id":         {func(x *nps.Summary) { x.Note = "pam-operator/0b5e" }, true},
		"too little of another id":     {func(x *nps.Summary) { x.Note = "pam-operator/1b5e" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := twin
			c.change(&x)
			if got := mayBe(s, x.Session()); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
	s.Spec.Resource, s.Spec.Credential = nil, &pamv1alpha1.CredentialSelector{}
	if mayBe(s, twin.Session()) {
		t.Error("a session on a resource is not one for a credential")
	}
}
