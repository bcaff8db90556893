// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// audit writes a line of the audit trail about the session of an object; server may be nil.
func (b *base) audit(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, action audit.Action,
	result audit.Result, reason string,
) {
	b.auditSession(ctx, server, s, audit.Record{
		Action: action, Result: result, Session: s.Status.SessionID, Reason: reason,
	})
}

// auditSession completes a line of the audit trail, and writes it.
func (b *base) auditSession(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, record audit.Record,
) {
	record.Object, record.Kind, record.Who = s, "ActivitySession", s.Spec.RequestedBy
	record.Connection = connection.Target(s.Spec.ConnectionRef, s.Namespace)
	record.Key = s.Status.RequestID
	if server != nil {
		record.Target = server.Address()
	}
	audit.Write(ctx, record)
}

// auditDenial records that a reconcile refused what its object asks for, once for each reason.
func (b *base) auditDenial(ctx context.Context, before, s *pamv1alpha1.ActivitySession, out loop.Outcome) {
	if out.Reason != pamv1alpha1.ReasonConnectionNotPermitted {
		return
	}
	if was := loop.ReadyOf(before); was != nil && was.Reason == out.Reason && was.Message == out.Message {
		return
	}
	action := audit.Request
	if s.Status.SessionID != "" {
		action = audit.Hand
	}
	b.audit(ctx, nil, s, action, audit.Denied, out.Message)
}

// auditEnd records that a session is over, whoever ended it, once its status says so.
func (b *base) auditEnd(ctx context.Context, before, s *pamv1alpha1.ActivitySession) {
	if s.Status.SessionID == "" || before.Status.Phase.Terminal() || !s.Status.Phase.Terminal() {
		return
	}
	record := audit.Record{
		Action: audit.Over, Result: audit.Succeeded, Session: s.Status.SessionID, Phase: string(s.Status.Phase),
		CancelledBy: b.memory.of(s.UID).cancelledBy,
	}
	if s.Status.EndTime != nil {
		record.End = s.Status.EndTime.UTC().Format(time.RFC3339)
	}
	if s.Status.Failure != nil {
		record.Reason = s.Status.Failure.Reason
	}
	b.auditSession(ctx, nil, s, record)
}
