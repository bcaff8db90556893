// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

var customFieldTypes = map[pamv1alpha1.CustomFieldType]nps.CustomFieldType{
	pamv1alpha1.CustomFieldInteger: nps.CustomFieldInteger,
	pamv1alpha1.CustomFieldString:  nps.CustomFieldString,
	pamv1alpha1.CustomFieldOptions: nps.CustomFieldOptions,
}

// createRequest is the spec in the server's form, by the server's clock: the difference of the clocks must not shift,
// shorten or lengthen a session. A start now is left out, so that the server schedules nothing
// (docs/vendors/nps.md 4.1).
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

// grantRequest is what the grants of a connection match.
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
	out.Password, out.Keep = wantsPassword(s), s.Keeps()
	return out
}

// observeSession copies the facts of a session.
func observeSession(status *pamv1alpha1.ActivitySessionStatus, session nps.Session) {
	status.ServerStatus = rest.Shorten(session.Status.String(), 128)
	status.LoginAccount = rest.Shorten(session.LoginAccountName, 256)
	if platform := session.PlatformID(); platform != "" { // a summary does not always have it
		status.Platform = rest.Shorten(platform, 64)
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

// endless is how long a session without any end may last.
const endless = 24 * time.Hour

// assumeEnd gives an active session an end if the server does not report one, so that none lasts forever: after the
// requested duration, or after what its profile allows.
func assumeEnd(s *pamv1alpha1.ActivitySession, session nps.Session, now moment) {
	if !rowOf(s.Status.Phase).usable || s.Status.ExpiresAt != nil {
		return
	}
	length := endless
	if p := session.Profile; p != nil && p.MaxSessionLength > 0 {
		length = time.Duration(p.MaxSessionLength) * time.Minute
	}
	s.Status.ExpiresAt = at(now.server().Add(durationOr(s.Spec.Duration, length)))
}

// assumedEnd is now, as the end of a session whose end is not known: by the server's clock, as that end would be,
// unless the server never had a session.
func assumedEnd(s *pamv1alpha1.ActivitySession, now moment) *metav1.Time {
	if s.Status.SessionID == "" {
		return at(now.local)
	}
	return at(now.server())
}

// takeStep moves a session to the phase that the server's answer means.
func takeStep(s *pamv1alpha1.ActivitySession, session nps.Session, next transition, now moment) {
	if next.failure != nil {
		s.Status.Failure = next.failure
	}
	enterPhase(s, next.phase, next.message, now.local)
	assumeEnd(s, session, now)
}

// seconds is a time in the precision that the API server keeps.
func seconds(t nps.Time) *metav1.Time { return at(t.Time) }

// at is a time that a status can hold: one after the year 9999 would make the status unreadable.
func at(t time.Time) *metav1.Time {
	if t.Unix() >= loop.MaxSeconds {
		t = time.Unix(loop.MaxSeconds-1, 0)
	}
	return &metav1.Time{Time: t.Truncate(time.Second)}
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

func durationOr(d *metav1.Duration, fallback time.Duration) time.Duration {
	if d == nil {
		return fallback
	}
	return d.Duration
}

// logLines are the lines of a log, oldest first, shortened. The client has redacted them.
func logLines(newestFirst []nps.LogLine) []string {
	var out []string
	for _, line := range newestFirst {
		if len(out) == maxLogLines {
			break
		}
		out = append(out, rest.Shorten(fmt.Sprintf("%s %s", line.Level, line.Message), 512))
	}
	slices.Reverse(out)
	return out
}
