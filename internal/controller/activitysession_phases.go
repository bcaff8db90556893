// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	defaultApprovalTimeout = 24 * time.Hour
	defaultStartTimeout    = 5 * time.Minute
	// endTimeout is how long a server may take to end a session before it is told again, and people are told.
	endTimeout = 5 * time.Minute
	// secondLook is when a session that the server does not know is looked for once more (nps contract 13 Q10).
	secondLook = 5 * time.Second
	// unseenRetry is how often a server that does not answer is asked for a session that is about to end.
	unseenRetry = 5 * time.Second
)

// observe takes over what the server says of the session.
func (r *activitySessionReconciler) observe(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, session nps.Session,
) {
	now := r.moment(ctx, s)
	observeSession(&s.Status, session)
	phase, message := phaseOf(s, session, now.server())
	if later(s.Status.Phase, phase) {
		r.enter(s, phase, message)
		assumeEnd(s, session, now)
		if phase == pamv1alpha1.SessionFailed {
			r.explain(ctx, server, s)
		}
	}
	if s.Status.Deadline == nil && !s.Status.Phase.Terminal() {
		s.Status.Deadline = deadline(s, now)
	}
}

// await is the handler of the phases that wait for people, for a time, or for the server.
func (r *activitySessionReconciler) await(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	server, err := r.server(ctx, s)
	if err != nil {
		return outcome{}, err
	}
	phase := s.Status.Phase
	out, err := r.look(ctx, server, s)
	if err != nil {
		return outcome{}, r.endUnread(ctx, server, s, err)
	}
	if out.reason != "" || s.Status.Phase != phase {
		return out, nil
	}
	if reason, why, err := r.unwanted(ctx, s); err != nil {
		return outcome{}, err
	} else if reason != "" {
		return outcome{}, r.end(ctx, server, s, reason, why)
	}
	again, err := r.endUnnamedExtras(ctx, server, s)
	if err != nil {
		return outcome{}, err
	}
	return awaited(s, soonest(again, sessionRecheck)), nil
}

// awaited says what a session waits for that is not active yet.
func awaited(s *pamv1alpha1.ActivitySession, after time.Duration) outcome {
	switch s.Status.Phase {
	case pamv1alpha1.SessionWaitingForApproval:
		return wait(pamv1alpha1.ReasonWaitingForApproval,
			"the server waits for approval until "+clock(s.Status.Deadline), after)
	case pamv1alpha1.SessionScheduled:
		return wait(pamv1alpha1.ReasonProgressing, "the session begins at "+clock(s.Status.StartTime), after)
	}
	return wait(pamv1alpha1.ReasonProgressing, "the server is starting the session: "+s.Status.ServerStatus, after)
}

// active is the handler of Active.
func (r *activitySessionReconciler) active(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	server, err := r.server(ctx, s)
	if err != nil {
		return r.unseen(ctx, s, err)
	}
	out, err := r.look(ctx, server, s)
	switch {
	case err != nil:
		if err := r.endUnread(ctx, server, s, err); s.Status.Phase != pamv1alpha1.SessionActive {
			return outcome{}, err
		}
		return r.unseen(ctx, s, err)
	case out.reason != "" || s.Status.Phase != pamv1alpha1.SessionActive:
		return out, nil
	}
	if reason, why, err := r.unwanted(ctx, s); err != nil {
		return outcome{}, err
	} else if reason != "" {
		return outcome{}, r.end(ctx, server, s, reason, why)
	}
	out = r.serve(ctx, server, s)
	again, err := r.endUnnamedExtras(ctx, server, s)
	if err != nil {
		return outcome{}, err
	}
	out.after = soonest(out.after, again, sessionRecheck)
	return out, nil
}

// unseen is what a pass over an active session comes to when its server cannot be asked. Its Secret goes at its time
// all the same; what became of the session is seen when the server is back.
func (r *activitySessionReconciler) unseen(
	ctx context.Context, s *pamv1alpha1.ActivitySession, cause error,
) (outcome, error) {
	out := sessionOutcome(cause)
	if s.Status.ExpiresAt == nil {
		return out, nil
	}
	left := r.moment(ctx, s).left(s.Status.ExpiresAt)
	switch {
	case left <= 0:
		if err := r.removeSecret(ctx, s); err != nil {
			return sessionOutcome(err), nil
		}
	case out.err == nil:
		out.after = soonest(out.after, left)
	case left < lastRetry: // a growing delay would miss it
		out.after, out.err = soonest(left, unseenRetry), nil
	}
	return out, nil
}

