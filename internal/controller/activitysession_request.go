// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
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
//  2. the request is sent, with the request id at the end of its note;
//  3. the status gets the session's id.
//
// Whoever finds the request id but no session id searches for it before sending anything.

const (
	// refusalPatience is how long a refused request is tried again, slowly, before it has failed for good: the cause may
	// be mended at the server, but nobody wants a privileged session to open hours after it was asked for.
	refusalPatience = time.Hour
	// limitRetry is how often a request that waits for a place looks again.
	limitRetry = 15 * time.Second
)

// request is the handler of Pending.
func (r *activitySessionReconciler) request(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	marked := s.Annotations[pamv1alpha1.AnnotationRequestID] != ""
	if !marked {
		if out, stop := r.mayBegin(ctx, s); stop {
			return out, nil
		}
	}
	conn, server, err := r.pool.Server(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return outcome{}, err
	}
	if marked {
		if found, err := r.adopt(ctx, server, s); err != nil || found {
			return outcome{}, err
		}
		if out, stop := r.mayBegin(ctx, s); stop { // nothing was sent, and nothing is to be
			return out, nil
		}
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
	live, err := liveSessions(ctx, r.client, name)
	if err != nil {
		return outcome{}, err
	}
	if limit := int(connection.ActiveSessionLimit(conn)); live >= limit {
		return wait(pamv1alpha1.ReasonProgressing, fmt.Sprintf(
			"waiting for a place: %d of at most %d sessions live through connection %s", live, limit, name), limitRetry), nil
	}
	return outcome{}, nil
}

// mark writes the request id before the request is sent.
func (r *activitySessionReconciler) mark(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	err := patchMetadata(ctx, r.client, s, func(o client.Object) {
		controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer)
		if o.GetAnnotations()[pamv1alpha1.AnnotationRequestID] == "" {
			setAnnotation(o, pamv1alpha1.AnnotationRequestID, newRequestID(s))
		}
	})
	s.Status.RequestID = s.Annotations[pamv1alpha1.AnnotationRequestID]
	return err
}

// adopt looks for sessions of this request. The oldest one that is not over is ours; any further one is ended.
func (r *activitySessionReconciler) adopt(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (bool, error) {
	s.Status.RequestID = s.Annotations[pamv1alpha1.AnnotationRequestID]
	found, err := server.FindByNote(ctx, s.Status.RequestID)
	if err != nil || len(found) == 0 {
		return false, err
	}
	slices.SortFunc(found, oldestLiveFirst)
	for _, extra := range found[1:] {
		if extra.Status.Terminal() {
			continue
		}
		if err := server.Client().End(ctx, extra.ID); err != nil {
			return false, err
		}
		r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonConflict,
			"ended session "+extra.ID+", a second one for the same request")
	}
	session, err := server.Client().Get(ctx, found[0].ID)
	if err != nil {
		return false, err
	}
	r.accepted(ctx, s, session)
	return true, nil
}

// send asks for the session.
func (r *activitySessionReconciler) send(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	session, err := server.Client().Create(ctx, createRequest(s, r.now()))
	if err != nil {
		if refused(err) {
			return r.refuse(s, err), nil
		}
		return outcome{}, err // if the outcome is unknown, the next pass searches before it sends
	}
	if session.Status == "" { // the answer had the id alone
		if session, err = server.Client().Get(ctx, session.ID); err != nil {
			s.Status.SessionID = session.ID
			return outcome{}, err
		}
	}
	r.accepted(ctx, s, session)
	return outcome{}, nil
}

// refused says that the server looked at the request and created nothing (nps contract 4.2).
func refused(err error) bool {
	return rest.IsRejected(err) || rest.IsForbidden(err) || rest.IsNotFound(err) || rest.IsConflict(err)
}

// refuse keeps a refused request for a while, and then gives up.
func (r *activitySessionReconciler) refuse(s *pamv1alpha1.ActivitySession, err error) outcome {
	if s.Status.Deadline == nil {
		s.Status.Deadline = &metav1.Time{Time: r.now().Add(refusalPatience)}
	}
	if r.now().After(s.Status.Deadline.Time) {
		r.fail(s, "Rejected", err.Error())
		return outcome{}
	}
	return stalled(pamv1alpha1.ReasonRejected, err.Error()+"; asked again until "+
		s.Status.Deadline.UTC().Format(time.RFC3339))
}

// accepted takes over a session that the server has created for this request.
func (r *activitySessionReconciler) accepted(
	ctx context.Context, s *pamv1alpha1.ActivitySession, session nps.Session,
) {
	s.Status.SessionID, s.Status.Deadline = session.ID, nil
	s.Status.RequestTime = &metav1.Time{Time: r.now()}
	logf.FromContext(ctx).Info("privileged session requested", "session", session.ID,
		"request", s.Status.RequestID, "requestedBy", s.Spec.RequestedBy, "generation", s.Generation)
	r.follow(s, session)
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
