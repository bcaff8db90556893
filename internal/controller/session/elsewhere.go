// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file is about connections whose url was changed while their sessions live. What the new server says, or does not
// know, says nothing about a session of the old one.

// elsewhereError says that a session, or a request, is of another server than that of its connection.
type elsewhereError struct{ problem *loop.Problem }

func (e *elsewhereError) Error() string { return e.problem.Message }
func (e *elsewhereError) Unwrap() error { return e.problem }

// server is the server of a session that was requested. It is an elsewhereError if that is not the connection's server.
func (b *base) server(ctx context.Context, s *pamv1alpha1.ActivitySession) (*sessions.Server, error) {
	conn, server, err := b.Pool.ServerOfSession(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil || !b.isElsewhere(ctx, s) {
		return server, err
	}
	if s.Status.SessionID != "" { // perhaps it is the same server under another address
		session, err := server.Read(ctx, s.Status.SessionID)
		if err == nil && sessions.NoteIsOf(session.Note, loop.NewRequestID(s)) {
			s.Status.Server = server.Address()
			return server, nil
		}
	}
	return nil, &elsewhereError{&loop.Problem{
		Reason: pamv1alpha1.ReasonConnectionNotReady, Stall: true,
		Message: fmt.Sprintf("the session was requested at %s, and connection %s leads to %s now: it can be neither "+
			"followed nor ended until the connection leads there again", s.Status.Server, client.ObjectKeyFromObject(conn),
			server.Address()),
	}}
}

// isElsewhere reports whether the connection leads to another address than that of the server of the session.
func (b *base) isElsewhere(ctx context.Context, s *pamv1alpha1.ActivitySession) bool {
	if s.Status.Server == "" || b.memory.of(s.UID).isUnsent() {
		return false
	}
	conn, _ := b.Pool.Permitted(ctx, s.Spec.ConnectionRef, s.Namespace) // only its address matters
	return conn != nil && connection.CanonicalURL(conn.Spec.URL) != s.Status.Server
}

// waitElsewhere is the outcome for a session of another server than that of its connection. Its Secret stays until the
// session's own end; then it counts as lost. It continues with any other session, and with one that is lost.
func (r *reconciler) waitElsewhere(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	if s.Status.Phase.Terminal() || !r.isElsewhere(ctx, s) {
		return loop.Continue(), nil
	}
	_, err := r.server(ctx, s)
	if _, ok := errors.AsType[*elsewhereError](err); !ok {
		return loop.Continue(), nil // the handler of the phase deals with it
	}
	now := r.moment(ctx, s)
	if s.Status.Phase == pamv1alpha1.SessionPending {
		s.Status.Deadline = at(pendingDeadline(s, now.local))
	}
	end := s.Status.Deadline
	if s.Status.ExpiresAt != nil {
		end = &metav1.Time{Time: now.ours(s.Status.ExpiresAt)}
	}
	if end == nil || !now.passed(end) {
		out := sessionOutcome(s, err)
		out.Message += atTime(". It counts as lost from ", end)
		if end != nil {
			out.After = loop.Soonest(out.After, end.Sub(now.local))
		}
		return out, nil
	}
	if err := r.remover.abandon(ctx, s, err); err != nil {
		return loop.Outcome{}, err
	}
	reason := pamv1alpha1.FailureSessionLost
	if s.Status.SessionID == "" {
		reason = pamv1alpha1.FailureOutcomeUnknown
	}
	r.fail(s, reason, err.Error())
	return loop.Continue(), nil
}
