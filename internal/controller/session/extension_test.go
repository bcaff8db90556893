// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

func TestAGrantClampsAnExtension(t *testing.T) {
	at := func(d time.Duration) nps.Time { return nps.Time{Time: noon.Add(d)} }
	hour := nps.Session{ScheduledStart: at(0), ScheduledEnd: at(time.Hour)}
	for name, c := range map[string]struct {
		limit   time.Duration
		session nps.Session
		wanted  int
		want    int
		why     bool
	}{
		"no limit":                    {session: hour, wanted: 6000, want: 6000},
		"less than is left":           {limit: 2 * time.Hour, session: hour, wanted: 30, want: 30},
		"more than is left":           {limit: 2 * time.Hour, session: hour, wanted: 6000, want: 60},
		"nothing is left":             {limit: time.Hour, session: hour, wanted: 30, why: true},
		"it lasts longer than it may": {limit: time.Minute, session: hour, wanted: 30, why: true},
		"less than a minute is left":  {limit: time.Hour + 59*time.Second, session: hour, wanted: 30, why: true},
		"nothing is wanted":           {limit: 2 * time.Hour, session: hour},
		"an end that is not told":     {2 * time.Hour, nps.Session{ScheduledStart: at(0)}, 5, 0, true},
		"a start that is not told":    {2 * time.Hour, nps.Session{ScheduledEnd: at(0)}, 5, 0, true},
		"a start that its creation tells": {
			limit: 2 * time.Hour, wanted: 6000, want: 60,
			session: nps.Session{CreatedAt: at(0), ScheduledEnd: at(time.Hour)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := durationBound{limit: c.limit, grant: "grants[0]"}.clamp(c.session, c.wanted)
			if got != c.want || (why != "") != c.why {
				t.Errorf("got %d, %q", got, why)
			}
		})
	}
}
