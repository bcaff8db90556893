// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// remover ends the sessions of objects that are being deleted.
type remover struct {
	*base

	follower  *follower
	requester *requester
	secrets   *secretKeeper
	spent     *spent.Memory
}

// remove ends the session of an object that is being deleted, and removes the finalizer when the session is over. It
// continues if the object is gone.
func (r *remover) remove(ctx context.Context, s *pamv1alpha1.ActivitySession) loop.Outcome {
	if !controllerutil.ContainsFinalizer(s, pamv1alpha1.Finalizer) {
		return loop.Continue()
	}
	keep, err := r.isKept(ctx, s)
	switch {
	case err != nil:
		return sessionOutcome(s, err)
	case keep:
		return r.keep(ctx, s)
	}
	out, err := r.windDown(ctx, s)
	// The end at the server comes first, and does not depend on anything that the cluster may refuse.
	untidy := r.secrets.remove(ctx, s)
	if err != nil {
		out = sessionOutcome(s, err)
	}
	switch {
	case err == nil && out.Continues():
		return r.releaseTidy(ctx, s, untidy)
	case r.isLost(ctx, s, out, err):
		if err := r.abandon(ctx, s, cmp.Or(err, errUnconfirmed)); err != nil {
			return loop.OutcomeOf(err)
		}
		return r.release(ctx, s)
	}
	if err == nil && untidy != nil {
		out = sessionOutcome(s, untidy)
	}
	left := r.untilDeadline(s)
	if left <= 0 { // it is kept longer; the deadline is checked again after as long
		left = r.DeletionDeadline
	}
	return checkedAt(out, left)
}

// untilDeadline is how long it is until the deletion deadline.
func (r *remover) untilDeadline(s *pamv1alpha1.ActivitySession) time.Duration {
	return r.DeletionDeadline - loop.DeletingFor(s)
}

// checkedAt makes an outcome that is not retried anyway notice a deadline.
func checkedAt(out loop.Outcome, left time.Duration) loop.Outcome {
	if out.Err == nil {
		out.After = loop.Soonest(out.After, max(left, loop.DeadlineRecheck))
	}
	return out
}

// releaseTidy removes the finalizer of an object whose session is over. A Secret that cannot be deleted delays that
// until the deletion deadline, so that users see why; after that, the garbage collector deletes it.
func (r *remover) releaseTidy(ctx context.Context, s *pamv1alpha1.ActivitySession, untidy error) loop.Outcome {
	if untidy == nil {
		return r.release(ctx, s)
	}
	out, left := sessionOutcome(s, untidy), r.untilDeadline(s)
	if left <= 0 {
		r.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, out.Message)
		return r.release(ctx, s)
	}
	return checkedAt(out, left)
}

// errUnconfirmed is why a session is given up that was told to end at a server that answers.
var errUnconfirmed = errors.New("the server was told to end the session, and does not say that it is over")

// longestKept is how long an object is kept for a session whose end, as the server reports it, does not come.
const longestKept = 24 * time.Hour

// isLost reports whether an object is removed although its session may live on: its connection is gone or leads
// elsewhere, or it was kept long enough while the session could not be ended, or its end could not be confirmed.
func (r *remover) isLost(ctx context.Context, s *pamv1alpha1.ActivitySession, out loop.Outcome, err error) bool {
	if connection.IsMissing(err) || connection.IsLost(err) {
		return true
	}
	return (err != nil || s.Status.Phase == pamv1alpha1.SessionEnding) && mayAbandon(
		s, r.moment(ctx, s), r.DeletionDeadline, out.State == loop.StateStalled || err == nil && !isUnconfirmed(s))
}

// mayAbandon reports whether an object whose session cannot be ended was kept long enough. If someone has to act, or if
// the server says that the session lives although it was told to end it, the object is kept until the session ends by
// itself: people should see it for as long as it lives.
func mayAbandon(s *pamv1alpha1.ActivitySession, now moment, deadline time.Duration, mustBeSeen bool) bool {
	kept := now.local.Sub(s.DeletionTimestamp.Time)
	livesOn := s.Status.ExpiresAt != nil && now.left(s.Status.ExpiresAt) > 0 && kept < longestKept
	return kept > deadline && (!mustBeSeen || !livesOn)
}