// serve gives the consumer of an active session what it needs, for as long as it needs it. What goes wrong there is
// shown, and does not keep the session from being followed.
func (r *activitySessionReconciler) serve(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) outcome {
	if _, open := r.open.Load(s.UID); open {
		return unproven(s)
	}
	refresh, err := r.ensureSecret(ctx, server, s)
	if err != nil {
		return sessionOutcome(err)
	}
	end := expiresAt(s)
	note, err := r.extend(ctx, server, s)
	if err == nil && expiresAt(s) != end {
		refresh, err = r.ensureSecret(ctx, server, s)
	}
	if err != nil {
		return sessionOutcome(err)
	}
	out := done(pamv1alpha1.ReasonActive, "the session can be used until "+clock(s.Status.ExpiresAt)+note)
	out.after = refresh
	return out
}

// ending is the handler of Ending: the server takes its time. It was told already, so the Secret goes first; that it
// does not is no reason to look away from the session.
func (r *activitySessionReconciler) ending(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	untidy := r.removeSecret(ctx, s)
	out, err := r.awaitEnd(ctx, s)
	if err == nil && untidy != nil && s.Status.Phase == pamv1alpha1.SessionEnding {
		return sessionOutcome(untidy), nil
	}
	return out, err
}

func (r *activitySessionReconciler) awaitEnd(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	server, err := r.server(ctx, s)
	if err != nil {
		return outcome{}, err
	}
	if out, err := r.look(ctx, server, s); err != nil || out.reason != "" ||
		s.Status.Phase != pamv1alpha1.SessionEnding {
		return out, err
	}
	if s.Status.Deadline != nil && r.now().After(s.Status.Deadline.Time) {
		s.Status.Deadline = &metav1.Time{Time: r.now().Add(endTimeout)}
		if err := server.Client().End(ctx, s.Status.SessionID); err != nil {
			return outcome{}, err
		}
		return wait(pamv1alpha1.ReasonProgressing,
			"the server has not ended the session yet, and was told again; look at it there", sessionRecheck), nil
	}
	return wait(pamv1alpha1.ReasonProgressing, "the server is ending the session", sessionRecheck), nil
}

