// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// abandon records that an object is removed although its session may live on. It fails only while the record may still
// be written.
func (r *remover) abandon(ctx context.Context, s *pamv1alpha1.ActivitySession, cause error) error {
	through := connection.Target(s.Spec.ConnectionRef, s.Namespace)
	l := loop.Leftover{
		Object: s, Kind: "ActivitySession", Through: through, Metric: metrics.SessionCollection, Cause: cause,
		What:  fmt.Sprintf("session %s (request %s)", s.Status.SessionID, loop.NewRequestID(s)),
		Where: fmt.Sprintf("the server of NPSConnection %s%s", through, atTime(" until ", s.Status.ExpiresAt)),
		Data: map[string]string{
			"server":    s.Status.Server,
			"sessionID": s.Status.SessionID, "requestID": loop.NewRequestID(s), "expiresAt": expiresAt(s),
		},
	}
	if conn, err := r.Pool.Permitted(ctx, s.Spec.ConnectionRef, s.Namespace); err == nil {
		l.Connection = conn
	}
	if err := r.RecordLeftover(ctx, l); err != nil {
		return err
	}
	r.audit(ctx, nil, s, audit.Abandon, audit.Unknown, cause.Error())
	return nil
}
