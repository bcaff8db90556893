// SPDX-License-Identifier: Apache-2.0

package session

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestATimeOfDayIsNeverTakenForTheLongerSessionUnasked(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CEST", 2*60*60)
	on := func(day, hour, minute, second int) time.Time {
		return time.Date(2026, 8, day, hour, minute, second, 0, zone)
	}
	for name, c := range map[string]struct {
		text string
		now  time.Time
		want time.Time // zero if it is refused
		err  string
	}{
		"later today":                {"15:30", on(20, 14, 0, 0), on(20, 15, 30, 0), ""},
		"much later today":           {"23:30", on(20, 1, 0, 0), on(20, 23, 30, 0), ""},
		"past midnight":              {"00:30", on(20, 23, 50, 0), on(21, 0, 30, 0), ""},
		"tomorrow morning":           {"08:00", on(20, 23, 0, 0), on(21, 8, 0, 0), ""},
		"a minute too late":          {"05:23", on(20, 5, 24, 16), time.Time{}, "--to 2026-08-21T05:23:00+02:00"},
		"in the minute that runs":    {"05:24", on(20, 5, 24, 16), time.Time{}, "has passed today, 16s ago"},
		"hours too late":             {"09:00", on(20, 14, 0, 0), time.Time{}, "5h ago"},
		"a whole time of yesterday":  {"2026-08-19T09:00:00+02:00", on(20, 14, 0, 0), on(19, 9, 0, 0), ""},
		"a whole time of tomorrow":   {"2026-08-21T05:23:00+02:00", on(20, 5, 24, 0), on(21, 5, 23, 0), ""},
		"something else than a time": {"soon", on(20, 14, 0, 0), time.Time{}, "must be a time"},
		"no time of day":             {"25:00", on(20, 14, 0, 0), time.Time{}, "such as 15:04"},
		"only an hour":               {"12", on(20, 14, 0, 0), time.Time{}, "such as 15:04"},
	} {
		at, err := parseTime(c.text, c.now)
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) || !at.Equal(c.want) {
			t.Errorf("%s: %s, %v, want %s, %q", name, at, err, c.want, c.err)
		}
	}
}

func TestASessionIsExtendedByItsServersClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, ahead := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute, 2 * time.Hour, -2 * time.Hour} {
		s := builder.ActivitySession("a", builder.Duration(time.Hour))
		s.Status.Phase = pamv1alpha1.SessionActive
		s.Status.ExpiresAt = &metav1.Time{Time: now.Add(20*time.Minute + ahead)}
		s.Status.ClockOffset = &metav1.Duration{Duration: ahead}
		o := &extendOptions{changing: changing{named: named{Frame: &frame.Frame{Now: func() time.Time { return now }}}}}
		o.to = "12:30"
		if got, err := o.duration(s); err != nil || got != 70*time.Minute {
			t.Errorf("%s ahead: to 12:30: %s, %v, want 1h10m", ahead, got, err)
		}
		o.to = "12:19"
		if got, err := o.duration(s); err == nil {
			t.Errorf("%s ahead: shortened to %s", ahead, got)
		}
		if got, want := Ends(s, now), "ends 12:20:00 (20m)"; got != want {
			t.Errorf("%s ahead: %q, want %q", ahead, got, want)
		}
	}
}
