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

// extend prolongs an active session where the spec asks for it, and returns what is to be said of it. A refusal
// leaves the session as it is: it is no fault.
func (r *activitySessionReconciler) extend(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (string, error) {
	minutes := r.wantedExtension(s)
	if minutes <= 0 {
		return "", nil
	}
	session, err := server.Client().Get(ctx, s.Status.SessionID)
	if err != nil {
		return "", err
	}
	if why := mayExtend(session, int(countOf(s.Status.Extensions))); why != "" {
		return "; it cannot be prolonged: " + why, nil
	}
	if isAutomatic(s) && session.ExtensionMinutes > 0 {
		minutes = session.ExtensionMinutes
	}
	before := session.ScheduledEnd.Time
	// The answer of a refusal may be any status, 500 included: only the session's new end tells (nps contract 13 Q12).
	_, extendErr := server.Client().Extend(ctx, s.Status.SessionID, minutes)
	session, err = server.Client().Get(ctx, s.Status.SessionID)
	if err != nil {
		return "", err
	}
	observeSession(&s.Status, session)
	if !session.ScheduledEnd.After(before) {
		if rest.IsUnauthorized(extendErr) {
			return "", extendErr
		}
		return "; the server did not prolong it", nil
	}
	s.Status.Extensions = new(countOf(s.Status.Extensions) + 1)
	logf.FromContext(ctx).Info("privileged session prolonged", "session", s.Status.SessionID,
		"request", s.Status.RequestID, "until", session.ScheduledEnd.Time)
	return "; it was prolonged", nil
}

// wantedExtension is how many minutes the session should last longer than it will.
func (r *activitySessionReconciler) wantedExtension(s *pamv1alpha1.ActivitySession) int {
	if s.Status.ExpiresAt == nil {
		return 0
	}
	if isAutomatic(s) && s.Status.ExpiresAt.Sub(r.now()) < extendBefore {
		return int(extendBefore.Minutes())
	}
	if s.Spec.Duration == nil || s.Status.StartTime == nil {
		return 0
	}
	missing := s.Status.StartTime.Add(s.Spec.Duration.Duration).Sub(s.Status.ExpiresAt.Time)
	if missing < time.Minute { // the server counts in minutes, and rounds
		return 0
	}
	return int(math.Ceil(missing.Minutes()))
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
