// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// remove ends the session of an object that is being deleted, and lets the object go when it is over.
func (r *activitySessionReconciler) remove(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (out outcome, released bool) {
	if !controllerutil.ContainsFinalizer(s, pamv1alpha1.Finalizer) {
		return outcome{}, true
	}
	over, out, err := r.windDown(ctx, s)
	// The end at the server comes first, and waits for nothing that the cluster may refuse.
	untidy := r.removeSecret(ctx, s)
	if err != nil {
		out = sessionOutcome(err)
	}
	switch {
	case err == nil && over:
		return r.letGo(ctx, s, untidy)
	case connection.IsMissing(err), connection.IsLost(err), err != nil && r.mayAbandon(ctx, s, out),
		err == nil && untold(s) && r.mayAbandon(ctx, s, out):
		if err := r.abandon(ctx, s, cmp.Or(err, errUntold)); err != nil {
			return outcomeOf(err), false
		}
		return r.release(ctx, s)
	}
	if err == nil && untidy != nil {
		out = sessionOutcome(untidy)
	}
	if out.err == nil { // so that the deadline is noticed
		left := r.DeletionDeadline - deletingFor(s)
		if left <= 0 { // it is held longer; the next look is as far away
			left = r.DeletionDeadline
		}
		out.after = soonest(out.after, max(left, deadlineRecheck))
	}
	return out, false
}

// letGo lets an object go whose session is over. A Secret that cannot be deleted holds it for the deletion deadline, so
// that people see why; then the garbage collector has it.
func (r *activitySessionReconciler) letGo(
	ctx context.Context, s *pamv1alpha1.ActivitySession, untidy error,
) (outcome, bool) {
	if untidy == nil {
		return r.release(ctx, s)
	}
	out, left := sessionOutcome(untidy), r.DeletionDeadline-deletingFor(s)
	if left <= 0 {
		r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, out.message)
		return r.release(ctx, s)
	}
	if out.err == nil {
		out.after = soonest(out.after, max(left, deadlineRecheck))
	}
	return out, false
}

// mayAbandon says that an object whose session cannot be ended was held long enough. Where somebody has to act, it is
// held until the session ends by itself: as long as it lives, they should see it.
func (r *activitySessionReconciler) mayAbandon(ctx context.Context, s *pamv1alpha1.ActivitySession, out outcome) bool {
	late := r.now().Sub(s.DeletionTimestamp.Time) > r.DeletionDeadline
	livesOn := s.Status.ExpiresAt != nil && r.moment(ctx, s).left(s.Status.ExpiresAt) > 0
	return late && (out.state == stateReconciling || !livesOn)
}

// errUntold is why a session is given up that was told to end at a server that answers.
var errUntold = errors.New("the server was told to end the session, and its answers do not tell whether it is over")

// untold says that the server was told to end a session and does not say in a way that is known whether it has.
func untold(s *pamv1alpha1.ActivitySession) bool {
	return s.Status.Phase == pamv1alpha1.SessionEnding && !nps.Status(s.Status.ServerStatus).Known()
}

// windDown makes one step towards the end of the session, and says whether it is over.
func (r *activitySessionReconciler) windDown(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (over bool, out outcome, err error) {
	if s.Status.Phase.Terminal() || s.Status.SessionID == "" && !r.mayHaveAsked(ctx, s) {
		return true, outcome{}, nil
	}
	server, err := r.server(ctx, s)
	if err != nil {
		return false, outcome{}, err
	}
	if s.Status.SessionID == "" { // it was asked for, perhaps; nobody knows yet
		out, found, err := r.find(ctx, server, s)
		if err != nil || !found {
			return err == nil && out.reason == "", out, err
		}
	}
	out, err = r.look(ctx, server, s)
	switch {
	case err != nil:
		return false, out, r.endUnread(ctx, server, s, err)
	case out.reason != "":
		return false, out, err
	case s.Status.Phase.Terminal():
		_, err := r.endUnnamedExtras(ctx, server, s)
		return err == nil, outcome{}, err
	case s.Status.Phase != pamv1alpha1.SessionEnding:
		err = r.end(ctx, server, s, reasonCancelled, "the ActivitySession was deleted")
	}
	return false, wait(pamv1alpha1.ReasonProgressing, "the server is ending the session", sessionRecheck), err
}

// mayHaveAsked says that a session is to be looked for: because the status says that it was asked for, or because the
// status may have been lost, and the connection's owner allows the request.
func (r *activitySessionReconciler) mayHaveAsked(ctx context.Context, s *pamv1alpha1.ActivitySession) bool {
	if requestID(s) != "" || !hinted(s) {
		return requestID(s) != ""
	}
	_, err := r.mayAsk(ctx, s)
	return err == nil
}

// find looks for the session of a request whose outcome nobody wrote down.
func (r *activitySessionReconciler) find(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (out outcome, found bool, err error) {
	if s.Status.Phase == "" {
		r.enter(s, pamv1alpha1.SessionPending, "")
	}
	return r.recover(ctx, server, s)
}

func (r *activitySessionReconciler) release(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (outcome, bool) {
	r.forget(s)
	err := patchMetadata(ctx, r.client, s, func(o client.Object) {
		controllerutil.RemoveFinalizer(o, pamv1alpha1.Finalizer)
	})
	if err := client.IgnoreNotFound(err); err != nil {
		return outcomeOf(err), false
	}
	return outcome{}, true
}
