// SPDX-License-Identifier: Apache-2.0

package nps

import "context"

// Limiter spaces out calls. Clients that share one share its limit.
type Limiter interface {
	// Wait waits until the next call may be sent. Calls under an Urgent context should not wait behind others.
	Wait(ctx context.Context) error
}

type urgentKey struct{}

// Urgent returns a context whose calls take precedence in queues, because they revoke access.
func Urgent(ctx context.Context) context.Context { return context.WithValue(ctx, urgentKey{}, true) }

// IsUrgent reports whether a context is Urgent.
func IsUrgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }
