// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file requests a session exactly once. NPS has no idempotency key, so the order of steps is what guarantees it:
//
//  1. a metadata patch, under an optimistic lock, puts the finalizer on the object;
//  2. a status patch, under an optimistic lock, writes the mark: the request id and when it is sent;
//  3. the request is sent, soon or not at all, with the request id at the beginning of its note;
//  4. the status gets the session's id.
//
// A manager that finds the mark but no session id searches for the session before it sends anything. And before all of
// that the connection's owner must allow the request.

// requester requests sessions: it is the handler of Pending.
type requester struct {
	*base

	marker     *marker
	quota      *sessionQuota
	finder     *finder
	duplicates *duplicates
	observer   *observer
	secrets    *secretKeeper
	workloads  *workloads
	spent      *spent.Memory
}

const (
	// maxStartAhead is how far in the future a session may start, as long as any other duration may be. Many servers and
	// clients cannot read an end after the year 9999, nor any other session of a list that contains one.
	maxStartAhead = 8760 * time.Hour
	// quotaRetry is how often a request that waits for the session quota tries again.
	quotaRetry = 15 * time.Second
)

// request is the handler of Pending. A request that leads to nothing is given up in the end, except for one that its
// author suspends, that is held back until its author acts, or whose workload cannot run yet.
func (r *requester) request(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	if s.Status.SessionID != "" { // it was created, and its state could not be read
		r.enter(s, pamv1alpha1.SessionStarting, "")
		s.Status.Deadline = deadline(s, r.moment(ctx, s))
		return nextPhase(), nil
	}
	workload, err := r.workloads.bound(ctx, s) // recorded in the status, whatever the outcome of this reconcile
	if err != nil {
		return loop.Outcome{}, err
	}
	held := loop.Continue()
	if loop.RequestID(s) == "" {
		if held, err = r.hold(ctx, s); err != nil {
			return loop.Outcome{}, err
		}
	}
	heldBack := loop.RequestID(s) == "" && (s.Suspended() || workload.idle != "" || !held.Continues())
	if heldBack {
		s.Status.Deadline = nil
	}
	late := moment{local: r.now()}.passed(s.Status.Deadline)
	if late && !s.Cancelled() {
		return r.giveUp(ctx, s)
	}
	out, err := r.attempt(ctx, s, workload, held)
	switch {
	case s.Status.Phase != pamv1alpha1.SessionPending, heldBack:
		return out, err
	case late:
		return r.giveUp(ctx, s)
	}
	s.Status.Deadline = at(pendingDeadline(s, r.now()))
	return out, err
}

// attempt makes one attempt to get the session.
func (r *requester) attempt(
	ctx context.Context, s *pamv1alpha1.ActivitySession, workload boundWorkload, held loop.Outcome,
) (loop.Outcome, error) {
	sent := loop.RequestID(s) != ""
	if !sent {
		if out := r.mayBegin(s, workload, held); !out.Continues() {
			return out, nil
		}
	}
	may, denial := r.mayAsk(ctx, s)
	if denial != nil && (!sent || !isDenied(denial)) {
		return loop.Outcome{}, denial
	}
	if sent || hinted(s) {
		if out, err := r.settle(ctx, s, denial); err != nil || !out.Continues() {
			return out, err
		}
		if out := r.mayBegin(s, workload, held); !out.Continues() { // nothing was sent, and nothing is to be
			return out, nil
		}
	}
	return r.begin(ctx, s, may)
}

// mayBegin continues unless something holds a request back before anything was sent.
func (r *requester) mayBegin(
	s *pamv1alpha1.ActivitySession, workload boundWorkload, held loop.Outcome,
) loop.Outcome {
	switch {
	case s.Cancelled():
		r.enter(s, pamv1alpha1.SessionCancelled, "cancelled before the session was requested")
		return nextPhase()
	case workload.over, workload.left > 0:
		r.enter(s, pamv1alpha1.SessionCancelled, workload.why+" before the session was requested")
		return nextPhase()
	case s.Suspended():
		return loop.Suspended("suspended" + loop.SuspendReason(s) + "; nothing has been sent")
	case !held.Continues():
		return held
	case s.Spec.StartTime != nil && s.Spec.StartTime.Sub(r.now()) > maxStartAhead:
		return loop.Stalled(pamv1alpha1.ReasonInvalidSpec, fmt.Sprintf(
			"spec.startTime: at most %s ahead; nothing has been sent", maxStartAhead))
	case workload.idle != "":
		return loop.Suspended(workload.idle + "; the session is requested once it can run")
	}
	return loop.Continue()
}

