// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// newRequestID is the text by which a request is recognised at the server. It holds no blank, so that it is one word of
// a note.
func newRequestID(s *pamv1alpha1.ActivitySession) string {
	return "pam-operator/" + string(s.UID) + "/1"
}

var customFieldTypes = map[pamv1alpha1.CustomFieldType]nps.CustomFieldType{
	pamv1alpha1.CustomFieldInteger: nps.CustomFieldInteger,
	pamv1alpha1.CustomFieldString:  nps.CustomFieldString,
	pamv1alpha1.CustomFieldOptions: nps.CustomFieldOptions,
}

// createRequest is the spec in the server's form, by the server's clock: a session is not to begin earlier or later, or
// to be shorter or longer, by what the clocks differ. "Now" is left out, so that they schedule nothing (nps contract
// 4.1).
func createRequest(s *pamv1alpha1.ActivitySession, now moment) nps.CreateRequest {
	spec := &s.Spec
	out := nps.CreateRequest{
		ActivityName: spec.Activity.Name, ActivityID: spec.Activity.ID, Ticket: spec.Ticket, Note: note(s),
	}
	if spec.Resource != nil {
		out.ManagedResourceName, out.ManagedResourceID = spec.Resource.Name, spec.Resource.ID
	}
	if c := spec.Credential; c != nil {
		out.CredentialName, out.CredentialID = c.Name, c.ID
		out.CredentialUsername, out.CredentialDomain = c.Username, c.Domain
	}
	if spec.AccessPolicyID != nil {
		out.AccessPolicyID = *spec.AccessPolicyID
	}
	begin := now.server()
	if spec.StartTime != nil && spec.StartTime.After(now.local) {
		begin = now.theirs(spec.StartTime.Time)
		out.Start = begin
	}
	if spec.Duration != nil {
		out.End = begin.Add(spec.Duration.Duration)
	}
	for _, f := range spec.CustomFields {
		out.CustomFields = append(out.CustomFields, nps.CustomField{
			PolicyID: f.PolicyID, Type: customFieldTypes[f.Type], Name: f.Name, Value: f.Value,
		})
	}
	return out
}

