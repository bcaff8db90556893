// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// duplicates ends second sessions of the same request, whenever they appear.
type duplicates struct{ *base }

// maxExtras is how many further sessions of a request one reconcile ends.
const maxExtras = 10

// endExtras ends further sessions of a request once the stored status names the one that is kept. Until then they are
// left alone, as are those that are too many; the lists show them again.
func (d *duplicates) endExtras(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, extras []nps.Summary,
) error {
	extras = slices.DeleteFunc(extras, func(extra nps.Summary) bool { return extra.Status.Terminal() })
	if len(extras) == 0 {
		return nil
	}
	if proven, err := d.proven(ctx, s); err != nil || !proven {
		return err
	}
	for _, extra := range extras[:min(len(extras), maxExtras)] {
		if err := d.end(ctx, server, s, extra.ID); err != nil {
			return err
		}
	}
	return nil
}

// proven reports whether this reconcile may decide which session of a request is a duplicate, because the API server
// has the same session in the status, or because none is wanted anymore. Two managers may be at work if a leader was
// paused: each has a session, and the one that has stored its id decides. If each ended what it takes for the other
// one, there would be none.
func (d *duplicates) proven(ctx context.Context, s *pamv1alpha1.ActivitySession) (bool, error) {
	live := &pamv1alpha1.ActivitySession{}
	if err := d.Live.Get(ctx, client.ObjectKeyFromObject(s), live); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if live.UID != s.UID {
		return false, nil
	}
	unwanted := !live.DeletionTimestamp.IsZero() || live.Status.SessionID == "" && live.Status.Phase.Terminal()
	same := s.Status.SessionID != "" && strings.EqualFold(live.Status.SessionID, s.Status.SessionID)
	return unwanted || same, nil
}

// end ends one duplicate.
func (d *duplicates) end(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, id string,
) error {
	if err := server.Client().End(ctx, id); err != nil {
		return err
	}
	d.auditSession(ctx, server, s, audit.Record{
		Action: audit.EndDuplicate, Result: audit.Succeeded, Session: id, Reason: "duplicate session of the same request",
	})
	d.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonConflict,
		"ended session "+id+", a second one for the same request")
	return nil
}

// endListed ends the sessions of the request that the lists show besides the object's. Each is read first. One that is
// left alone appears again.
func (d *duplicates) endListed(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) error {
	copies := server.Copies(client.ObjectKeyFromObject(s))
	if len(copies) == 0 {
		return nil
	}
	if proven, err := d.proven(ctx, s); err != nil || !proven {
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
		if over || strings.EqualFold(id, s.Status.SessionID) || !sessions.NoteIsOf(session.Note, loop.NewRequestID(s)) {
			continue
		}
		if err := d.end(ctx, server, s, id); err != nil {
			return err
		}
	}
	return nil
}
