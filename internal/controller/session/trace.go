// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/span"
)

// traceEnd completes the trace of a session that is over: the passes of the trace, which ended long before, get what
// they are part of.
func traceEnd(ctx context.Context, before, s *pamv1alpha1.ActivitySession) {
	if before.Status.Phase.Terminal() || !s.Status.Phase.Terminal() || s.Status.EndTime == nil {
		return
	}
	span.EndLasting(ctx, loop.NewRequestID(s), "session", s.CreationTimestamp.Time, s.Status.EndTime.Time,
		func(whole trace.Span) {
			span.Set(whole, span.Object, s.Namespace+"/"+s.Name)
			span.Set(whole, span.Phase, string(s.Status.Phase))
			if s.Status.Failure != nil {
				span.Set(whole, span.Failure, s.Status.Failure.Reason)
			}
		})
}
