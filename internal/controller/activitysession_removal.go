// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// remove ends the session of an object that is being deleted, and lets the object go when it is over.
func (r *activitySessionReconciler) remove(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (out outcome, released bool) {
	if !controllerutil.ContainsFinalizer(s, pamv1alpha1.Finalizer) {
		return outcome{}, true
	}
	over, out, err := r.windDown(ctx, s)
	if err != nil {
		out = sessionOutcome(err)
	}
	switch {
	case err == nil && over:
		return r.release(ctx, s)
	case connection.IsMissing(err), err != nil && r.mayAbandon(s, out):
		r.abandon(ctx, s, err)
		return r.release(ctx, s)
	}
	if out.after == 0 && out.err == nil {
		out.after = r.DeletionDeadline // so that the deadline is noticed
	}
	return out, false
}

// mayAbandon says that an object whose session cannot be ended was held long enough. Where somebody has to act, it is
// held until the session ends by itself: as long as it lives, they should see it.
func (r *activitySessionReconciler) mayAbandon(s *pamv1alpha1.ActivitySession, out outcome) bool {
	late := r.now().Sub(s.DeletionTimestamp.Time) > r.DeletionDeadline
	livesOn := s.Status.ExpiresAt != nil && r.now().Before(s.Status.ExpiresAt.Time)
	return late && (out.state == stateReconciling || !livesOn)
}

// windDown makes one step towards the end of the session, and says whether it is over.
func (r *activitySessionReconciler) windDown(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (over bool, out outcome, err error) {
	if err := r.removeSecret(ctx, s); err != nil {
		return false, outcome{}, err
	}
	if s.Status.Phase.Terminal() || s.Status.SessionID == "" && requestID(s) == "" {
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
	case err != nil || out.reason != "":
		return false, out, err
	case s.Status.Phase.Terminal():
		return true, outcome{}, nil
	case s.Status.Phase != pamv1alpha1.SessionEnding:
		err = r.end(ctx, server, s, reasonCancelled, "the ActivitySession was deleted")
	}
	return false, wait(pamv1alpha1.ReasonProgressing, "the server is ending the session", sessionRecheck), err
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

// abandon tells that a session may live on although its object goes.
func (r *activitySessionReconciler) abandon(ctx context.Context, s *pamv1alpha1.ActivitySession, cause error) {
	message := fmt.Sprintf("session %s (request %s) may live on at the server until %s: %v",
		s.Status.SessionID, s.Status.RequestID, clock(s.Status.ExpiresAt), cause)
	r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, message)
	leftovers.WithLabelValues("sessions").Inc()
	logf.FromContext(ctx).Info("privileged session left at the server", "session", s.Status.SessionID,
		"request", s.Status.RequestID, "cause", cause.Error(), "after", time.Since(s.DeletionTimestamp.Time).String())
}
