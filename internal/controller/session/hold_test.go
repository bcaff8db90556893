// SPDX-License-Identifier: Apache-2.0

package session

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestAnObjectWithAnotherOnesRequestIDSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"pam-operator/43a54a6d-1ba3-4b98-a2eb-552e03c60766/1": "is of object 43a54a6d-1ba3-4b98-a2eb-552e03c60766, so",
		"an id of my own":        `has the value "an id of my own", which is of another object`,
		"a/b":                    `has the value "a/b"`,
		"pam-operator/a\x1bb/1":  `has the value "pam-operator/ab/1"`,
		strings.Repeat("x", 999): `has the value "` + strings.Repeat("x", 61) + `…"`,
	} {
		got := copiedMessage(id)
		if !strings.Contains(got, want) || !strings.HasSuffix(got, "remove the annotation") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What may change while an object lives is no other request, and everything else is.
func TestWhatMakesAnotherRequest(t *testing.T) {
	t.Parallel()
	same := map[string]func(*pamv1alpha1.ActivitySession){
		"cancel":         func(s *pamv1alpha1.ActivitySession) { s.Spec.Cancel = new(true) },
		"suspend":        func(s *pamv1alpha1.ActivitySession) { s.Spec.Suspend = new(true) },
		"duration":       func(s *pamv1alpha1.ActivitySession) { s.Spec.Duration = &metav1.Duration{Duration: time.Hour} },
		"deletionPolicy": func(s *pamv1alpha1.ActivitySession) { s.Spec.DeletionPolicy = "Keep" },
		"ttl":            func(s *pamv1alpha1.ActivitySession) { s.Spec.TTLSecondsAfterFinished = new(int32(1)) },
		"labels":         func(s *pamv1alpha1.ActivitySession) { s.Labels = map[string]string{"a": "b"} },
	}
	other := map[string]func(*pamv1alpha1.ActivitySession){
		"runID":    func(s *pamv1alpha1.ActivitySession) { s.Spec.RunID = "2" },
		"resource": func(s *pamv1alpha1.ActivitySession) { s.Spec.Resource.Name = "other" },
		"note":     func(s *pamv1alpha1.ActivitySession) { s.Spec.Note = "other" },
		"boundTo":  func(s *pamv1alpha1.ActivitySession) { builder.BoundToJob("a")(s) },
	}
	base := spentRequest(builder.ActivitySession("a"))
	for what, change := range same {
		s := builder.ActivitySession("a")
		if change(s); !cmp.Equal(base, spentRequest(s)) {
			t.Errorf("%s makes another request", what)
		}
	}
	for what, change := range other {
		s := builder.ActivitySession("a")
		if change(s); cmp.Equal(base, spentRequest(s)) {
			t.Errorf("%s makes no other request", what)
		}
	}
}

func TestWhoHadASession(t *testing.T) {
	t.Parallel()
	sent := func(phase pamv1alpha1.SessionPhase, failure string) *pamv1alpha1.ActivitySession {
		s := builder.ActivitySession("a")
		s.Finalizers = []string{pamv1alpha1.Finalizer}
		s.Status.RequestID, s.Status.Phase = "pam-operator//1", phase
		if failure != "" {
			s.Status.Failure = newFailure(failure, "")
		}
		return s
	}
	for what, c := range map[string]struct {
		session *pamv1alpha1.ActivitySession
		id      string
		want    bool
	}{
		"nothing was sent":                 {builder.ActivitySession("a"), "", false},
		"the session is known":             {sent(pamv1alpha1.SessionActive, ""), "id", true},
		"the session is over":              {sent(pamv1alpha1.SessionCompleted, ""), "id", true},
		"the answer did not come yet":      {sent(pamv1alpha1.SessionPending, ""), "", true},
		"the answer never came":            {sent(pamv1alpha1.SessionFailed, pamv1alpha1.FailureOutcomeUnknown), "", true},
		"the server refused":               {sent(pamv1alpha1.SessionFailed, pamv1alpha1.FailureRejected), "", false},
		"it was cancelled after a refusal": {sent(pamv1alpha1.SessionCancelled, ""), "", false},
	} {
		c.session.Status.SessionID = c.id
		if got := mayHaveHadSession(c.session); got != c.want {
			t.Errorf("%s: got %v", what, got)
		}
	}
}
