// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// reading is everything that passes decide by the clock.
type reading struct {
	Decides, Ends, Watched, Last, Overdue bool
	Next                                  time.Duration
	Fast, Deadline, Ended                 time.Time
	Phase                                 pamv1alpha1.SessionPhase
	// Start and End are what is asked for, by our clock.
	Start, End time.Time
}

// readingOf reads the clocks as the passes do. The times of the server in what is given are by its clock.
func readingOf(s *pamv1alpha1.ActivitySession, session nps.Session, m moment) reading {
	request := createRequest(s, m)
	back := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(-m.ahead)
	}
	out := reading{
		Decides: decides(s, m), Ends: endsSession(s, m), Watched: watched(s, m),
		Next: untilNext(s, m.local.Add(-time.Hour), m),
		Fast: changesFrom(s, m), Ended: endedAt(s, m), Start: back(request.Start), End: back(request.End),
	}
	if s.Status.ExpiresAt != nil {
		out.Last, out.Overdue = m.left(s.Status.ExpiresAt) < extendBefore, m.left(s.Status.ExpiresAt) < -endTimeout
	}
	out.Deadline = timeOf(deadline(s, m))
	out.Phase = transitionOf(s, session, m.server()).phase
	return out
}

// byClock is a time that the server tells: so long after noon by our clock.
func byClock(after, ahead time.Duration) *metav1.Time {
	return &metav1.Time{Time: noon.Add(after + ahead)}
}

func TestEverythingIsDueWhenItIsDueWhateverTheServersClockSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		second := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(-4*3600, 4*3600).Draw(t, "seconds")) * time.Second
		})
		start, expires, ended := second.Draw(t, "start"), second.Draw(t, "expires"), second.Draw(t, "ended")
		now, created := second.Draw(t, "now"), second.Draw(t, "created")
		phase := rapid.SampledFrom(pamv1alpha1.AllSessionPhases()).Draw(t, "phase")
		asked, has := second.Draw(t, "asked"), rapid.SliceOfN(rapid.Bool(), 5, 5).Draw(t, "has")
		read := func(ahead time.Duration) reading {
			s := &pamv1alpha1.ActivitySession{}
			s.UID, s.Finalizers = "uid", []string{pamv1alpha1.Finalizer}
			s.Status.RequestID, s.Status.SessionID = loop.NewRequestID(s), "session"
			enterPhase(s, phase, "", noon.Add(created))
			if has[0] {
				s.Status.StartTime = byClock(start, ahead)
			}
			if has[1] {
				s.Status.ExpiresAt = byClock(expires, ahead)
			}
			if has[2] {
				s.Status.EndTime = byClock(ended, ahead)
			}
			if has[3] {
				s.Spec.StartTime = &metav1.Time{Time: noon.Add(asked)}
			}
			if has[4] {
				s.Spec.Duration = &metav1.Duration{Duration: 10 * time.Minute}
			}
			session := nps.Session{Status: nps.StatusPending}
			session.ScheduledStart.Time = noon.Add(start + ahead)
			return readingOf(s, session, moment{noon.Add(now), ahead, true})
		}
		want := read(0)
		for _, ahead := range []time.Duration{
			-24 * time.Hour, -2 * time.Hour, -400 * time.Second, 400 * time.Second, 2 * time.Hour,
		} {
			if diff := cmp.Diff(want, read(ahead)); diff != "" {
				t.Fatalf("by a clock that is %s ahead (-without, +with):\n%s", ahead, diff)
			}
		}
	})
}

func TestTheEndOfASessionIsNotAfterItWasSeen(t *testing.T) {
	const seen = time.Minute
	for name, c := range map[string]struct {
		id      string
		known   bool
		ended   *metav1.Time
		history bool
		want    time.Duration
	}{
		"the server tells it by its clock": {
			"id", true, byClock(30*time.Second, time.Hour), true, 30 * time.Second,
		},
		"the server's clock is not known":                 {"id", false, byClock(-time.Hour, 0), true, seen},
		"it is after it was seen: the clock was put back": {"id", true, byClock(2*time.Hour, time.Hour), true, seen},
		"there never was a session: the time is ours":     {"", true, byClock(30*time.Second, 0), true, 30 * time.Second},
		"nothing says when it was seen": {
			"id", true, byClock(30*time.Second, time.Hour), false, 30 * time.Second,
		},
		"the server does not tell, and it was not written yet": {"id", true, nil, true, seen},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			s.Status.SessionID, s.Status.EndTime = c.id, c.ended
			if c.history {
				enterPhase(s, pamv1alpha1.SessionCompleted, "", noon.Add(seen))
			}
			m := moment{local: noon.Add(time.Hour), known: c.known}
			if c.known {
				m.ahead = time.Hour
			}
			if got := endedAt(s, m).Sub(noon); got != c.want {
				t.Errorf("%s after noon, want %s", got, c.want)
			}
		})
	}
}

func TestAStartThatAPersonHasGivenStaysAWholeHour(t *testing.T) {
	hour := noon.Add(time.Hour)
	for ahead, want := range map[time.Duration]time.Time{
		0: hour, 2 * time.Second: hour, -20 * time.Second: hour, 2 * time.Hour: hour.Add(2 * time.Hour),
	} {
		s := &pamv1alpha1.ActivitySession{}
		s.Spec.StartTime = &metav1.Time{Time: hour}
		if got := createRequest(s, moment{noon, ahead, true}).Start; !got.Equal(want) {
			t.Errorf("by a clock that is %s ahead: %s, want %s", ahead, got, want)
		}
	}
}

func TestByHowMuchASecretOutlivedItsSession(t *testing.T) {
	now := moment{local: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), ahead: time.Hour, known: true}
	theirs := func(ago time.Duration) *metav1.Time { return &metav1.Time{Time: now.server().Add(-ago)} }
	for name, c := range map[string]struct {
		status pamv1alpha1.ActivitySessionStatus
		want   time.Duration
	}{
		"the session is being ended": {pamv1alpha1.ActivitySessionStatus{
			Phase: pamv1alpha1.SessionEnding, SessionID: "1", ExpiresAt: theirs(-time.Hour),
		}, 0},
		"its end has passed, and the server is silent": {pamv1alpha1.ActivitySessionStatus{
			Phase: pamv1alpha1.SessionActive, SessionID: "1", ExpiresAt: theirs(time.Minute),
		}, time.Minute},
		"it ended early": {pamv1alpha1.ActivitySessionStatus{
			Phase: pamv1alpha1.SessionCancelled, SessionID: "1", ExpiresAt: theirs(-time.Hour), EndTime: theirs(time.Second),
		}, time.Second},
		"its end is not known": {pamv1alpha1.ActivitySessionStatus{Phase: pamv1alpha1.SessionActive, SessionID: "1"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := builder.ActivitySession("a")
			s.Status = c.status
			if got := outlived(s, now); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
