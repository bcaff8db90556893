// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file ends what is one too many: a second session of the same request, whenever it shows up.

// endExtras ends sessions of the same request of which another one is taken, as soon as the status says so: until then
// they are left to the lists.
func (r *activitySessionReconciler) endExtras(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, extras []nps.Summary,
) error {
	extras = slices.DeleteFunc(extras, func(extra nps.Summary) bool { return extra.Status.Terminal() })
	if len(extras) == 0 {
		return nil
	}
	if proven, err := r.proven(ctx, s); err != nil || !proven {
		return err
	}
	for _, extra := range extras {
		if err := r.endExtra(ctx, server, s, extra.ID); err != nil {
			return err
		}
	}
	return nil
}

// proven says that this pass may tell which session of a request is one too many, because the API server has the same
// session in the status, or because none is wanted any more. Two managers may be at it when a leader has stood still:
// each has a session, and the one that has written it down decides. If each ended what it takes for the other one,
// there would be none.
func (r *activitySessionReconciler) proven(ctx context.Context, s *pamv1alpha1.ActivitySession) (bool, error) {
	live := &pamv1alpha1.ActivitySession{}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(s), live); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if live.UID != s.UID {
		return false, nil
	}
	unwanted := !live.DeletionTimestamp.IsZero() || live.Status.SessionID == "" && live.Status.Phase.Terminal()
	same := s.Status.SessionID != "" && strings.EqualFold(live.Status.SessionID, s.Status.SessionID)
	return unwanted || same, nil
}

// endExtra ends a session that was made by the same request as ours.
func (r *activitySessionReconciler) endExtra(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, id string,
) error {
	if err := server.Client().End(ctx, id); err != nil {
		return err
	}
	r.auditSession(ctx, server, s, audit.Record{
		Action: audit.EndDuplicate, Result: audit.Succeeded, Session: id, Reason: "one too many for the same request",
	})
	r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonConflict,
		"ended session "+id+", a second one for the same request")
	return nil
}

// endCopies ends what the lists show of this object's request besides its session. Each is read first. One that is left
// alone shows up again.
func (r *activitySessionReconciler) endCopies(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) error {
	copies := server.Copies(client.ObjectKeyFromObject(s))
	if len(copies) == 0 {
		return nil
	}
	if proven, err := r.proven(ctx, s); err != nil || !proven {
		return err
	}
	for _, id := range copies {
		session, err := server.Client().Get(ctx, id)
		if rest.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		over := session.Status.Terminal() || session.Status == nps.StatusCancelling
		if over || strings.EqualFold(id, s.Status.SessionID) || !connection.NoteIsOf(session.Note, newRequestID(s)) {
			continue
		}
		if err := r.endExtra(ctx, server, s, id); err != nil {
			return err
		}
	}
	return nil
}

// watchFor is how long copies of a session are looked for after it was over, or after its request was given up without
// knowing what became of it.
const watchFor = 24 * time.Hour

// watched says that a session may yet show up that nobody waits for any more: whenever something was sent.
func watched(s *pamv1alpha1.ActivitySession, now moment) bool {
	end := endedAt(s, now)
	return s.Status.Phase.Terminal() && requestID(s) != "" && (end.IsZero() || now.local.Sub(end) < watchFor)
}

// watch ends a session that shows up after the object's session was over.
func (r *activitySessionReconciler) watch(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	_, server, err := r.pool.Following(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return nil //nolint:nilerr // without its connection nothing can be seen, and a watch tells when it is back
	}
	r.follow(ctx, s)
	if _, err := r.endUnnamedExtras(ctx, server, s); err != nil {
		return err
	}
	return r.endCopies(ctx, server, s)
}

// uncertain says that more sessions than the one that is known may have come of the request: it was sent more than
// once, or nobody knows what came of it.
func uncertain(s *pamv1alpha1.ActivitySession) bool {
	return countOf(s.Status.RequestAttempts) > 1 || s.Status.SessionID == ""
}

// outlive has the poller end what shows up of a request whose object is gone.
func (r *activitySessionReconciler) outlive(s *pamv1alpha1.ActivitySession) {
	if s.Status.RequestID != newRequestID(s) {
		return // nothing was sent
	}
	r.pool.Remember(s.Spec.ConnectionRef, connection.Departed{
		Object: client.ObjectKeyFromObject(s), UID: s.UID, RequestID: newRequestID(s),
		Pressing: uncertain(s) || !s.Status.Phase.Terminal(), Until: r.now().Add(watchFor),
	})
}
