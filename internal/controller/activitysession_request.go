// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file asks for a session exactly once. NPS has no idempotency key, so the order of steps is what guarantees it:
//
//  1. a metadata patch, under an optimistic lock, puts the finalizer on the object;
//  2. a status patch, under an optimistic lock, writes the mark: the request id and when it is sent;
//  3. the request is sent, soon or not at all, with the request id at the beginning of its note;
//  4. the status gets the session's id.
//
// Whoever finds the mark but no session id searches for it before sending anything. And before all of that the
// connection's owner must allow the request.

// maxStartAhead is how far in the future a session may begin, as long as anything else of it may take at most. What
// ends after the year 9999 many servers and clients cannot read, and with it none of the sessions in the same list.
const maxStartAhead = 8760 * time.Hour

// limitRetry is how often a request that waits for a place looks again.
const limitRetry = 15 * time.Second

// Reasons why a request has failed.
const (
	reasonRejected       = "Rejected"
	reasonOutcomeUnknown = "OutcomeUnknown"
	reasonNotPermitted   = "NotPermitted"
)

// request is the handler of Pending. A request that comes to nothing is given up in the end, but for one that its
// author holds back, or whose workload cannot run yet.
func (r *activitySessionReconciler) request(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	if s.Status.SessionID != "" { // it was created, and its state could not be read
		r.enter(s, pamv1alpha1.SessionStarting, "")
		s.Status.Deadline = deadline(s, r.moment(ctx, s))
		return outcome{}, nil
	}
	workload, err := r.bound(ctx, s) // what is seen of it is kept, whatever this pass comes to
	if err != nil {
		return outcome{}, err
	}
	heldBack := requestID(s) == "" && (s.Suspended() || workload.idle != "")
	if heldBack {
		s.Status.Deadline = nil
	}
	over := s.Status.Deadline != nil && !r.now().Before(s.Status.Deadline.Time)
	if over && !s.Cancelled() {
		return r.giveUp(ctx, s)
	}
	out, err := r.ask(ctx, s, workload)
	switch {
	case s.Status.Phase != pamv1alpha1.SessionPending, heldBack:
		return out, err
	case over:
		return r.giveUp(ctx, s)
	}
	s.Status.Deadline = at(pendingDeadline(s, r.now()))
	return out, err
}

// ask makes one try to get the session that is asked for.
func (r *activitySessionReconciler) ask(
	ctx context.Context, s *pamv1alpha1.ActivitySession, workload boundWorkload,
) (outcome, error) {
	sent := requestID(s) != ""
	if !sent {
		if out, stop := r.mayBegin(s, workload); stop {
			return out, nil
		}
	}
	may, denial := r.mayAsk(ctx, s)
	if denial != nil && (!sent || !isDenied(denial)) {
		return outcome{}, denial
	}
	if sent || hinted(s) {
		if out, settled, err := r.settle(ctx, s, denial); err != nil || settled {
			return out, err
		}
		if out, stop := r.mayBegin(s, workload); stop { // nothing was sent, and nothing is to be
			return out, nil
		}
	}
	return r.begin(ctx, s, may)
}

// settle finds out what became of a request that was sent before, or may have been. It says whether that is all that
// can be done in this pass.
func (r *activitySessionReconciler) settle(
	ctx context.Context, s *pamv1alpha1.ActivitySession, denial error,
) (out outcome, settled bool, err error) {
	if denial != nil && r.places.isUnsent(s.UID) {
		return outcome{}, false, denial
	}
	_, server, err := r.pool.Following(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return outcome{}, false, err
	}
	if denial != nil {
		out, err := r.withdraw(ctx, server, s, denial)
		return out, true, err
	}
	hint := requestID(s) == ""
	if hint { // whatever is found is to be held
		if _, followed := r.hints.Load(s.UID); followed {
			return outcome{}, false, nil
		}
		if err := r.hold(ctx, s); err != nil {
			return outcome{}, false, err
		}
	}
	out, found, err := r.recover(ctx, server, s)
	if hint && err == nil && !found {
		r.hints.Store(s.UID, true)
	}
	return out, found || out.reason != "", err
}

