// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
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
	last, duration := r.moment(ctx, s).left(s.Status.ExpiresAt) < extendBefore, durationOr(s.Spec.Duration, 0)
	known, _ := r.refusedExtensions.Load(s.UID)
	if refused, ok := known.(refusedExtension); ok && refused.duration == duration && !last {
		return refused.why, nil
	}
	session, err := r.seen(ctx, server, s)
	if err != nil || wantedExtension(s, session, last) <= 0 {
		return "", err
	}
	bound, why, err := r.mayExtend(ctx, s)
	if err != nil || why != "" {
		return why, err
	}
	if minutes, why := bound.clamp(session, wantedExtension(s, session, last)); minutes <= 0 {
		return why, nil
	}
	return r.extendWithin(ctx, server, s, bound, last)
}

// extendWithin prolongs a session as the server has it now, no further than the bound.
func (r *activitySessionReconciler) extendWithin(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, bound durationBound, last bool,
) (string, error) {
	session, err := server.Read(ctx, s.Status.SessionID)
	if err != nil {
		return "", err
	}
	minutes, why := bound.clamp(session, wantedExtension(s, session, last))
	if minutes <= 0 {
		return why, nil
	}
	why, err = r.prolong(ctx, server, s, session, minutes)
	if err != nil || why == "" {
		return "; it was prolonged", err
	}
	r.refusedExtensions.Store(s.UID, refusedExtension{durationOr(s.Spec.Duration, 0), why})
	return why, nil
}

// mayExtend says how long the connection's owner lets the session last by now, and why it may not be prolonged at all.
func (r *activitySessionReconciler) mayExtend(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (bound durationBound, why string, err error) {
	may, err := r.mayUse(ctx, s)
	if isDenied(err) {
		denial := outcomeOf(err).message
		if known, _ := r.refusedExtensions.Swap(s.UID, denial); known != denial {
			r.audit(ctx, nil, s, audit.Extend, audit.Denied, denial)
		}
		return bound, "; it is not prolonged: " + denial, nil
	}
	if err != nil {
		return bound, "", err
	}
	bound.limit, bound.grant = connection.Longest(may.conn.Spec.Grants, may.grants)
	bound.connection = client.ObjectKeyFromObject(may.conn)
	return bound, "", nil
}

// durationBound is how long grants let a session last.
type durationBound struct {
	limit      time.Duration // 0 is no limit
	grant      string
	connection types.NamespacedName
}

// clamp bounds by how many minutes a session is prolonged, and says what bounds it where nothing is left.
func (b durationBound) clamp(session nps.Session, wanted int) (minutes int, why string) {
	if b.limit == 0 || wanted <= 0 {
		return wanted, ""
	}
	start := session.ScheduledStart
	if start.IsZero() {
		start = session.CreatedAt
	}
	room := 0
	if !start.IsZero() && !session.ScheduledEnd.IsZero() {
		room = int(start.Add(b.limit).Sub(session.ScheduledEnd.Time).Minutes())
	}
	if room > 0 {
		return min(wanted, room), ""
	}
	return 0, fmt.Sprintf("; it is not prolonged any more: %s of connection %s allows at most %s; its owner can "+
		"change it", b.grant, b.connection, b.limit)
}

// prolong asks for more minutes; it says why there are none, or nothing if there are.
func (r *activitySessionReconciler) prolong(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, session nps.Session, minutes int,
) (why string, err error) {
	if why := extensible(session, int(countOf(s.Status.Extensions))); why != "" {
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
		r.audit(ctx, server, s, audit.Extend, audit.Refused, "")
		return "; the server did not prolong it", nil
	}
	s.Status.Extensions = new(countOf(s.Status.Extensions) + 1)
	r.audit(ctx, server, s, audit.Extend, audit.Succeeded, "until "+session.ScheduledEnd.UTC().Format(time.RFC3339))
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

// extensible says why the server would not prolong a session; empty if it may.
func extensible(session nps.Session, done int) string {
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