// isUnconfirmed reports whether the server was told to end a session and does not say in a known way whether it has.
func isUnconfirmed(s *pamv1alpha1.ActivitySession) bool {
	return s.Status.Phase == pamv1alpha1.SessionEnding && !nps.Status(s.Status.ServerStatus).Known()
}

// windDown takes one step towards the end of the session. It continues if the session is over.
func (r *remover) windDown(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	if s.Status.Phase.Terminal() || s.Status.SessionID == "" && !r.mayHaveAsked(ctx, s) {
		return loop.Continue(), nil
	}
	server, err := r.follower.server(ctx, s)
	if err != nil {
		return loop.Outcome{}, err
	}
	if s.Status.SessionID == "" { // perhaps it was requested; that is not known yet
		if out, err := r.find(ctx, server, s); err != nil || s.Status.SessionID == "" {
			return out, err
		}
	}
	out, err := r.follower.observer.read(ctx, server, s)
	switch {
	case err != nil:
		return loop.Outcome{}, r.follower.endUnread(ctx, server, s, err)
	case !out.Continues():
		return out, nil
	case s.Status.Phase.Terminal():
		return loop.Continue(), nil
	case s.Status.Phase != pamv1alpha1.SessionEnding:
		err = r.endDeleted(ctx, server, s)
	default:
		_, err = r.follower.endAgain(ctx, server, s)
	}
	return loop.Wait(pamv1alpha1.ReasonProgressing, "the server is ending the session", sessionRecheck), err
}

// mayHaveAsked reports whether a session is to be searched for: because the status says that it was requested, or
// because the status may have been lost, and the connection's owner allows the request.
func (r *remover) mayHaveAsked(ctx context.Context, s *pamv1alpha1.ActivitySession) bool {
	if loop.RequestID(s) != "" || !hinted(s) {
		return loop.RequestID(s) != ""
	}
	_, err := r.mayAsk(ctx, s)
	return err == nil
}

// find searches for the session of a request whose outcome is not in the status. It continues if there is none.
func (r *remover) find(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	if s.Status.Phase == "" {
		r.enter(s, pamv1alpha1.SessionPending, "")
	}
	return r.requester.recover(ctx, server, s)
}

// release removes the finalizer, and continues if that succeeded.
func (r *remover) release(ctx context.Context, s *pamv1alpha1.ActivitySession) loop.Outcome {
	if err := r.remember(ctx, s); err != nil {
		return checkedAt(loop.OutcomeOf(err), r.untilDeadline(s))
	}
	r.forget(s)
	err := loop.PatchMetadata(ctx, r.Client, s, func(o client.Object) {
		controllerutil.RemoveFinalizer(o, pamv1alpha1.Finalizer)
	})
	if err := client.IgnoreNotFound(err); err != nil {
		return loop.OutcomeOf(err)
	}
	return loop.Continue()
}

// forget drops all that this process knows about an object. Sessions of it that appear later are left to the poller.
func (r *remover) forget(s *pamv1alpha1.ActivitySession) {
	name := client.ObjectKeyFromObject(s)
	r.Pool.Unfollow(s.Spec.ConnectionRef, name)
	sent, kept := s.Status.RequestID == loop.NewRequestID(s) && !r.wasRefused(s), ""
	if s.Keeps() {
		kept = s.Status.SessionID
		sent = sent && kept != "" // any session that appears may be the one that is kept
	}
	if sent {
		r.Pool.Remember(s.Spec.ConnectionRef, sessions.Departed{
			Object: name, UID: s.UID, RequestID: loop.NewRequestID(s), Kept: kept,
			Pressing: uncertain(s) || kept == "" && !s.Status.Phase.Terminal(), Until: r.now().Add(watchFor),
		})
	}
	r.claims.forget(s.UID)
	r.memory.forget(s.UID)
}