// settle finds out what became of a request that was sent before, or may have been. It continues if the request may be
// sent now.
func (r *requester) settle(
	ctx context.Context, s *pamv1alpha1.ActivitySession, denial error,
) (loop.Outcome, error) {
	if denial != nil && r.memory.of(s.UID).isUnsent() {
		return loop.Outcome{}, denial
	}
	server, err := r.server(ctx, s)
	if err != nil {
		return loop.Outcome{}, err
	}
	if denial != nil {
		return r.withdraw(ctx, server, s, denial)
	}
	if loop.RequestID(s) != "" {
		return r.recover(ctx, server, s)
	}
	return r.followHint(ctx, server, s)
}

// followHint searches once for the session of a request that only the annotation knows.
func (r *requester) followHint(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	if r.memory.of(s.UID).hintFollowed {
		return loop.Continue(), nil
	}
	if err := r.marker.ensureFinalizer(ctx, s); err != nil { // before anything that is found is adopted
		return loop.Outcome{}, err
	}
	out, err := r.recover(ctx, server, s)
	if err == nil && out.Continues() {
		r.memory.update(s.UID, func(known *memo) { known.hintFollowed = true })
	}
	return out, err
}

// begin sends the request, if the connection can take it now.
func (r *requester) begin(
	ctx context.Context, s *pamv1alpha1.ActivitySession, may permission,
) (loop.Outcome, error) {
	conn, server, err := r.Pool.Server(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return loop.Outcome{}, err
	}
	if !conn.DeletionTimestamp.IsZero() {
		return loop.Wait(pamv1alpha1.ReasonConnectionNotReady,
			"the connection is being deleted; nothing has been sent", 0), nil
	}
	if conn.Suspended() {
		return loop.Suspended("the connection is suspended" + loop.SuspendReason(conn) + "; nothing has been sent"), nil
	}
	full, err := r.quota.reserve(ctx, s, may, r.Pool.Namespace)
	if err != nil {
		return loop.Outcome{}, err
	}
	if full != "" {
		return loop.Wait(pamv1alpha1.ReasonProgressing, "waiting for a place in the session quota: "+full, quotaRetry), nil
	}
	if err := r.secrets.hasPlace(ctx, s); err != nil {
		r.quota.release(s.UID)
		return loop.Outcome{}, err
	}
	if err := r.marker.mark(ctx, s, server.Address()); err != nil {
		return loop.Outcome{}, err
	}
	return r.send(ctx, server, s)
}

// send sends the request.
func (r *requester) send(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	session, err := server.Create(r.marker.inTime(ctx, s), createRequest(s, r.moment(ctx, s)))
	if errors.Is(err, nps.ErrSendDeadline) { // another manager may have taken over meanwhile
		return loop.Outcome{}, loop.ErrStale
	}
	if err != nil {
		return r.notCreated(ctx, server, s, err)
	}
	if !r.claims.answered(server.Key(session.ID), s.UID) {
		r.audit(ctx, server, s, audit.Request, audit.Refused, "the answer was the session of another request")
		return r.refused(ctx, server, s, fmt.Errorf(
			"the server has answered with session %s, which it created for another request", session.ID))
	}
	r.accepted(ctx, server, s, session.ID, audit.Request)
	if session.Status == "" { // the answer had the id alone
		if session, err = server.Read(ctx, session.ID); err != nil {
			return loop.Outcome{}, err
		}
	}
	r.observer.observe(ctx, server, s, session)
	return nextPhase(), nil
}

// notCreated is the outcome of a request whose answer is not a session.
func (r *requester) notCreated(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, err error,
) (loop.Outcome, error) {
	switch {
	case refuses(err):
		r.audit(ctx, server, s, audit.Request, audit.Refused, err.Error())
		return r.refused(ctx, server, s, err)
	case !rest.IsOutcomeUnknown(err):
		r.audit(ctx, server, s, audit.Request, audit.Failed, err.Error())
		r.quota.refused(s.UID, &refusal{unsent: true})
		return loop.Outcome{}, err
	}
	r.audit(ctx, server, s, audit.Request, audit.Unknown, err.Error())
	out := sessionOutcome(s, err) // the next reconcile searches before it sends
	if out.Err != nil {
		out.Err, out.After = nil, min(r.SecondLook, loop.FirstRetry)
	}
	return out, nil
}

// accepted records that the server has a session for this request: one that it has just created, or one that was found.
func (r *requester) accepted(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, id string, how audit.Action,
) {
	s.Status.Server = server.Address()
	s.Status.SessionID, s.Status.RequestID, s.Status.Deadline = id, loop.NewRequestID(s), nil
	s.Status.RequestTime = &metav1.Time{Time: r.now()}
	r.audit(ctx, server, s, how, audit.Succeeded, "")
}
