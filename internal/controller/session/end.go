// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file is how the operator ends a session.

// objectDeleted is why the session of an object that is being deleted is ended.
var objectDeleted = ending{why: "the ActivitySession was deleted"}

// unwanted is why a live session is to be ended; nil if it is not. It also returns what the session's workload means.
func (f *follower) unwanted(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (*ending, boundWorkload, error) {
	if s.Cancelled() {
		return &ending{why: "cancelled"}, boundWorkload{}, nil
	}
	workload, err := f.workloads.bound(ctx, s)
	if err != nil {
		return nil, workload, err
	}
	if workload.over {
		return &ending{why: workload.why}, workload, nil
	}
	return timedOut(s, f.moment(ctx, s)), workload, nil
}

// endUnwanted ends a session that is to be ended, and continues with any other one.
func (f *follower) endUnwanted(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (boundWorkload, loop.Outcome, error) {
	end, workload, err := f.unwanted(ctx, s)
	if err != nil || end == nil {
		return workload, loop.Continue(), err
	}
	return workload, nextPhase(), f.end(ctx, server, s, *end)
}

// endAgain requests the server again to end a session that it has not ended in time.
func (f *follower) endAgain(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (again bool, err error) {
	now := f.moment(ctx, s)
	if !now.passed(s.Status.Deadline) {
		return false, nil
	}
	s.Status.Deadline = deadline(s, now)
	return true, server.Client().End(ctx, s.Status.SessionID)
}

// end requests the server to end the session.
func (f *follower) end(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, end ending,
) error {
	if err := server.Client().End(ctx, s.Status.SessionID); err != nil {
		return err
	}
	if end.failure != "" {
		s.Status.Failure = newFailure(end.failure, end.why)
	}
	f.audit(ctx, server, s, audit.End, audit.Succeeded, end.why)
	f.enter(s, pamv1alpha1.SessionEnding, end.why)
	s.Status.Deadline = deadline(s, f.moment(ctx, s))
	return nil
}

// endUnread ends a session that should be over and cannot be read, because the server answers with an error or with
// what cannot be understood: its id is enough to end it. Something else must then show whose it is. The error of the
// read remains the outcome of the reconcile.
func (f *follower) endUnread(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, cause error,
) error {
	if !answersOddly(cause) || s.Status.Phase == pamv1alpha1.SessionEnding {
		return cause
	}
	end := &objectDeleted
	if s.DeletionTimestamp.IsZero() {
		var err error
		if end, _, err = f.unwanted(ctx, s); err != nil || end == nil {
			return cause
		}
	}
	mine, err := f.observer.finder.ownsUnread(ctx, server, s)
	if err != nil || !mine {
		return cause
	}
	if err := f.end(ctx, server, s, *end); err != nil {
		return err
	}
	return cause
}

// answersOddly reports whether the server responds but does not provide what was requested, although it may have it.
func answersOddly(err error) bool {
	answer := rest.As(err)
	if answer == nil {
		return false
	}
	return answer.Status != 0 && !rest.IsUnauthorized(err) && !rest.IsNotFound(err)
}