// begin sends the request, if the connection can take it now.
func (r *activitySessionReconciler) begin(
	ctx context.Context, s *pamv1alpha1.ActivitySession, may permission,
) (outcome, error) {
	conn, server, err := r.pool.Server(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return outcome{}, err
	}
	if !conn.DeletionTimestamp.IsZero() {
		return wait(pamv1alpha1.ReasonConnectionNotReady, "the connection is being deleted; nothing has been sent", 0), nil
	}
	if conn.Suspended() {
		return held("the connection is suspended; nothing has been sent"), nil
	}
	why, err := r.places.take(ctx, s, may, r.pool.Namespace)
	if err != nil {
		return outcome{}, err
	}
	if why != "" {
		return wait(pamv1alpha1.ReasonProgressing, "waiting for a place: "+why, limitRetry), nil
	}
	if err := r.mark(ctx, s); err != nil {
		return outcome{}, err
	}
	return r.send(ctx, server, s)
}

// mayBegin looks for what holds a request back before anything was sent.
func (r *activitySessionReconciler) mayBegin(
	s *pamv1alpha1.ActivitySession, workload boundWorkload,
) (out outcome, stop bool) {
	switch {
	case s.Cancelled():
		r.enter(s, pamv1alpha1.SessionCancelled, "cancelled before anything was asked for")
		return outcome{}, true
	case workload.over:
		r.enter(s, pamv1alpha1.SessionCancelled, workload.why+" before anything was asked for")
		return outcome{}, true
	case s.Suspended():
		return held("suspended; nothing has been sent"), true
	case s.Spec.StartTime != nil && s.Spec.StartTime.Sub(r.now()) > maxStartAhead:
		return stalled(pamv1alpha1.ReasonInvalidSpec, fmt.Sprintf(
			"spec.startTime: at most %s ahead; nothing has been sent", maxStartAhead)), true
	case workload.idle != "":
		return held(workload.idle + "; nothing is asked for before it may run"), true
	}
	return outcome{}, false
}

// send asks for the session.
func (r *activitySessionReconciler) send(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	r.claims.send(s)
	defer r.claims.sent(s.UID)
	request := createRequest(s, r.moment(ctx, s))
	session, err := server.Create(r.inTime(ctx, s), request)
	if errors.Is(err, nps.ErrTooLate) { // another manager may have taken over meanwhile
		return outcome{}, errStale
	}
	if err != nil {
		return r.unsent(ctx, server, s, err)
	}
	r.claims.make(session.ID, s.UID)
	r.accepted(ctx, server, s, session.ID, audit.Request)
	if session.Status == "" { // the answer had the id alone
		if session, err = server.Read(ctx, session.ID); err != nil {
			return outcome{}, err
		}
		server.Learn(request.Note, session.Note)
	}
	r.observe(ctx, server, s, session)
	return outcome{}, nil
}

// unsent is what a request comes to whose answer is not a session.
func (r *activitySessionReconciler) unsent(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, err error,
) (outcome, error) {
	switch {
	case refused(err):
		r.audit(ctx, server, s, audit.Request, audit.Refused, err.Error())
		return r.refuse(ctx, server, s, err)
	case !rest.IsOutcomeUnknown(err):
		r.audit(ctx, server, s, audit.Request, audit.Failed, err.Error())
		r.places.refused(s.UID, &refusal{unsent: true})
		return outcome{}, err
	}
	r.audit(ctx, server, s, audit.Request, audit.Unknown, err.Error())
	out := sessionOutcome(err) // the next pass searches before it sends
	if out.err != nil {
		out.err, out.after = nil, min(r.SecondLook, firstRetry)
	}
	return out, nil
}

// accepted notes that the server has a session for this request: one that it has just made, or one that was found.
func (r *activitySessionReconciler) accepted(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, id string, how audit.Action,
) {
	r.claims.is(id, s.UID)
	s.Status.SessionID, s.Status.RequestID, s.Status.Deadline = id, newRequestID(s), nil
	s.Status.RequestTime = &metav1.Time{Time: r.now()}
	r.audit(ctx, server, s, how, audit.Succeeded, "")
}
