// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// anyStatus is a state of the server's, known or not.
func anyStatus() *rapid.Generator[nps.Status] {
	return rapid.SampledFrom([]nps.Status{
		nps.StatusApprovalRequired, nps.StatusPending, nps.StatusActive, nps.StatusCancelling, nps.StatusComplete,
		nps.StatusFailed, nps.StatusCancelled, nps.StatusApprovalDenied, nps.StatusApprovalFailed, "42", "Dreaming", "",
	})
}

func anySession() *rapid.Generator[nps.Session] {
	return rapid.Custom(func(t *rapid.T) nps.Session {
		start := noon.Add(time.Duration(rapid.IntRange(-120, 120).Draw(t, "start")) * time.Minute)
		session := nps.Session{
			ID: "id", Status: anyStatus().Draw(t, "status"), StatusDescription: rapid.String().Draw(t, "description"),
		}
		if rapid.Bool().Draw(t, "has a start") {
			session.ScheduledStart = nps.Time{Time: start}
		}
		if rapid.Bool().Draw(t, "has an end") {
			session.ScheduledEnd = nps.Time{Time: start.Add(time.Hour)}
		}
		if rapid.Bool().Draw(t, "has a profile") {
			session.Profile = &nps.Profile{MaxSessionLength: rapid.IntRange(-1, 60).Draw(t, "longest")}
		}
		return session
	})
}

func anyRequest() *rapid.Generator[*pamv1alpha1.ActivitySession] {
	return rapid.Custom(func(t *rapid.T) *pamv1alpha1.ActivitySession {
		s := &pamv1alpha1.ActivitySession{}
		s.Spec.Cancel = new(rapid.Bool().Draw(t, "cancel"))
		if rapid.Bool().Draw(t, "timeouts") {
			s.Spec.StartTimeout = &metav1.Duration{Duration: time.Second}
			s.Spec.ApprovalTimeout = &metav1.Duration{Duration: time.Second}
		}
		return s
	})
}

// observe does with an answer what the handlers do.
func observe(s *pamv1alpha1.ActivitySession, session nps.Session, now time.Time) {
	observeSession(&s.Status, session)
	if next := transitionOf(s, session, now); later(s.Status.Phase, next.phase) {
		takeStep(s, session, next, moment{local: now})
	}
	if s.Status.Deadline == nil && !s.Status.Phase.Terminal() {
		s.Status.Deadline = deadline(s, moment{local: now})
	}
}

func TestWhateverTheServerSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := anyRequest().Draw(t, "request"), noon
		enterPhase(s, pamv1alpha1.SessionPending, "", now)
		for _, session := range rapid.SliceOfN(anySession(), 1, 60).Draw(t, "answers") {
			before := s.Status.DeepCopy()
			observe(s, session, now)
			if err := wrong(before, &s.Status, now); err != "" {
				t.Fatal(err)
			}
			now = now.Add(time.Minute)
		}
	})
}

// wrong says what must never become of a status.
func wrong(before, after *pamv1alpha1.ActivitySessionStatus, now time.Time) string {
	was, is := before.Phase, after.Phase
	failed := is == pamv1alpha1.SessionFailed || is == pamv1alpha1.SessionDenied
	switch {
	case was != is && !later(was, is):
		return fmt.Sprintf("the phase went from %s back to %s", was, is)
	case is == pamv1alpha1.SessionPending:
		return "the server has the session, and the phase is Pending"
	case failed && after.Failure == nil:
		return fmt.Sprintf("%s without a failure", is)
	case len(after.History) > maxHistory:
		return "the history is longer than the API server takes"
	case slices.ContainsFunc(after.History, tooLong):
		return "a message of the history is longer than the API server takes"
	}
	return lasting(after, was != is, now)
}

func tooLong(step pamv1alpha1.SessionTransition) bool { return len(step.Message) > 512 }

// lasting says where a phase could last for ever.
func lasting(status *pamv1alpha1.ActivitySessionStatus, entered bool, now time.Time) string {
	switch {
	case status.Phase.Terminal():
	case status.Phase == pamv1alpha1.SessionActive && status.ExpiresAt == nil:
		return "Active has no expiry"
	case status.Phase != pamv1alpha1.SessionActive && status.Deadline == nil:
		return fmt.Sprintf("%s has no deadline", status.Phase)
	case entered && status.Deadline != nil && status.Deadline.Before(&metav1.Time{Time: now}):
		return fmt.Sprintf("%s was entered with a deadline that has passed", status.Phase)
	}
	return ""
}

func TestTheHistoryKeepsTheLastSteps(t *testing.T) {
	s := &pamv1alpha1.ActivitySession{}
	for i := range 3 * maxHistory {
		enterPhase(s, pamv1alpha1.SessionStarting, fmt.Sprint(i), noon)
	}
	first, last := s.Status.History[0].Message, s.Status.History[maxHistory-1].Message
	if diff := cmp.Diff([]any{maxHistory, "40", "59"}, []any{len(s.Status.History), first, last}); diff != "" {
		t.Error(diff)
	}
}

