// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file asks for a session exactly once. NPS has no idempotency key, so the order of steps is what guarantees it:
//
//  1. one metadata patch, under an optimistic lock, writes the request id (and the finalizer);
//  2. the request is sent, soon or not at all, with the request id at the end of its note;
//  3. the status gets the session's id.
//
// Whoever finds the request id but no session id searches for it before sending anything.

// limitRetry is how often a request that waits for a place looks again.
const limitRetry = 15 * time.Second

// Reasons why a request has failed.
const (
	reasonRejected       = "Rejected"
	reasonOutcomeUnknown = "OutcomeUnknown"
)

// request is the handler of Pending. A request that comes to nothing is given up in the end, but for one that its
// author holds back.
func (r *activitySessionReconciler) request(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	if s.Status.SessionID != "" { // it was created, and its state could not be read
		r.enter(s, pamv1alpha1.SessionStarting, "")
		s.Status.Deadline = deadline(s, r.now())
		return outcome{}, nil
	}
	if s.Suspended() && requestID(s) == "" {
		s.Status.Deadline = nil
	}
	over := s.Status.Deadline != nil && !r.now().Before(s.Status.Deadline.Time)
	if over && !s.Cancelled() {
		return r.giveUp(ctx, s)
	}
	out, err := r.ask(ctx, s)
	switch {
	case s.Status.Phase != pamv1alpha1.SessionPending, s.Suspended() && requestID(s) == "":
		return out, err
	case over:
		return r.giveUp(ctx, s)
	}
	s.Status.Deadline = at(pendingDeadline(s, r.now()))
	return out, err
}

// ask makes one try to get the session that is asked for.
func (r *activitySessionReconciler) ask(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	marked := requestID(s) != ""
	if !marked {
		if out, stop := r.mayBegin(ctx, s); stop {
			return out, nil
		}
	}
	_, server, err := r.pool.Following(ctx, s.Spec.ConnectionRef, s.Namespace)
	if marked && err == nil {
		if out, found, err := r.recover(ctx, server, s); err != nil || found || out.reason != "" {
			return out, err
		}
		if out, stop := r.mayBegin(ctx, s); stop { // nothing was sent, and nothing is to be
			return out, nil
		}
	}
	conn, server, err := r.pool.Server(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return outcome{}, err
	}
	if out, err := r.permitted(ctx, conn, s); err != nil || out.reason != "" {
		return out, err
	}
	if err := r.mark(ctx, s); err != nil {
		return outcome{}, err
	}
	return r.send(ctx, server, s)
}

// mayBegin looks for what holds a request back before anything was sent.
func (r *activitySessionReconciler) mayBegin(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (out outcome, stop bool) {
	if s.Cancelled() {
		r.enter(s, pamv1alpha1.SessionCancelled, "cancelled before anything was asked for")
		return outcome{}, true
	}
	if s.Suspended() {
		return held("suspended; nothing has been sent"), true
	}
	over, why, err := r.workloadOver(ctx, s, false)
	if err != nil {
		return outcomeOf(err), true
	}
	if over {
		r.enter(s, pamv1alpha1.SessionCancelled, why+" before anything was asked for")
		return outcome{}, true
	}
	return outcome{}, false
}

// permitted checks what the connection's owner allows, before anything is sent.
func (r *activitySessionReconciler) permitted(
	ctx context.Context, conn *pamv1alpha1.NPSConnection, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	if conn.Suspended() {
		return held("the connection is suspended; nothing has been sent"), nil
	}
	from, err := r.pool.Namespace(ctx, s.Namespace)
	if err != nil {
		return outcome{}, err
	}
	ok, why, err := connection.Grants(conn.Spec.Grants, conn.Namespace, from, grantRequest(s))
	if err != nil {
		return outcome{}, err
	}
	name := client.ObjectKeyFromObject(conn)
	if !ok {
		return outcome{}, mustAct(pamv1alpha1.ReasonConnectionNotPermitted,
			"connection %s does not allow this request: %s; its owner can change grants", name, why)
	}
	limit := int(connection.ActiveSessionLimit(conn))
	live, taken, err := r.places.take(ctx, s, name, limit)
	if err != nil || taken {
		return outcome{}, err
	}
	return wait(pamv1alpha1.ReasonProgressing, fmt.Sprintf(
		"waiting for a place: %d of at most %d sessions live through connection %s", live, limit, name), limitRetry), nil
}

// mark writes the request id before the request is sent.
func (r *activitySessionReconciler) mark(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	err := patchMetadata(ctx, r.client, s, func(o client.Object) {
		controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer)
		setAnnotation(o, pamv1alpha1.AnnotationRequestID, newRequestID(s))
		setAnnotation(o, pamv1alpha1.AnnotationRequestedAt, r.now().UTC().Format(time.RFC3339Nano))
	})
	s.Status.RequestID = requestID(s)
	if apierrors.IsConflict(err) {
		return errStale
	}
	return err
}