// grantRequest is what the grants of a connection look at.
func grantRequest(s *pamv1alpha1.ActivitySession) connection.Request {
	out := connection.Request{Activity: s.Spec.Activity.Name}
	switch {
	case s.Spec.Resource != nil:
		out.Resource = s.Spec.Resource.Name
	case s.Spec.Credential != nil && s.Spec.Credential.Username != "":
		out.Resource = s.Spec.Credential.Domain + `\` + s.Spec.Credential.Username
	case s.Spec.Credential != nil:
		out.Resource = s.Spec.Credential.Name
	}
	if s.Spec.Duration != nil {
		out.Duration = s.Spec.Duration.Duration
	}
	out.AccessPolicy = s.Spec.AccessPolicyID != nil && *s.Spec.AccessPolicyID != ""
	out.Password = wantsPassword(s)
	return out
}

// observeSession takes over the facts of a session.
func observeSession(status *pamv1alpha1.ActivitySessionStatus, session nps.Session) {
	status.ServerStatus = shorten(session.Status.String(), 128)
	status.LoginAccount = shorten(session.LoginAccountName, 256)
	if platform := session.PlatformID(); platform != "" { // a summary does not always have it
		status.Platform = shorten(platform, 64)
	}
	if start := session.ActualStart; !start.IsZero() {
		status.StartTime = seconds(start)
	} else if start := session.ScheduledStart; !start.IsZero() {
		status.StartTime = seconds(start)
	}
	if !session.ScheduledEnd.IsZero() {
		status.ExpiresAt = seconds(session.ScheduledEnd)
	}
	if !session.ActualEnd.IsZero() {
		status.EndTime = seconds(session.ActualEnd)
	}
}

// endless is how long a session lasts at most that nobody gave an end.
const endless = 24 * time.Hour

// assumeEnd gives an active session an end where the server does not tell it, so that none lasts for ever: after what
// was asked for, or after what its profile allows.
func assumeEnd(s *pamv1alpha1.ActivitySession, session nps.Session, now moment) {
	if s.Status.Phase != pamv1alpha1.SessionActive || s.Status.ExpiresAt != nil {
		return
	}
	length := endless
	if p := session.Profile; p != nil && p.MaxSessionLength > 0 {
		length = time.Duration(p.MaxSessionLength) * time.Minute
	}
	s.Status.ExpiresAt = at(now.server().Add(durationOr(s.Spec.Duration, length)))
}

// assumedEnd is now, as the end of a session that nobody tells the end of: by the server's clock, as that end would be,
// unless there never was one.
func assumedEnd(s *pamv1alpha1.ActivitySession, now moment) *metav1.Time {
	if s.Status.SessionID == "" {
		return at(now.local)
	}
	return at(now.server())
}

// seconds is a time in the precision that the API server keeps.
func seconds(t nps.Time) *metav1.Time { return at(t.Time) }

// soon is how far in the future a start still counts as now: clocks differ, and servers round.
const soon = 30 * time.Second

// phaseOf maps the server's state to a phase (nps contract 6). A state that is not known leaves the phase as it is.
func phaseOf(
	s *pamv1alpha1.ActivitySession, session nps.Session, now time.Time,
) (phase pamv1alpha1.SessionPhase, message string) {
	message = session.StatusDescription
	switch session.Status {
	case nps.StatusApprovalRequired:
		return pamv1alpha1.SessionWaitingForApproval, message
	case nps.StatusPending:
		if session.ScheduledStart.After(now.Add(soon)) {
			return pamv1alpha1.SessionScheduled, message
		}
		return pamv1alpha1.SessionStarting, message
	case nps.StatusActive:
		return pamv1alpha1.SessionActive, message
	case nps.StatusCancelling:
		return pamv1alpha1.SessionEnding, message
	case nps.StatusComplete, nps.StatusCancelled:
		if session.Status == nps.StatusCancelled && session.CancelledBy != "" {
			message = "ended by an administrator"
		}
		return endOf(s, session.Status), message
	case nps.StatusFailed:
		return failedWith(s, "ProvisioningFailed", "the server could not start the session", message)
	case nps.StatusApprovalFailed:
		return failedWith(s, "ApprovalFailed", "the server could not complete the approval", message)
	case nps.StatusApprovalDenied:
		_, message = failedWith(s, "ApprovalDenied", "an approver denied the session", message)
		return pamv1alpha1.SessionDenied, message
	}
	if end := session.ActualEnd; !end.IsZero() && !end.After(now) { // whatever it calls that
		return endOf(s, nps.StatusComplete), message
	}
	if s.Status.Phase == pamv1alpha1.SessionPending { // it was created, and everything else has a deadline
		return pamv1alpha1.SessionStarting, message
	}
	return s.Status.Phase, ""
}

func failedWith(
	s *pamv1alpha1.ActivitySession, reason, what, words string,
) (pamv1alpha1.SessionPhase, string) {
	message := what
	if words != "" {
		message += ": " + words
	}
	if s.Status.Failure == nil { // a time-out that made us end it is the better reason
		s.Status.Failure = &pamv1alpha1.SessionFailure{Reason: reason, Message: shorten(message, maxConditionMessage)}
	}
	return pamv1alpha1.SessionFailed, s.Status.Failure.Message
}

// endOf is the phase of a session that came to an end without a fault of the server's.
func endOf(s *pamv1alpha1.ActivitySession, status nps.Status) pamv1alpha1.SessionPhase {
	switch {
	case s.Status.Failure != nil:
		return pamv1alpha1.SessionFailed
	case s.Cancelled(), status == nps.StatusCancelled:
		return pamv1alpha1.SessionCancelled
	}
	return pamv1alpha1.SessionCompleted
}

// order is the way of a session; a phase is entered only from one before it.
var order = []pamv1alpha1.SessionPhase{
	"", pamv1alpha1.SessionPending, pamv1alpha1.SessionWaitingForApproval, pamv1alpha1.SessionScheduled,
	pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive, pamv1alpha1.SessionEnding,
}

// later says whether a session may go from one phase to another one.
func later(from, to pamv1alpha1.SessionPhase) bool {
	if from.Terminal() {
		return false
	}
	return to.Terminal() || slices.Index(order, to) > slices.Index(order, from)
}

// maxHistory is how many steps a status keeps.
const maxHistory = 20

// enterPhase moves a session to a phase and writes it into its history.
func enterPhase(s *pamv1alpha1.ActivitySession, phase pamv1alpha1.SessionPhase, message string, now time.Time) {
	s.Status.Phase, s.Status.Deadline = phase, nil
	s.Status.History = append(s.Status.History, pamv1alpha1.SessionTransition{
		Time: metav1.Time{Time: now}, Phase: phase, Message: shorten(message, 512),
	})
	if extra := len(s.Status.History) - maxHistory; extra > 0 {
		s.Status.History = slices.Delete(s.Status.History, 0, extra)
	}
}

// deadline is when the operator stops waiting in the present phase, by our clock.
func deadline(s *pamv1alpha1.ActivitySession, m moment) *metav1.Time {
	now := m.local
	switch s.Status.Phase {
	case pamv1alpha1.SessionWaitingForApproval:
		return at(now.Add(durationOr(s.Spec.ApprovalTimeout, defaultApprovalTimeout)))
	case pamv1alpha1.SessionScheduled, pamv1alpha1.SessionStarting:
		from := now
		if start := m.ours(s.Status.StartTime); start.After(now) {
			from = start
		}
		return at(from.Add(durationOr(s.Spec.StartTimeout, defaultStartTimeout)))
	case pamv1alpha1.SessionEnding:
		return at(now.Add(endTimeout))
	}
	return nil
}

// at is a time as a status can hold it: one after the year 9999 would make it unreadable.
func at(t time.Time) *metav1.Time {
	if t.Unix() >= maxSeconds {
		t = time.Unix(maxSeconds-1, 0)
	}
	return &metav1.Time{Time: t.Truncate(time.Second)}
}

func durationOr(d *metav1.Duration, fallback time.Duration) time.Duration {
	if d == nil {
		return fallback
	}
	return d.Duration
}

// soonest is the shortest of the durations that are not 0.
func soonest(durations ...time.Duration) time.Duration {
	shortest := time.Duration(0)
	for _, d := range durations {
		if d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	return shortest
}

func clock(t *metav1.Time) string {
	if t == nil {
		return "a time that the server does not tell"
	}
	return t.UTC().Format(time.RFC3339)
}

// finalOutcome is what a session that is over came to.
func finalOutcome(s *pamv1alpha1.ActivitySession) outcome {
	message := ""
	if s.Status.Failure != nil {
		message = s.Status.Failure.Message
	} else if n := len(s.Status.History); n > 0 {
		message = s.Status.History[n-1].Message
	}
	out := outcome{message: message, reason: pamv1alpha1.ReasonCompleted}
	switch s.Status.Phase {
	case pamv1alpha1.SessionFailed:
		out.state, out.reason = stateStalled, pamv1alpha1.ReasonFailed
		out.message += "; create a new ActivitySession to try again"
	case pamv1alpha1.SessionDenied:
		out.state, out.reason = stateStalled, pamv1alpha1.ReasonDenied
	case pamv1alpha1.SessionCancelled:
		out.message = "the session was ended early"
		if message != "" {
			out.message += ": " + message
		}
	default:
		out.message = "the session is over"
	}
	return out
}

// setSessionConditions shows Active and Finished, once there is a session to speak of.
func setSessionConditions(s *pamv1alpha1.ActivitySession) {
	set := func(kind string, on bool, reason, message string) {
		status := metav1.ConditionFalse
		if on {
			status = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: s.Generation,
		})
	}
	phase := string(s.Status.Phase)
	if phase == "" {
		return
	}
	set(pamv1alpha1.ConditionActive, s.Status.Phase == pamv1alpha1.SessionActive, phase,
		"the phase of the session is "+phase)
	set(pamv1alpha1.ConditionFinished, s.Status.Phase.Terminal(), phase, "the phase of the session is "+phase)
}

// logLines are the lines of a log, oldest first, shortened. They were redacted where they came in.
func logLines(newestFirst []nps.LogLine) []string {
	var out []string
	for _, line := range newestFirst {
		if len(out) == maxLogLines {
			break
		}
		out = append(out, shorten(fmt.Sprintf("%s %s", line.Level, line.Message), 512))
	}
	slices.Reverse(out)
	return out
}
