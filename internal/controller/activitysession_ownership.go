// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// This file is why a session id in a status is not believed by itself: whoever may write the status of an object, such
// as the administrator of a namespace, could put the id of another one's session there.

// ownership is what a session says about whose it is.
type ownership int

const (
	// ownershipCertain: it is the object's.
	ownershipCertain ownership = iota
	// ownershipOpen: nothing speaks against it, and nothing proves it. It is followed and ended, and not used.
	ownershipOpen
	// ownershipForeign: it is not the object's.
	ownershipForeign
)

// ownershipOf says whether the session that the status names is the object's own. The note decides, and so
// does the answer to the request, if this process has seen it: a server may write notes in a way of its own. Where both
// are missing, all else that the session tells does, at a server that is known to lose notes.
func (r *activitySessionReconciler) ownershipOf(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, session nps.Session,
) (ownership, error) {
	id := newRequestID(s)
	switch {
	case connection.NoteIsOf(session.Note, id), r.claims.isMade(s.Status.SessionID, s.UID):
		return ownershipCertain, nil
	case !connection.NoteIsMute(session.Note, id):
		return ownershipForeign, nil
	case contradicts(s, session), server.MadeBefore(session.CreatedAt, firstSent(s)):
		return ownershipForeign, nil
	}
	first, err := r.claims.has(ctx, s.Status.SessionID, s.UID)
	switch {
	case err != nil:
		return ownershipOpen, err
	case !first:
		return ownershipForeign, nil
	case server.LosesNotes(id):
		return ownershipCertain, nil
	}
	return ownershipOpen, nil
}

// contradicts says that a session is for something else than was asked for, as far as it tells.
func contradicts(s *pamv1alpha1.ActivitySession, session nps.Session) bool {
	other := func(want pamv1alpha1.NamedOrID, name, id string) bool {
		known := want.ID != "" && id != "" || want.ID == "" && name != ""
		return known && !named(want, name, id)
	}
	activity, resource := nps.Activity{}, nps.ManagedResource{}
	if session.Activity != nil {
		activity = *session.Activity
	}
	if session.ManagedResource != nil {
		resource = *session.ManagedResource
	}
	if other(s.Spec.Activity, activity.Name, session.ActivityID) {
		return true
	}
	if s.Spec.Resource == nil {
		return resource.Name != ""
	}
	return other(*s.Spec.Resource, resource.Name, session.ManagedResourceID)
}

// owned reads the session that the status names, and makes sure that it is the object's. Where a list leaves that open,
// the session itself is read. A session that is somebody else's is neither used nor ended: the status loses it.
func (r *activitySessionReconciler) owned(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (session nps.Session, out outcome, err error) {
	if session, err = r.seen(ctx, server, s); err != nil {
		return session, outcome{}, err
	}
	whose, err := r.ownershipOf(ctx, server, s, session)
	if err == nil && whose != ownershipCertain {
		if session, err = server.Read(ctx, s.Status.SessionID); err == nil {
			whose, err = r.ownershipOf(ctx, server, s, session)
		}
	}
	if err != nil {
		return session, outcome{}, err
	}
	r.open.Delete(s.UID)
	switch whose {
	case ownershipForeign:
		out, err = r.disown(ctx, server, s)
	case ownershipOpen:
		r.open.Store(s.UID, true)
	}
	return session, out, err
}

// disown drops a session from the status that is not the object's, and what was made for it.
func (r *activitySessionReconciler) disown(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	if err := r.removeSecret(ctx, s); err != nil {
		return outcome{}, err
	}
	id := s.Status.SessionID
	const message = "the session that the status named is not of this request; it is left alone"
	r.audit(ctx, server, s, audit.AdoptSession, audit.Denied, message)
	r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonConflict, message+": "+id)
	r.claims.forget(s)
	r.startOver(s)
	return wait(pamv1alpha1.ReasonProgressing, message, r.SecondLook), nil
}

// unproven is what the use of a session comes to that may not be the object's.
func unproven(s *pamv1alpha1.ActivitySession) outcome {
	return stalled(pamv1alpha1.ReasonConflict, "the server does not say whose session "+s.Status.SessionID+
		" is, so no connection data is fetched for it; it is ended with this object. Create a new ActivitySession")
}
