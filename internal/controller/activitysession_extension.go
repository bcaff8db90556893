// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"math"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// extendBefore is how long before its end a session is prolonged; people are offered it in the last five minutes, too
// (nps contract 9).
const extendBefore = 5 * time.Minute

// refusedExtension remembers that a server did not prolong a session, so that it is not asked at every look: again for
// another duration, and before the end.
type refusedExtension struct {
	duration time.Duration
	why      string
}

// extend prolongs an active session where the spec asks for it, and returns what is to be said of it. A refusal
// leaves the session as it is: it is no fault.
func (r *activitySessionReconciler) extend(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (string, error) {
	if s.Status.ExpiresAt == nil || s.Spec.Duration == nil && !isAutomatic(s) {
		return "", nil
	}
	last, duration := s.Status.ExpiresAt.Sub(r.now()) < extendBefore, durationOr(s.Spec.Duration, 0)
	known, _ := r.refusedExtensions.Load(s.UID)
	if refused, ok := known.(refusedExtension); ok && refused.duration == duration && !last {
		return refused.why, nil
	}
	session, err := r.seen(ctx, server, s)
	if err != nil || wantedExtension(s, session, last) <= 0 {
		return "", err
	}
	if session, err = server.Read(ctx, s.Status.SessionID); err != nil {
		return "", err
	}
	minutes := wantedExtension(s, session, last)
	if minutes <= 0 {
		return "", nil
	}
	why, err := r.prolong(ctx, server, s, session, minutes)
	if err != nil || why == "" {
		return "; it was prolonged", err
	}
	r.refusedExtensions.Store(s.UID, refusedExtension{duration, why})
	return why, nil
}

// prolong asks for more minutes; it says why there are none, or nothing if there are.
func (r *activitySessionReconciler) prolong(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, session nps.Session, minutes int,
) (why string, err error) {
	if why := mayExtend(session, int(countOf(s.Status.Extensions))); why != "" {
		return "; it cannot be prolonged: " + why, nil
	}
	before := session.ScheduledEnd.Time
	// The answer of a refusal may be any status, 500 included: only the session's new end tells (nps contract 13 Q12).
	_, extendErr := server.Client().Extend(ctx, s.Status.SessionID, minutes)
	if rest.IsUnauthorized(extendErr) {
		return "", extendErr
	}
	if session, err = server.Read(ctx, s.Status.SessionID); err != nil {
		return "", err
	}
	observeSession(&s.Status, session)
	if !session.ScheduledEnd.After(before) {
		return "; the server did not prolong it", nil
	}
	s.Status.Extensions = new(countOf(s.Status.Extensions) + 1)
	logf.FromContext(ctx).Info("privileged session prolonged", "session", s.Status.SessionID,
		"request", s.Status.RequestID, "until", session.ScheduledEnd.Time)
	return "", nil
}

// wantedExtension is how many minutes the session should last longer than it will; last says that it is about to end.
func wantedExtension(s *pamv1alpha1.ActivitySession, session nps.Session, last bool) int {
	if isAutomatic(s) && last {
		return max(session.ExtensionMinutes, int(extendBefore.Minutes()))
	}
	if s.Spec.Duration == nil || session.ScheduledStart.IsZero() || session.ScheduledEnd.IsZero() {
		return 0
	}
	// It counts from when the session was to begin: the time that the server took to start it is not made up for.
	missing := session.ScheduledStart.Add(s.Spec.Duration.Duration).Sub(session.ScheduledEnd.Time)
	if missing < time.Minute { // the server counts in minutes, and rounds
		return 0
	}
	return int(math.Round(missing.Minutes()))
}

func isAutomatic(s *pamv1alpha1.ActivitySession) bool {
	return s.Spec.Extension != nil && s.Spec.Extension.Mode == pamv1alpha1.ExtensionAutomatic
}

// mayExtend says why a session cannot be prolonged; empty if it can.
func mayExtend(session nps.Session, done int) string {
	switch {
	case !session.AllowExtension:
		return "its connection profile does not allow it"
	case session.ExtensionCount > 0 && done >= session.ExtensionCount:
		return "its connection profile does not allow it more often"
	}
	return ""
}

func countOf(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
