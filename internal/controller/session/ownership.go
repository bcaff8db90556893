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

// ownershipOf decides whether the session that the status names is the object's own. It is if the server has answered
// the object's request with it, whatever its note says, or if its note has the request id. Once that is proven, it
// remains so: a note may be missing in one of the answers.
func (f *finder) ownershipOf(
	server *sessions.Server, s *pamv1alpha1.ActivitySession, session nps.Session,
) ownership {
	key := server.Key(s.Status.SessionID)
	owner, proven := f.claims.owner(key)
	switch {
	case proven && owner == s.UID:
		return ownershipCertain
	case sessions.NoteIsOf(session.Note, loop.NewRequestID(s)):
		f.claims.noted(key, s.UID)
		return ownershipCertain
	case proven, !mayBe(s, session), server.MadeBefore(session.CreatedAt, firstSent(s)):
		return ownershipForeign
	}
	return ownershipOpen
}

// mayBe reports whether a session that does not say whose it is may be the requested one: neither its note nor anything
// else that it says contradicts that.
func mayBe(s *pamv1alpha1.ActivitySession, session nps.Session) bool {
	if !sessions.NoteIsMute(session.Note, loop.NewRequestID(s)) {
		return false
	}
	activity, resource := nps.Activity{}, nps.ManagedResource{}
	if session.Activity != nil {
		activity = *session.Activity
	}
	if session.ManagedResource != nil {
		resource = *session.ManagedResource
	}
	if s.Spec.Resource == nil && resource.Name != "" || contradicts(s.Spec.Activity, activity.Name, session.ActivityID) {
		return false
	}
	return s.Spec.Resource == nil || !contradicts(*s.Spec.Resource, resource.Name, session.ManagedResourceID)
}

// contradicts reports whether a name or an id of a session is not that which was requested, as far as it is known.
func contradicts(want pamv1alpha1.NamedOrID, name, id string) bool {
	known := want.ID != "" && id != "" || want.ID == "" && name != ""
	return known && !named(want, name, id)
}

func named(want pamv1alpha1.NamedOrID, name, id string) bool {
	if want.ID != "" {
		return strings.EqualFold(want.ID, id)
	}
	return want.Name != "" && strings.EqualFold(want.Name, name)
}

// ownsUnread reports whether a session that cannot be read is the object's: that was proven before, or a list has it
// with the request id.
func (f *finder) ownsUnread(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (bool, error) {
	if owner, proven := f.claims.owner(server.Key(s.Status.SessionID)); proven {
		return owner == s.UID, nil
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
