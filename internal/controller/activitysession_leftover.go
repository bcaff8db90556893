// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// abandon lets an object go although its session may live on, and says so. It fails only while the record may yet be
// written.
func (r *activitySessionReconciler) abandon(ctx context.Context, s *pamv1alpha1.ActivitySession, cause error) error {
	through := connection.Target(s.Spec.ConnectionRef, s.Namespace)
	l := leftover{
		object: s, kind: "ActivitySession", through: through, metric: "sessions", cause: cause,
		what:  fmt.Sprintf("session %s (request %s)", s.Status.SessionID, newRequestID(s)),
		where: fmt.Sprintf("the server of NPSConnection %s until %s", through, clock(s.Status.ExpiresAt)),
		data: map[string]string{
			"sessionID": s.Status.SessionID, "requestID": newRequestID(s), "expiresAt": expiresAt(s),
		},
	}
	if conn, err := r.pool.Permitted(ctx, s.Spec.ConnectionRef, s.Namespace); err == nil {
		l.connection = conn
	}
	if err := r.leave(ctx, l); err != nil {
		return err
	}
	r.audit(ctx, nil, s, audit.Abandon, audit.Unknown, cause.Error())
	return nil
}
