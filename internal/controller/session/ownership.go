// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file is why a session id in a status is not believed by itself: anyone who may write the status of an object,
// such as the administrator of a namespace, could put the id of another user's session there.

// ownership is what a session says about whose it is.
type ownership int

const (
	// ownershipCertain: it is the object's.
	ownershipCertain ownership = iota
	// ownershipOpen: nothing contradicts it, and nothing proves it. The session is followed and ended, but not used.
	ownershipOpen
	// ownershipForeign: it is not the object's.
	ownershipForeign
)

// ownershipOf decides whether the session that the status names is the object's own. The note decides, and so does the
// answer to the request, if this process has seen it, because a server may rewrite notes. If both are missing, all else
// that the session says decides, at a server that is known to lose notes.
func (f *finder) ownershipOf(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, session nps.Session,
) (ownership, error) {
	id := loop.NewRequestID(s)
	switch {
	case sessions.NoteIsOf(session.Note, id), f.claims.isCreatedFor(s.Status.SessionID, s.UID):
		return ownershipCertain, nil
	case !sessions.NoteIsMute(session.Note, id):
		return ownershipForeign, nil
	case contradicts(s, session), server.MadeBefore(session.CreatedAt, firstSent(s)):
		return ownershipForeign, nil
	}
	first, err := f.claims.isFirst(ctx, s.Status.SessionID, s.UID)
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

// contradicts reports whether a session is for something else than was requested, as far as it says.
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

// ownsUnread reports whether a session that cannot be read is the object's: the server created it for the object's
// request, as this process has seen, or a list has it with the request id.
func (f *finder) ownsUnread(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (bool, error) {
	if f.claims.isCreatedFor(s.Status.SessionID, s.UID) {
		return true, nil
	}
	found, err := server.FindByNote(ctx, loop.NewRequestID(s))
	return slices.ContainsFunc(found, func(x nps.Summary) bool {
		return strings.EqualFold(x.ID, s.Status.SessionID)
	}), err
}

// unproven is the outcome for a session that may not be the object's.
func unproven(s *pamv1alpha1.ActivitySession) loop.Outcome {
	return loop.Stalled(pamv1alpha1.ReasonConflict, "the server does not say whose session "+s.Status.SessionID+
		" is, so its connection data is not fetched; it is ended with this object. Create a new ActivitySession")
}