// finished is the handler of the last phases.
func (r *activitySessionReconciler) finished(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	now := r.moment(ctx, s)
	s.Status.Deadline = nil
	if s.Status.EndTime == nil {
		s.Status.EndTime = assumedEnd(s, now)
	}
	untidy := r.removeSecret(ctx, s)
	if watched(s, now) {
		if err := r.watch(ctx, s); err != nil {
			return outcome{}, err
		}
	}
	out := finalOutcome(s)
	if untidy != nil {
		out = sessionOutcome(untidy)
	}
	ttl := s.Spec.TTLSecondsAfterFinished
	if ttl == nil {
		return out, nil
	}
	left := endedAt(s, now).Add(time.Duration(*ttl) * time.Second).Sub(now.local)
	if left > 0 || readyOf(s) == nil {
		out.after = soonest(out.after, max(left, time.Second))
		return out, nil
	}
	return outcome{}, client.IgnoreNotFound(r.client.Delete(ctx, s,
		client.Preconditions{UID: &s.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

// look reads the session. One that the server does not know any more is over, once it said so twice.
func (r *activitySessionReconciler) look(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	if err := r.endCopies(ctx, server, s); err != nil {
		return outcome{}, err
	}
	session, out, err := r.owned(ctx, server, s)
	if rest.IsNotFound(err) {
		if !r.gone.since(s.UID, r.now(), r.SecondLook) {
			return wait(pamv1alpha1.ReasonProgressing,
				"the server does not know the session; looking once more", r.SecondLook), nil
		}
		r.gone.forget(s.UID)
		r.vanished(s)
		return outcome{}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	r.gone.forget(s.UID)
	if out.reason != "" {
		return out, nil
	}
	r.observe(ctx, server, s, session)
	return outcome{}, nil
}

// vanished is the end of a session that the server has forgotten.
func (r *activitySessionReconciler) vanished(s *pamv1alpha1.ActivitySession) {
	switch s.Status.Phase {
	case pamv1alpha1.SessionActive, pamv1alpha1.SessionEnding:
		r.enter(s, endOf(s, nps.StatusComplete), "the server does not know the session any more")
	default:
		r.fail(s, "SessionLost", "the server does not know the session any more, and it never became active")
	}
}

// unwanted says why a session that lives should be ended; the reason is that of a failure where it is one.
func (r *activitySessionReconciler) unwanted(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (reason, why string, err error) {
	if s.Cancelled() {
		return reasonCancelled, "cancelled", nil
	}
	workload, err := r.bound(ctx, s)
	if err != nil || workload.over {
		return reasonWorkloadOver, workload.why, err
	}
	if s.Status.Phase == pamv1alpha1.SessionActive && s.Status.ExpiresAt != nil &&
		r.moment(ctx, s).left(s.Status.ExpiresAt) < -endTimeout {
		return reasonOverdue, "its time is over, and the server has not ended it", nil
	}
	if s.Status.Deadline == nil || r.now().Before(s.Status.Deadline.Time) {
		return "", "", nil
	}
	switch s.Status.Phase {
	case pamv1alpha1.SessionWaitingForApproval:
		return reasonApprovalTimeout, "nobody approved the session in time", nil
	case pamv1alpha1.SessionScheduled, pamv1alpha1.SessionStarting:
		return reasonStartTimeout, fmt.Sprintf("the server did not start the session in time; its state is %s",
			s.Status.ServerStatus), nil
	}
	return "", "", nil
}

// end asks the server to end the session.
func (r *activitySessionReconciler) end(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, reason, why string,
) error {
	if err := server.Client().End(ctx, s.Status.SessionID); err != nil {
		return err
	}
	switch reason {
	case reasonApprovalTimeout, reasonStartTimeout:
		s.Status.Failure = &pamv1alpha1.SessionFailure{Reason: reason, Message: why}
	}
	r.audit(ctx, server, s, audit.End, audit.Succeeded, why)
	r.enter(s, pamv1alpha1.SessionEnding, why)
	s.Status.Deadline = deadline(s, r.moment(ctx, s))
	return nil
}

// Reasons why the operator ends a session.
const (
	reasonCancelled       = "Cancelled"
	reasonWorkloadOver    = "WorkloadOver"
	reasonOverdue         = "Overdue"
	reasonApprovalTimeout = "ApprovalTimeout"
	reasonStartTimeout    = "StartTimeout"
)

// fail is an end without a session.
func (r *activitySessionReconciler) fail(s *pamv1alpha1.ActivitySession, reason, message string) {
	s.Status.Failure = &pamv1alpha1.SessionFailure{Reason: reason, Message: shorten(message, maxConditionMessage)}
	r.enter(s, pamv1alpha1.SessionFailed, message)
}

// maxLogLines is how many lines of a session's log go into its status.
const maxLogLines = 20

// explain adds the last error lines of the session's log to a failure. They help, but nothing depends on them.
func (r *activitySessionReconciler) explain(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) {
	if s.Status.Failure == nil {
		return
	}
	lines, err := server.Client().Log(ctx, s.Status.SessionID, nps.LogLevelError, maxLogLines)
	if err == nil && len(lines) == 0 {
		lines, err = server.Client().Log(ctx, s.Status.SessionID, nps.LogLevelAny, maxLogLines)
	}
	if err == nil {
		s.Status.Failure.Log = logLines(lines)
	}
}

// missing remembers which sessions a server did not know, and since when.
type missing struct {
	mu    sync.Mutex
	first map[types.UID]time.Time
}

func newMissing() *missing { return &missing{first: map[types.UID]time.Time{}} }

// since notes that a session was not found, and says whether it was so some time ago already.
func (m *missing) since(uid types.UID, now time.Time, long time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	first, ok := m.first[uid]
	if !ok {
		m.first[uid] = now
		return false
	}
	return now.Sub(first) >= long*8/10 // the delay of the second look is jittered
}

// firstSeen is when a session was first not found.
func (m *missing) firstSeen(uid types.UID, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.first[uid]; !ok {
		m.first[uid] = now
	}
	return m.first[uid]
}

func (m *missing) forget(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.first, uid)
}
