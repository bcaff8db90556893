// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file finds out what became of a request whose answer never came, and ends what is one too many.

// requestSettle is how long a session may take to show up whose request got no answer: the client gives up after 30 s,
// and the server may be as long again at what it has begun, or behind in its lists.
const requestSettle = time.Minute

// recover finds out what became of a request that was sent before. That nothing came of it is believed after a while:
// the server may still be at it although the answer did not come in time.
func (r *activitySessionReconciler) recover(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (out outcome, found bool, err error) {
	if r.places.isRefused(s.UID) {
		return outcome{}, false, nil
	}
	if found, err = r.adopt(ctx, server, s); err != nil || found {
		return outcome{}, found, err
	}
	if next := untilLook(r.now().Sub(r.sentAt(s)), r.SecondLook, r.Settle); next > 0 {
		return wait(pamv1alpha1.ReasonProgressing,
			"the request got no answer, and the server shows no session of it; looking again", next), false, nil
	}
	return outcome{}, false, nil
}

// untilLook is how long to wait before the next look for a request that was sent so long ago; 0 if there is no need for
// another one. The pauses double, and the last look is when the request has settled.
func untilLook(elapsed, first, settle time.Duration) time.Duration {
	if elapsed >= settle {
		return 0
	}
	return min(max(elapsed, first), settle-elapsed+time.Millisecond)
}

// sentAt is when the request was sent last, or may have been. An annotation that makes no sense is not believed: it is
// then counted from when the request was first missed.
func (r *activitySessionReconciler) sentAt(s *pamv1alpha1.ActivitySession) time.Time {
	at, ok := requestedAt(s)
	if now := r.now(); !ok || at.After(now) {
		return r.unanswered.firstSeen(s.UID, now)
	}
	return at
}

// requestedAt reads the annotation. Nothing was asked for before there was the object.
func requestedAt(s *pamv1alpha1.ActivitySession) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, s.Annotations[pamv1alpha1.AnnotationRequestedAt])
	if err != nil || at.Before(s.CreationTimestamp.Time) {
		return time.Time{}, false
	}
	return at, true
}