// send asks for the session.
func (r *activitySessionReconciler) send(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	r.unanswered.forget(s.UID)
	r.claims.send(s)
	defer r.claims.sent(s.UID)
	// By the server's clock, lest a session be shorter or longer than was asked for by what the clocks differ.
	now := server.Client().ServerTime(r.now())
	session, err := server.Create(r.inTime(ctx, s), createRequest(s, now, server.NoteLimit()))
	switch {
	case errors.Is(err, nps.ErrTooLate): // another manager may have taken over meanwhile
		return outcome{}, errStale
	case refused(err):
		return r.refuse(s, err), nil
	case err != nil && !rest.IsOutcomeUnknown(err):
		r.places.refused(s.UID) // it never got there
		return outcome{}, err
	case err != nil:
		return outcome{}, err // the next pass searches before it sends
	}
	r.accepted(ctx, s, session.ID)
	if session.Status == "" { // the answer had the id alone
		if session, err = server.Read(ctx, session.ID); err != nil {
			return outcome{}, err
		}
	}
	r.observe(ctx, server, s, session)
	return outcome{}, nil
}

// inTime keeps a request from being sent long after it was marked: by a manager that stood still, say, while another
// one took over, or behind a sign-in that somebody had to confirm. Whoever finds the mark counts from it when nothing
// more can come of the request, so most of that time is left to the server.
func (r *activitySessionReconciler) inTime(ctx context.Context, s *pamv1alpha1.ActivitySession) context.Context {
	return nps.LeaveBefore(ctx, r.sentAt(s).Add(r.Settle/4))
}

// refused says that the server looked at the request and created nothing (nps contract 4.2).
func refused(err error) bool {
	return rest.IsRejected(err) || rest.IsForbidden(err) || rest.IsNotFound(err) || rest.IsConflict(err)
}

// refuse keeps a refused request for a while, and then gives up.
func (r *activitySessionReconciler) refuse(s *pamv1alpha1.ActivitySession, err error) outcome {
	r.places.refused(s.UID)
	s.Status.Deadline = at(pendingDeadline(s, r.now()))
	return stalled(pamv1alpha1.ReasonRejected, err.Error()+"; asked again until "+
		s.Status.Deadline.UTC().Format(time.RFC3339))
}

// accepted notes that the server has created a session for this request.
func (r *activitySessionReconciler) accepted(ctx context.Context, s *pamv1alpha1.ActivitySession, id string) {
	r.unanswered.forget(s.UID)
	r.claims.is(id, s.UID)
	s.Status.SessionID, s.Status.Deadline = id, nil
	s.Status.RequestTime = &metav1.Time{Time: r.now()}
	logf.FromContext(ctx).Info("privileged session requested", "session", id,
		"request", s.Status.RequestID, "requestedBy", s.Spec.RequestedBy, "generation", s.Generation)
}
