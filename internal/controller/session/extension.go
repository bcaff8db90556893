// SPDX-License-Identifier: Apache-2.0

package session

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
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// extendBefore is how long before its end a session is extended; the vendor's own clients offer it in the last five
// minutes, too (docs/vendors/nps.md 9).
const extendBefore = 5 * time.Minute

// extender extends active sessions.
type extender struct{ *base }

// refusedExtension is a server's refusal to extend a session. It is asked again only for another duration, and right
// before the end.
type refusedExtension struct {
	duration time.Duration
	why      string
}

// extend extends an active session if the spec asks for it, and returns what the status says about it. A refusal leaves
// the session as it is, and is not a failure.
func (e *extender) extend(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, workload boundWorkload,
) (string, error) {
	if s.Status.ExpiresAt == nil || s.Spec.Duration == nil && !isAutomatic(s) {
		return "", nil
	}
	if workload.leaving {
		return "; it is not extended: " + workload.why, nil
	}
	last, duration := e.moment(ctx, s).left(s.Status.ExpiresAt) < extendBefore, durationOr(s.Spec.Duration, 0)
	refused := e.memory.of(s.UID).extensionRefused
	if refused.why != "" && refused.duration == duration && !last {
		return refused.why, nil
	}
	session, err := e.seen(ctx, server, s)
	if err != nil || wantedExtension(s, session, last) <= 0 {
		return "", err
	}
	bound, why, err := e.mayExtend(ctx, s)
	if err != nil || why != "" {
		return why, err
	}
	if minutes, why := bound.clamp(session, wantedExtension(s, session, last)); minutes <= 0 {
		return why, nil
	}
	return e.extendWithin(ctx, server, s, bound, last)
}

// extendWithin extends a session from its present end at the server, no further than the bound.
func (e *extender) extendWithin(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, bound durationBound, last bool,
) (string, error) {
	session, err := server.Read(ctx, s.Status.SessionID)
	if err != nil {
		return "", err
	}
	minutes, why := bound.clamp(session, wantedExtension(s, session, last))
	if minutes <= 0 {
		return why, nil
	}
	why, err = e.request(ctx, server, s, session, minutes)
	if err != nil || why == "" {
		return "; it was extended", err
	}
	e.memory.update(s.UID, func(known *memo) {
		known.extensionRefused, known.extensionDenied = refusedExtension{durationOr(s.Spec.Duration, 0), why}, ""
	})
	return why, nil
}

// mayExtend is how long the connection's owner lets the session last by now, and why it may not be extended at all.
func (e *extender) mayExtend(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (bound durationBound, why string, err error) {
	may, err := e.mayUse(ctx, s)
	if isDenied(err) {
		denial := loop.OutcomeOf(err).Message
		if e.memory.of(s.UID).extensionDenied != denial {
			e.audit(ctx, nil, s, audit.Extend, audit.Denied, denial)
		}
		e.memory.update(s.UID, func(known *memo) {
			known.extensionRefused, known.extensionDenied = refusedExtension{}, denial
		})
		return bound, "; it is not extended: " + denial, nil
	}
	if err != nil {
		return bound, "", err
	}
	bound.limit, bound.grant = connection.Longest(may.conn.Spec.Grants, may.grants)
	bound.connection = client.ObjectKeyFromObject(may.conn)
	return bound, "", nil
}

// durationBound is how long the grants let a session last.
type durationBound struct {
	limit      time.Duration // 0 is no limit
	grant      string
	connection types.NamespacedName
}

// clamp bounds the minutes by which a session is extended, and says what the bound is if none are left.
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
	return 0, fmt.Sprintf("; it is not extended further: %s of connection %s allows at most %s; its owner can "+
		"change it", b.grant, b.connection, b.limit)
}

// request requests more minutes. why says why there are none; empty if there are.
func (e *extender) request(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, session nps.Session, minutes int,
) (why string, err error) {
	if why := extensible(session, int(countOf(s.Status.Extensions))); why != "" {
		return "; it cannot be extended: " + why, nil
	}
	before := session.ScheduledEnd.Time
	// A refusal may have any status, 500 included: only the session's new end shows the result
	// (docs/vendors/nps.md 13 Q12).
	_, extendErr := server.Client().Extend(ctx, s.Status.SessionID, minutes)
	if rest.IsUnauthorized(extendErr) {
		return "", extendErr
	}
	if session, err = server.Read(ctx, s.Status.SessionID); err != nil {
		return "", err
	}
	observeSession(&s.Status, session)
	if !session.ScheduledEnd.After(before) {
		e.audit(ctx, server, s, audit.Extend, audit.Refused, "")
		return "; the server did not extend it", nil
	}
	s.Status.Extensions = new(countOf(s.Status.Extensions) + 1)
	e.audit(ctx, server, s, audit.Extend, audit.Succeeded, "until "+session.ScheduledEnd.UTC().Format(time.RFC3339))
	return "", nil
}

// wantedExtension is by how many minutes the session should be extended; last says that it is about to end.
func wantedExtension(s *pamv1alpha1.ActivitySession, session nps.Session, last bool) int {
	if isAutomatic(s) && last && s.Status.BoundToUID != "" { // a workload that was never seen does not run
		return max(session.ExtensionMinutes, int(extendBefore.Minutes()))
	}
	if s.Spec.Duration == nil || session.ScheduledStart.IsZero() || session.ScheduledEnd.IsZero() {
		return 0
	}
	// It counts from the scheduled start: the time that the server took to start the session is not compensated.
	missing := session.ScheduledStart.Add(s.Spec.Duration.Duration).Sub(session.ScheduledEnd.Time)
	if missing < time.Minute { // the server counts in minutes, and rounds
		return 0
	}
	return int(math.Round(missing.Minutes()))
}

func isAutomatic(s *pamv1alpha1.ActivitySession) bool {
	return s.Spec.Extension != nil && s.Spec.Extension.Mode == pamv1alpha1.ExtensionAutomatic
}

// extensible says why the server would not extend a session; empty if it may.
func extensible(session nps.Session, done int) string {
	switch {
	case !session.AllowExtension:
		return "its connection profile does not allow it"
	case session.ExtensionCount > 0 && done >= session.ExtensionCount:
		return "its connection profile does not allow another extension"
	}
	return ""
}

func countOf(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