func TestTransitionOf(t *testing.T) {
	at := func(d time.Duration) nps.Time { return nps.Time{Time: noon.Add(d)} }
	for name, c := range map[string]struct {
		status  pamv1alpha1.ActivitySessionStatus
		cancel  bool
		session nps.Session
		want    pamv1alpha1.SessionPhase
		reason  string
	}{
		"pending for a later start is Scheduled": {
			session: nps.Session{Status: nps.StatusPending, ScheduledStart: at(time.Hour)}, want: pamv1alpha1.SessionScheduled,
		},
		"pending for a start that is as good as now is Starting": {
			session: nps.Session{Status: nps.StatusPending, ScheduledStart: at(soon)}, want: pamv1alpha1.SessionStarting,
		},
		"an unknown state of a new session is Starting, which has a deadline": {
			status:  pamv1alpha1.ActivitySessionStatus{Phase: pamv1alpha1.SessionPending},
			session: nps.Session{Status: "42"}, want: pamv1alpha1.SessionStarting,
		},
		"an unknown state leaves an active session active": {
			status:  pamv1alpha1.ActivitySessionStatus{Phase: pamv1alpha1.SessionActive},
			session: nps.Session{Status: "42"}, want: pamv1alpha1.SessionActive,
		},
		"complete is Completed": {
			session: nps.Session{Status: nps.StatusComplete}, want: pamv1alpha1.SessionCompleted,
		},
		"complete after we cancelled is Cancelled": {
			cancel: true, session: nps.Session{Status: nps.StatusComplete}, want: pamv1alpha1.SessionCancelled,
		},
		"cancelled at the server is Cancelled": {
			session: nps.Session{Status: nps.StatusCancelled, CancelledBy: "admin"}, want: pamv1alpha1.SessionCancelled,
		},
		"complete after a time-out is Failed": {
			status: pamv1alpha1.ActivitySessionStatus{
				Phase:   pamv1alpha1.SessionEnding,
				Failure: &pamv1alpha1.SessionFailure{Reason: pamv1alpha1.FailureStartTimeout, Message: "too late"},
			},
			session: nps.Session{Status: nps.StatusComplete}, want: pamv1alpha1.SessionFailed,
		},
		"failed after a time-out keeps the time-out's reason": {
			status: pamv1alpha1.ActivitySessionStatus{
				Phase:   pamv1alpha1.SessionEnding,
				Failure: &pamv1alpha1.SessionFailure{Reason: pamv1alpha1.FailureStartTimeout, Message: "too late"},
			},
			session: nps.Session{Status: nps.StatusFailed}, want: pamv1alpha1.SessionFailed,
			reason: pamv1alpha1.FailureStartTimeout,
		},
		"failed is Failed": {
			session: nps.Session{Status: nps.StatusFailed}, want: pamv1alpha1.SessionFailed,
			reason: pamv1alpha1.FailureProvisioningFailed,
		},
		"failed in use is Failed, and not for want of a start": {
			status: pamv1alpha1.ActivitySessionStatus{
				Phase:   pamv1alpha1.SessionActive,
				History: []pamv1alpha1.SessionTransition{{Phase: pamv1alpha1.SessionActive}},
			},
			session: nps.Session{Status: nps.StatusFailed}, want: pamv1alpha1.SessionFailed,
			reason: pamv1alpha1.FailureSessionFailed,
		},
		"denied is Denied": {
			session: nps.Session{Status: nps.StatusApprovalDenied}, want: pamv1alpha1.SessionDenied,
			reason: pamv1alpha1.FailureApprovalDenied,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{Status: c.status}
			s.Spec.Cancel = &c.cancel
			got, reason := transitionOf(s, c.session, noon), ""
			if got.failure != nil {
				reason = got.failure.Reason
			}
			if diff := cmp.Diff([]any{c.want, c.reason}, []any{got.phase, reason}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAssumeEnd(t *testing.T) {
	hour := &metav1.Time{Time: noon.Add(time.Hour)}
	for name, c := range map[string]struct {
		phase   pamv1alpha1.SessionPhase
		known   *metav1.Time
		wanted  *metav1.Duration
		profile *nps.Profile
		want    time.Time
	}{
		"an end that is known stays":  {phase: pamv1alpha1.SessionActive, known: hour, want: noon.Add(time.Hour)},
		"what is not active has none": {phase: pamv1alpha1.SessionStarting},
		"it is what was asked for": {
			phase: pamv1alpha1.SessionActive, wanted: &metav1.Duration{Duration: time.Minute}, want: noon.Add(time.Minute),
		},
		"it is what the profile allows": {
			phase: pamv1alpha1.SessionActive, profile: &nps.Profile{MaxSessionLength: 90}, want: noon.Add(90 * time.Minute),
		},
		"a profile without a length is none": {
			phase: pamv1alpha1.SessionActive, profile: &nps.Profile{}, want: noon.Add(24 * time.Hour),
		},
		"it is a day where nothing tells": {phase: pamv1alpha1.SessionActive, want: noon.Add(24 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			s.Spec.Duration, s.Status.Phase, s.Status.ExpiresAt = c.wanted, c.phase, c.known
			assumeEnd(s, nps.Session{Profile: c.profile}, moment{local: noon})
			if got := timeOf(s.Status.ExpiresAt); !got.Equal(c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	later := &metav1.Time{Time: noon.Add(time.Hour)}
	for name, c := range map[string]struct {
		phase pamv1alpha1.SessionPhase
		start *metav1.Time
		spec  pamv1alpha1.ActivitySessionSpec
		want  time.Time
	}{
		"approvers have a day":       {phase: pamv1alpha1.SessionWaitingForApproval, want: noon.Add(24 * time.Hour)},
		"the server has 5m to start": {phase: pamv1alpha1.SessionStarting, want: noon.Add(5 * time.Minute)},
		"the server has 5m from a start that is to come": {
			phase: pamv1alpha1.SessionScheduled, start: later, want: noon.Add(65 * time.Minute),
		},
		"a start that is to come counts while it is near, too": {
			phase: pamv1alpha1.SessionStarting, start: later, want: noon.Add(65 * time.Minute),
		},
		"startTimeout counts": {
			phase: pamv1alpha1.SessionStarting, want: noon.Add(time.Minute),
			spec: pamv1alpha1.ActivitySessionSpec{StartTimeout: &metav1.Duration{Duration: time.Minute}},
		},
		"the server has 5m to end":             {phase: pamv1alpha1.SessionEnding, want: noon.Add(5 * time.Minute)},
		"an active session ends at its expiry": {phase: pamv1alpha1.SessionActive},
		"what is over has none":                {phase: pamv1alpha1.SessionCompleted},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{Spec: c.spec}
			s.Status.Phase, s.Status.StartTime = c.phase, c.start
			var got time.Time
			if d := deadline(s, moment{local: noon}); d != nil {
				got = d.Time
			}
			if !got.Equal(c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestCreateRequest(t *testing.T) {
	const id = "11111111-2222-3333-4444-555555555555"
	for name, c := range map[string]struct {
		spec pamv1alpha1.ActivitySessionSpec
		want nps.CreateRequest
	}{
		"names, and now is left out": {
			spec: pamv1alpha1.ActivitySessionSpec{
				Activity: pamv1alpha1.NamedOrID{Name: "a"}, Resource: &pamv1alpha1.NamedOrID{Name: "r"},
				StartTime: &metav1.Time{Time: noon.Add(-time.Hour)}, Duration: &metav1.Duration{Duration: time.Hour},
			},
			want: nps.CreateRequest{ActivityName: "a", ManagedResourceName: "r", End: noon.Add(time.Hour)},
		},
		"ids, and a later start": {
			spec: pamv1alpha1.ActivitySessionSpec{
				Activity: pamv1alpha1.NamedOrID{ID: id}, Resource: &pamv1alpha1.NamedOrID{ID: id}, AccessPolicyID: new(id),
				StartTime: &metav1.Time{Time: noon.Add(time.Hour)}, Duration: &metav1.Duration{Duration: time.Hour},
			},
			want: nps.CreateRequest{
				ActivityID: id, ManagedResourceID: id, AccessPolicyID: id,
				Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour),
			},
		},
		"a credential by user name and domain, with custom fields": {
			spec: pamv1alpha1.ActivitySessionSpec{
				Activity:   pamv1alpha1.NamedOrID{Name: "a"},
				Credential: &pamv1alpha1.CredentialSelector{Username: "u", Domain: "d"}, Ticket: "T-1",
				CustomFields: []pamv1alpha1.CustomField{
					{PolicyID: id, Type: pamv1alpha1.CustomFieldInteger, Name: "n", Value: "1"},
					{PolicyID: id, Type: pamv1alpha1.CustomFieldOptions, Name: "o", Value: "x"},
				},
			},
			want: nps.CreateRequest{
				ActivityName: "a", CredentialUsername: "u", CredentialDomain: "d", Ticket: "T-1",
				CustomFields: []nps.CustomField{
					{PolicyID: id, Type: nps.CustomFieldInteger, Name: "n", Value: "1"},
					{PolicyID: id, Type: nps.CustomFieldOptions, Name: "o", Value: "x"},
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{Spec: c.spec}
			s.UID = "uid"
			c.want.Note = "pam-operator/uid/1"
			got := createRequest(s, moment{local: noon})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGrantRequest(t *testing.T) {
	credential := func(c pamv1alpha1.CredentialSelector) pamv1alpha1.ActivitySessionSpec {
		return pamv1alpha1.ActivitySessionSpec{Activity: pamv1alpha1.NamedOrID{Name: "a"}, Credential: &c}
	}
	for name, c := range map[string]struct {
		spec pamv1alpha1.ActivitySessionSpec
		want connection.Request
	}{
		"a resource by name": {
			pamv1alpha1.ActivitySessionSpec{
				Activity: pamv1alpha1.NamedOrID{Name: "a"}, Resource: &pamv1alpha1.NamedOrID{Name: "r"},
				Duration: &metav1.Duration{Duration: time.Hour},
			},
			connection.Request{Activity: "a", Resource: "r", Duration: time.Hour},
		},
		"ids say nothing": {
			pamv1alpha1.ActivitySessionSpec{
				Activity: pamv1alpha1.NamedOrID{ID: "i"}, Resource: &pamv1alpha1.NamedOrID{ID: "i"},
			},
			connection.Request{},
		},
		"a credential by name": {
			credential(pamv1alpha1.CredentialSelector{Name: "c"}), connection.Request{Activity: "a", Resource: "c"},
		},
		"a credential by id": {credential(pamv1alpha1.CredentialSelector{ID: "i"}), connection.Request{Activity: "a"}},
		"a credential's account": {
			credential(pamv1alpha1.CredentialSelector{Username: "u", Domain: "LAB"}),
			connection.Request{Activity: "a", Resource: `LAB\u`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, grantRequest(&pamv1alpha1.ActivitySession{Spec: c.spec})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestARequestIsBelievedToBeSentByTheStatusAlone(t *testing.T) {
	const own = "pam-operator/mine/1"
	for name, c := range map[string]struct {
		annotation, status string
		held, want, hint   bool
	}{
		"nothing is known":                          {},
		"the status of an object that is held":      {status: own, held: true, want: true},
		"the same, with the annotation":             {status: own, annotation: own, held: true, want: true},
		"the status of an object that could go":     {status: own},
		"the status with the id of another object":  {status: "pam-operator/yours/1", held: true},
		"the status with a longer id":               {status: own + "2", held: true},
		"the annotation alone":                      {annotation: own, held: true, hint: true},
		"the annotation of an object that could go": {annotation: own, hint: true},
		"the annotation with the id of another one": {annotation: "pam-operator/yours/1", held: true},
		"both, and they differ": {
			annotation: own, status: "pam-operator/yours/1", held: true, hint: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			s.UID, s.Status.RequestID = "mine", c.status
			s.Annotations = map[string]string{pamv1alpha1.AnnotationRequestID: c.annotation}
			if c.held {
				s.Finalizers = []string{pamv1alpha1.Finalizer}
			}
			if got := loop.RequestID(s) != ""; got != c.want {
				t.Errorf("sent: %t, want %t", got, c.want)
			}
			if got := hinted(s); got != c.hint {
				t.Errorf("hinted: %t, want %t", got, c.hint)
			}
		})
	}
}

func TestWantedExtension(t *testing.T) {
	at := func(d time.Duration) nps.Time { return nps.Time{Time: noon.Add(d)} }
	hour := nps.Session{ScheduledStart: at(0), ScheduledEnd: at(time.Hour), ExtensionMinutes: 30}
	for name, c := range map[string]struct {
		duration  time.Duration
		automatic bool
		last      bool
		session   nps.Session
		want      int
	}{
		"as long as it lasts":                 {duration: time.Hour, session: hour},
		"shorter than it lasts":               {duration: time.Minute, session: hour},
		"half a minute longer is rounding":    {duration: time.Hour + 30*time.Second, session: hour},
		"twenty minutes longer":               {duration: 80 * time.Minute, session: hour, want: 20},
		"a fraction is rounded":               {duration: 80*time.Minute + time.Second, session: hour, want: 20},
		"no duration":                         {session: hour},
		"automatic, but not yet":              {automatic: true, session: hour},
		"automatic, by the profile's minutes": {automatic: true, last: true, session: hour, want: 30},
		"automatic, where the profile says none": {
			automatic: true, last: true, session: nps.Session{ScheduledStart: at(0), ScheduledEnd: at(time.Hour)}, want: 5,
		},
		"an end that the server does not tell": {duration: time.Hour, session: nps.Session{ScheduledStart: at(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			if c.duration > 0 {
				s.Spec.Duration = &metav1.Duration{Duration: c.duration}
			}
			if c.automatic {
				s.Spec.Extension = &pamv1alpha1.Extension{Mode: pamv1alpha1.ExtensionAutomatic}
				s.Status.BoundToUID = "seen"
			}
			if got := wantedExtension(s, c.session, c.last); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
