// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
)

func TestWhoEndedASessionEarly(t *testing.T) {
	job := &pamv1alpha1.Workload{APIVersion: "batch/v1", Kind: "Job", Name: "work"}
	ending := func(why string) []pamv1alpha1.SessionTransition {
		return []pamv1alpha1.SessionTransition{{Phase: pamv1alpha1.SessionEnding, Message: why}}
	}
	for name, c := range map[string]struct {
		cancel  bool
		bound   *pamv1alpha1.Workload
		history []pamv1alpha1.SessionTransition
		by      string
		want    string
	}{
		"its author, while it waited for approval": {cancel: true, by: "id-of-our-account", want: "spec.cancel is set"},
		"the end of its workload": {
			bound: job, history: ending("Job work has finished"), by: "id-of-our-account", want: "Job work has finished",
		},
		"an administrator":                         {by: "ann", want: "ended by an administrator (ann)"},
		"an administrator, while its workload ran": {bound: job, by: "ann", want: "ended by an administrator (ann)"},
		"an administrator, of whom there is a message": {
			bound: job, history: ending("is ending"), by: "ann", want: "ended by an administrator (ann)",
		},
		"somebody whom the server does not name": {want: "cancelled, it says"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			s.Spec.Cancel, s.Spec.BoundTo, s.Status.History = &c.cancel, c.bound, c.history
			got := transitionOf(s, nps.Session{
				Status: nps.StatusCancelled, CancelledBy: c.by, StatusDescription: "cancelled, it says",
			}, noon)
			if got.phase != pamv1alpha1.SessionCancelled || got.message != c.want {
				t.Errorf("got %s, %q", got.phase, got.message)
			}
		})
	}
}

func TestWhyASessionEndedBeforeItsWorkload(t *testing.T) {
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(d)} }
	for name, c := range map[string]struct {
		message    string
		extension  *pamv1alpha1.Extension
		start, end *metav1.Time
		want       string
	}{
		"its duration has passed": {
			start: at(-time.Minute), end: at(0),
			want: "its duration of 1m0s has passed while Job payments/work still runs; " +
				"set a longer duration, or extension.mode: Automatic",
		},
		"its end has passed, and its start is not known": {
			end:  at(time.Second),
			want: "its time has passed while Job payments/work still runs; set a longer duration, or extension.mode: Automatic",
		},
		"it was extended as far as possible": {
			start: at(-time.Minute), end: at(0), extension: &pamv1alpha1.Extension{Mode: pamv1alpha1.ExtensionAutomatic},
			want: "its duration of 1m0s has passed while Job payments/work still runs; " +
				"the server, or a grant of the connection, did not allow a later end",
		},
		"somebody ended it at the server": {
			end: at(-time.Minute), want: "it was ended at the server while Job payments/work still runs",
		},
		"an administrator ended it": {
			message: "ended by an administrator (ann)", end: at(0),
			want: "ended by an administrator (ann) while Job payments/work still runs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			s.Namespace, s.Spec.Extension = "payments", c.extension
			s.Spec.BoundTo = &pamv1alpha1.Workload{APIVersion: "batch/v1", Kind: "Job", Name: "work"}
			s.Status.StartTime, s.Status.EndTime, s.Status.ExpiresAt = c.start, c.end, at(0)
			got := tooEarly(s, c.message)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for _, out := range []bool{completed(got).Warn, cancelled(got).Warn} {
				if !out {
					t.Error("it is no warning")
				}
			}
		})
	}
	for _, message := range []string{"", "Activity session completed.", "spec.cancel is set"} {
		if completed(message).Warn || cancelled(message).Warn {
			t.Errorf("%q is a warning", message)
		}
	}
}
