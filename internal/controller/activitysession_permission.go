// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// permission is what a connection's owner allows a request.
type permission struct {
	conn *pamv1alpha1.NPSConnection
	from connection.Namespace
	// grants are the indexes of the grants that allow the request.
	grants []int
}

// mayAsk says whether the connection's owner allows the request. It is asked before the first call of a server on
// behalf of an object, in every branch. The one exception is an object whose status says that something was asked for
// already: what may have come of that is looked for, and ended, whatever is allowed by now.
func (r *activitySessionReconciler) mayAsk(ctx context.Context, s *pamv1alpha1.ActivitySession) (permission, error) {
	request := grantRequest(s)
	if start := s.Spec.StartTime; start != nil {
		request.StartDelay = start.Sub(r.now())
	}
	return r.permission(ctx, s, request)
}

// mayUse says whether the connection's owner still allows the session of a request to be used: new connection data, and
// a later end.
func (r *activitySessionReconciler) mayUse(ctx context.Context, s *pamv1alpha1.ActivitySession) (permission, error) {
	request := grantRequest(s)
	request.Running = true
	return r.permission(ctx, s, request)
}

// permission asks allowedNamespaces and grants. Nothing is sent.
func (r *activitySessionReconciler) permission(
	ctx context.Context, s *pamv1alpha1.ActivitySession, request connection.Request,
) (permission, error) {
	conn, err := r.pool.Permitted(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return permission{}, err
	}
	from, err := r.pool.Namespace(ctx, s.Namespace)
	if err != nil {
		return permission{}, err
	}
	allowing, why, err := connection.Allowing(conn.Spec.Grants, conn.Namespace, from, request)
	if err != nil {
		return permission{}, err
	}
	if why != "" {
		return permission{}, mustAct(pamv1alpha1.ReasonConnectionNotPermitted,
			"connection %s does not allow this request: %s; its owner can change grants", client.ObjectKeyFromObject(conn), why)
	}
	return permission{conn, from, allowing}, nil
}

// isDenied says that the connection's owner does not allow it.
func isDenied(err error) bool {
	own, ok := errors.AsType[*problem](err)
	return connection.IsNotPermitted(err) || ok && own.reason == pamv1alpha1.ReasonConnectionNotPermitted
}

// auditDenial writes down that a pass refused something that its object asked for, once for each reason.
func (r *activitySessionReconciler) auditDenial(
	ctx context.Context, before, s *pamv1alpha1.ActivitySession, out outcome,
) {
	if out.reason != pamv1alpha1.ReasonConnectionNotPermitted {
		return
	}
	if was := readyOf(before); was != nil && was.Reason == out.reason && was.Message == out.message {
		return
	}
	action := audit.Request
	if s.Status.SessionID != "" {
		action = audit.Hand
	}
	r.audit(ctx, nil, s, action, audit.Denied, out.message)
}

// audit writes a line of the audit trail about the session of an object; server may be nil.
func (r *activitySessionReconciler) audit(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, action audit.Action,
	result audit.Result, reason string,
) {
	r.auditSession(ctx, server, s, audit.Record{
		Action: action, Result: result, Session: s.Status.SessionID, Reason: reason,
	})
}

// auditSession completes a line of the audit trail.
func (r *activitySessionReconciler) auditSession(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, record audit.Record,
) {
	record.Object, record.Kind, record.Who = s, "ActivitySession", s.Spec.RequestedBy
	record.Connection = connection.Target(s.Spec.ConnectionRef, s.Namespace)
	record.Key = s.Status.RequestID
	if server != nil {
		record.Target = server.Address()
	}
	audit.Write(ctx, record)
}
