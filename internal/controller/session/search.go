// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// finder finds the sessions of a request at the server, and decides whose a session is.
type finder struct{ *base }

// search returns the sessions of this request, the oldest live one first: those with its note or, at a server that is
// known to lose notes, the one that is concluded to be of this request.
func (f *finder) search(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) ([]nps.Summary, error) {
	found, err := server.FindByNote(ctx, loop.NewRequestID(s))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, oldestLiveFirst)
	if len(found) > 0 || loop.RequestID(s) == "" || !server.LosesNotes(loop.NewRequestID(s)) {
		return found, nil
	}
	return f.searchUnnamed(ctx, server, s)
}

// oldestLiveFirst orders sessions of the same request: live ones before those that are over, then by age.
func oldestLiveFirst(a, b nps.Summary) int {
	if a.Status.Terminal() != b.Status.Terminal() {
		if a.Status.Terminal() {
			return 1
		}
		return -1
	}
	return a.CreatedAt.Compare(b.CreatedAt.Time)
}

// The rest of this file is about servers that lose notes, where a session does not say whose it is. A conclusion is no
// proof, so it is drawn only at a server that was seen to lose notes, and only for a request whose status says that it
// was sent.

// searchUnnamed searches for the session of this request at a server that loses notes: one for the same activity and
// resource, created since the request was first sent, that no other object has. An Event reports the conclusion.
func (f *finder) searchUnnamed(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) ([]nps.Summary, error) {
	found, err := f.unnamed(ctx, server, s)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if f.claims.contended(s) {
		return nil, &loop.Problem{
			Reason: pamv1alpha1.ReasonProgressing, After: f.SecondLook,
			Message: "the server gives no notes back, and another request for the same is in progress; searching again",
		}
	}
	for _, candidate := range found {
		mine, err := f.claimUnnamed(ctx, server, s, candidate.ID)
		if err != nil {
			return nil, err
		}
		if mine {
			f.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonProgressing, "the server gives no notes back: "+
				"took session "+candidate.ID+" for the requested one, by its activity, resource and time")
			return []nps.Summary{candidate}, nil
		}
	}
	return nil, nil
}

// claimUnnamed reports whether a session may be taken for one of this request: no other object has it, and the session
// itself says no more than the list does.
func (f *finder) claimUnnamed(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, id string,
) (bool, error) {
	mine, err := f.claims.take(ctx, id, s.UID)
	if err != nil || !mine {
		return false, err
	}
	session, err := server.Client().Get(ctx, id)
	if rest.IsNotFound(err) {
		return false, nil
	}
	return err == nil && sessions.NoteIsMute(session.Note, loop.NewRequestID(s)) && !contradicts(s, session), err
}

// unnamed are the sessions that do not say whose they are and that may be of this request, the oldest live one first.
func (f *finder) unnamed(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) ([]nps.Summary, error) {
	if s.Spec.Resource == nil {
		return nil, nil // a summary does not say for which credential a session is
	}
	found, err := server.MadeSince(ctx, firstSent(s))
	if err != nil {
		return nil, err
	}
	now := f.moment(ctx, s)
	latest := now.server().Add(soon)
	_, limit := server.NoteHandling()
	found = slices.DeleteFunc(found, func(c nps.Summary) bool {
		return !looksLike(s, c, int(countOf(limit)), now) || c.CreatedAt.After(latest)
	})
	slices.SortFunc(found, oldestLiveFirst)
	return found, nil
}

// looksLike reports whether a session that does not say whose it is may be the requested one: all that is known of it
// is as requested. The server cuts notes to the limit; 0 if that is not known.
func looksLike(s *pamv1alpha1.ActivitySession, c nps.Summary, limit int, now moment) bool {
	if c.Note != "" && !sessions.NoteIsCutFrom(c.Note, loop.NewRequestID(s), limit) {
		return false
	}
	sameStart := s.Spec.StartTime == nil || c.ScheduledStart.Sub(now.theirs(s.Spec.StartTime.Time)) > -time.Minute
	sameTicket := c.Ticket == "" || c.Ticket == s.Spec.Ticket
	return sameStart && sameTicket && s.Spec.Resource != nil &&
		named(s.Spec.Activity, c.ActivityName, c.ActivityID) &&
		named(*s.Spec.Resource, c.ManagedResourceName, c.ManagedResourceID)
}

func named(want pamv1alpha1.NamedOrID, name, id string) bool {
	if want.ID != "" {
		return strings.EqualFold(want.ID, id)
	}
	return want.Name != "" && strings.EqualFold(want.Name, name)
}
