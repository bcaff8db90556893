// SPDX-License-Identifier: Apache-2.0

package run

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestSomethingEndsEverySession(t *testing.T) {
	t.Parallel()
	here := pod{"pod", builder.DefaultNamespace, "uid"}
	job := builder.BoundToJob("job")
	for name, c := range map[string]struct {
		plan
		template builder.Option
		// boundTo, duration and extension are what the session has then.
		boundTo, extension string
		duration           time.Duration
		grows              bool
		err                string
	}{
		"elsewhere":             {plan: plan{}, duration: 30 * time.Minute, grows: true},
		"elsewhere, for less":   {plan: plan{limits: limits{maximum: time.Minute}}, duration: time.Minute, grows: true},
		"elsewhere, for longer": {plan: plan{}, template: builder.Duration(time.Hour), duration: time.Hour, grows: true},
		"in a Pod":              {plan: plan{here: here}, boundTo: "pod", extension: "Automatic"},
		"in a Pod, for a time": {
			plan: plan{here: here}, template: builder.Duration(time.Hour), boundTo: "pod", duration: time.Hour,
		},
		"in a Pod, and not of it": {plan: plan{here: here, bind: bindNone}, duration: 30 * time.Minute, grows: true},
		"in a Pod elsewhere":      {plan: plan{here: pod{"pod", "elsewhere", ""}}, duration: 30 * time.Minute, grows: true},
		"in a Pod of a Job":       {plan: plan{here: here}, template: job, boundTo: "job"},
		"left to a Pod":           {plan: plan{here: here, leave: true}, boundTo: "pod", extension: "Automatic"},
		"left to nothing":         {plan: plan{leave: true}, err: "nothing would end the session"},
		"of a Pod that is none":   {plan: plan{bind: bindPod}, err: "POD_NAME"},
		"of a Pod elsewhere": {
			plan: plan{bind: bindPod, here: pod{"pod", "elsewhere", ""}}, err: "elsewhere: use --namespace",
		},
		"in a Pod, with a maximum": {plan: plan{here: here, limits: limits{maximum: time.Hour}}, err: "--max-duration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := builder.ActivitySession("a")
			if c.template != nil {
				s = builder.ActivitySession("a", c.template)
			}
			grows, err := c.apply(s)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Error(err)
				}
				return
			}
			if err != nil || grows != c.grows {
				t.Error(grows, err)
			}
			expectLasting(t, s, c.boundTo, c.extension, c.duration)
		})
	}
}

func expectLasting(t *testing.T, s *pamv1alpha1.ActivitySession, boundTo, extension string, lasts time.Duration) {
	t.Helper()
	if got := s.Spec.BoundTo; (got != nil) != (boundTo != "") || got != nil && got.Name != boundTo {
		t.Errorf("bound to %+v", got)
	}
	if got := s.Spec.Extension; (got != nil) != (extension != "") || got != nil && string(got.Mode) != extension {
		t.Errorf("extension %+v", got)
	}
	if got := s.Spec.Duration; (got != nil) != (lasts > 0) || got != nil && got.Duration != lasts {
		t.Errorf("duration %+v", got)
	}
}

func TestASessionGrowsByAStepAtATime(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute, 2 * time.Hour, -2 * time.Hour} {
		t.Run("the server's clock is "+ahead.String()+" ahead", func(t *testing.T) {
			t.Parallel()
			expectGrowth(t, ahead)
		})
	}
}

func expectGrowth(t *testing.T, ahead time.Duration) {
	t.Helper()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	lasting := func(duration, left time.Duration) *pamv1alpha1.ActivitySession {
		s := builder.ActivitySession("a", builder.Duration(duration))
		s.Status.Phase = pamv1alpha1.SessionActive
		s.Status.ExpiresAt = &metav1.Time{Time: now.Add(left + ahead)}
		s.Status.ClockOffset = &metav1.Duration{Duration: ahead}
		return s
	}
	for name, c := range map[string]struct {
		maximum, duration, left time.Duration
		want                    time.Duration
	}{
		"not yet":            {0, 30 * time.Minute, 10 * time.Minute, 0},
		"now":                {0, 30 * time.Minute, 4 * time.Minute, 56 * time.Minute},
		"up to the maximum":  {40 * time.Minute, 30 * time.Minute, 4 * time.Minute, 40 * time.Minute},
		"not beyond":         {30 * time.Minute, 30 * time.Minute, 4 * time.Minute, 0},
		"four hours at most": {0, 4 * time.Hour, time.Minute, 0},
	} {
		g := growth{limits: limits{maximum: c.maximum}}
		s := lasting(c.duration, c.left)
		got := g.next(s, now)
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got == 0 {
			continue
		}
		g.note(s, got)
		if again := g.next(s, now); again != 0 || !g.stuck(lasting(c.duration, c.left), now.Add(c.left-time.Second)) {
			t.Errorf("%s: asked again for %s", name, again)
		}
		extended := lasting(got, c.left+got-c.duration)
		if g.stuck(extended, now) || c.maximum == 0 && g.next(extended, now.Add(c.left+got-c.duration)) == 0 {
			t.Errorf("%s: does not grow again", name)
		}
	}
}