// adopt looks for sessions of this request. The oldest one that is not over is ours; any further one is ended.
func (r *activitySessionReconciler) adopt(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (bool, error) {
	s.Status.RequestID = requestID(s)
	found, err := server.FindByNote(ctx, s.Status.RequestID)
	if err != nil {
		return false, err
	}
	if len(found) == 0 {
		return r.adoptUnnamed(ctx, server, s)
	}
	slices.SortFunc(found, oldestLiveFirst)
	if err := r.endExtras(ctx, server, s, found[1:]); err != nil {
		return false, err
	}
	return true, r.takeOver(ctx, server, s, found[0].ID)
}

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

func (r *activitySessionReconciler) takeOver(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, id string,
) error {
	session, err := server.Read(ctx, id)
	if err != nil {
		return err
	}
	r.accepted(ctx, s, session.ID)
	r.observe(ctx, server, s, session)
	return nil
}

// adoptUnnamed looks for the session of this request at a server that does not give notes back: one for the same, made
// since the request was sent, that no other object has. It says so, because it is a conclusion and no proof.
func (r *activitySessionReconciler) adoptUnnamed(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (bool, error) {
	at, ok := requestedAt(s)
	if !ok || s.Spec.Resource == nil || server.KeepsNotes() && server.NoteLimit() == 0 {
		return false, nil
	}
	found, err := server.MadeSince(ctx, at)
	if err != nil {
		return false, err
	}
	found = slices.DeleteFunc(found, func(c nps.Summary) bool {
		return !looksLike(s, c, server.KeepsNotes()) || c.CreatedAt.After(server.Client().ServerTime(r.now()).Add(soon))
	})
	if len(found) > 0 && r.claims.contended(s) {
		return false, &problem{
			reason: pamv1alpha1.ReasonProgressing, after: r.SecondLook,
			message: "the server gives no notes back, and another request for the same is under way; looking again",
		}
	}
	slices.SortFunc(found, oldestLiveFirst)
	for _, candidate := range found {
		mine, err := r.claims.take(ctx, candidate.ID, s.UID)
		if err != nil {
			return false, err
		}
		if mine {
			r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonProgressing, "the server gives no notes back: "+
				"took session "+candidate.ID+" for the one that was asked for, by its activity, resource and time")
			return true, r.takeOver(ctx, server, s, candidate.ID)
		}
	}
	return false, nil
}

// enoughOfNote is how much of a note that was cut short tells whose it is, in bytes.
const enoughOfNote = 64

// looksLike says that a session without our request id may be the one that was asked for: its note is missing, or the
// beginning of ours, and all else is as it was asked for.
func looksLike(s *pamv1alpha1.ActivitySession, c nps.Summary, notesAreKept bool) bool {
	full := note(s, 0)
	switch {
	case c.Note == "":
		if notesAreKept {
			return false
		}
	case len(c.Note) < min(enoughOfNote, len(full)/2) || len(c.Note) >= len(full) || !strings.HasPrefix(full, c.Note):
		return false
	}
	sameStart := s.Spec.StartTime == nil || c.ScheduledStart.Sub(s.Spec.StartTime.Time) > -time.Minute
	sameTicket := c.Ticket == "" || c.Ticket == s.Spec.Ticket
	return sameStart && sameTicket &&
		named(s.Spec.Activity, c.ActivityName, c.ActivityID) &&
		named(*s.Spec.Resource, c.ManagedResourceName, c.ManagedResourceID)
}

func named(want pamv1alpha1.NamedOrID, name, id string) bool {
	if want.ID != "" {
		return strings.EqualFold(want.ID, id)
	}
	return want.Name != "" && strings.EqualFold(want.Name, name)
}

// endExtra ends a session that was made by the same request as ours.
func (r *activitySessionReconciler) endExtra(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, id string,
) error {
	if err := server.Client().End(ctx, id); err != nil {
		return err
	}
	logf.FromContext(ctx).Info("privileged session ended: one too many", "session", id, "request", newRequestID(s))
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

// oldestLiveFirst orders sessions of the same request: those that live before those that are over, then by age.
func oldestLiveFirst(a, b nps.Summary) int {
	if a.Status.Terminal() != b.Status.Terminal() {
		if a.Status.Terminal() {
			return 1
		}
		return -1
	}
	return a.CreatedAt.Compare(b.CreatedAt.Time)
}

const (
	// requestPatience is how long a request that was not sent waits for its connection, or for a place.
	requestPatience = 24 * time.Hour
	// refusalPatience is how long a request is tried again, slowly, that was sent and came to nothing that is known: the
	// cause may be mended at the server, but nobody wants a privileged session to open hours after it was asked for.
	refusalPatience = time.Hour
)

// pendingDeadline is when a request that came to nothing is given up. It never moves away.
func pendingDeadline(s *pamv1alpha1.ActivitySession, now time.Time) time.Time {
	end := now
	if s.Spec.StartTime != nil && s.Spec.StartTime.After(now) {
		end = s.Spec.StartTime.Time
	}
	end = end.Add(requestPatience)
	if requestID(s) != "" {
		end = now.Add(refusalPatience)
	}
	if known := s.Status.Deadline; known != nil && known.Time.Before(end) {
		end = known.Time
	}
	return end
}

// watchFor is how long a session is looked for after its request was given up without knowing what became of it.
const watchFor = 24 * time.Hour

// watched says that a session may yet show up that nobody waits for any more.
func (r *activitySessionReconciler) watched(s *pamv1alpha1.ActivitySession) bool {
	f, end := s.Status.Failure, s.Status.EndTime
	return s.Status.Phase == pamv1alpha1.SessionFailed && f != nil && f.Reason == reasonOutcomeUnknown &&
		s.Status.SessionID == "" && (end == nil || r.now().Sub(end.Time) < watchFor)
}

// watch ends a session that shows up after its request was given up.
func (r *activitySessionReconciler) watch(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	_, server, err := r.pool.Following(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return nil //nolint:nilerr // without its connection nothing can be seen, and a watch tells when it is back
	}
	r.follow(s)
	return r.endCopies(ctx, server, s)
}

// giveUp ends a request whose time is over, after a last look for what may have come of it.
func (r *activitySessionReconciler) giveUp(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	reason, why := "RequestTimeout", "the session could not be asked for in time"
	if c := readyOf(s); c != nil {
		why += ": " + c.Message
		if c.Reason == pamv1alpha1.ReasonRejected {
			reason = reasonRejected
		}
	}
	if requestID(s) == "" || r.places.isRefused(s.UID) {
		r.fail(s, reason, why)
		return outcome{}, nil
	}
	found, err := r.lastLook(ctx, s)
	switch {
	case found && err == nil:
	case err == nil && untilLook(r.now().Sub(r.sentAt(s)), r.SecondLook, r.Settle) == 0:
		r.fail(s, reason, why)
	default:
		r.fail(s, reasonOutcomeUnknown, fmt.Sprintf("it is not known whether the server has made a session: look for %s "+
			"there. One that shows up within %s is ended. %s", newRequestID(s), watchFor, why))
	}
	return outcome{}, nil
}

func (r *activitySessionReconciler) lastLook(ctx context.Context, s *pamv1alpha1.ActivitySession) (bool, error) {
	_, server, err := r.pool.Following(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return false, err
	}
	return r.adopt(ctx, server, s)
}
