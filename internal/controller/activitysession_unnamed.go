// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file is about servers that lose notes, where a session does not say whose it is. What is concluded here is no
// proof, so it is done only at a server that was seen to lose notes, and only for a request whose status says that it
// was sent.

// searchUnnamed looks for the session of this request at a server that loses notes: one for the same, made since the
// request was first sent, that no other object has. The conclusion is told.
func (r *activitySessionReconciler) searchUnnamed(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) ([]nps.Summary, error) {
	found, err := r.unnamed(ctx, server, s)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if r.claims.contended(s) {
		return nil, &problem{
			reason: pamv1alpha1.ReasonProgressing, after: r.SecondLook,
			message: "the server gives no notes back, and another request for the same is under way; looking again",
		}
	}
	for _, candidate := range found {
		mine, err := r.claimUnnamed(ctx, server, s, candidate.ID)
		if err != nil {
			return nil, err
		}
		if mine {
			r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonProgressing, "the server gives no notes back: "+
				"took session "+candidate.ID+" for the one that was asked for, by its activity, resource and time")
			return []nps.Summary{candidate}, nil
		}
	}
	return nil, nil
}

// claimUnnamed says that a session may be taken for one of this request: no other object has it, and the session itself
// tells no more than the list does.
func (r *activitySessionReconciler) claimUnnamed(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, id string,
) (bool, error) {
	mine, err := r.claims.take(ctx, id, s.UID)
	if err != nil || !mine {
		return false, err
	}
	session, err := server.Client().Get(ctx, id)
	if rest.IsNotFound(err) {
		return false, nil
	}
	return err == nil && connection.NoteIsMute(session.Note, newRequestID(s)) && !contradicts(s, session), err
}

// unnamed are the sessions that do not say whose they are and that may have come of this request, the oldest one that
// lives first.
func (r *activitySessionReconciler) unnamed(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) ([]nps.Summary, error) {
	if s.Spec.Resource == nil {
		return nil, nil // a summary does not say which credential a session is of
	}
	found, err := server.MadeSince(ctx, firstSent(s))
	if err != nil {
		return nil, err
	}
	now := r.moment(ctx, s)
	latest := now.server().Add(soon)
	_, limit := server.NoteHandling()
	found = slices.DeleteFunc(found, func(c nps.Summary) bool {
		return !looksLike(s, c, int(countOf(limit)), now) || c.CreatedAt.After(latest)
	})
	slices.SortFunc(found, oldestLiveFirst)
	return found, nil
}

// endUnnamedExtras ends the session of an earlier sending of the request, where the answer to a later one has shown
// that the server loses notes: whatever is for the same, was made between the two and is no other object's came of the
// first. It is looked for when the session that is kept is written down, and once more when nothing can come of the
// request any more. after is when that will be; 0 if it was.
func (r *activitySessionReconciler) endUnnamedExtras(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (after time.Duration, err error) {
	extra := int(countOf(s.Status.RequestAttempts)) - 1
	if extra < 1 || requestID(s) == "" || !server.LosesNotes(newRequestID(s)) {
		return 0, nil
	}
	left := max(r.Settle-r.now().Sub(r.sentAt(s)), 0)
	looked, _ := r.concluded.Load(s.UID)
	if looked == concludedAtLast || looked == concludedOnce && left > 0 {
		return left, nil
	}
	// While another request for the same is under way, what shows up may be another object's.
	if proven, err := r.proven(ctx, s); err != nil || !proven || r.claims.contended(s) {
		return r.SecondLook, err
	}
	if err := r.endUnnamed(ctx, server, s, extra); err != nil {
		return 0, err
	}
	r.concluded.Store(s.UID, concludedAtLast)
	if left > 0 {
		r.concluded.Store(s.UID, concludedOnce)
	}
	return left, nil
}

// endUnnamed ends as many sessions that may have come of this request as are one too many.
func (r *activitySessionReconciler) endUnnamed(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, extra int,
) error {
	found, err := r.unnamed(ctx, server, s)
	if err != nil {
		return err
	}
	for _, candidate := range found {
		if extra == 0 || candidate.Status.Terminal() || strings.EqualFold(candidate.ID, s.Status.SessionID) {
			continue
		}
		mine, err := r.claimUnnamed(ctx, server, s, candidate.ID)
		if err != nil {
			return err
		}
		if !mine {
			continue
		}
		if err := r.endExtra(ctx, server, s, candidate.ID); err != nil {
			return err
		}
		extra--
	}
	return nil
}

// How far the look for sessions of earlier sendings is.
const (
	concludedOnce   = "once"
	concludedAtLast = "at last"
)

// looksLike says that a session which does not tell whose it is may be the one that was asked for: all that is known of
// it is as it was asked for. The server cuts notes to the limit; 0 if that is not known.
func looksLike(s *pamv1alpha1.ActivitySession, c nps.Summary, limit int, now moment) bool {
	if c.Note != "" && !connection.NoteIsCutFrom(c.Note, newRequestID(s), limit) {
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
