// SPDX-License-Identifier: Apache-2.0

package nps

import "context"

// Limiter spaces out calls. Clients that share one keep its limit together.
type Limiter interface {
	// Wait waits until the next call may be sent. Calls under an Urgent context should not wait behind others.
	Wait(ctx context.Context) error
}

type urgentKey struct{}

// Urgent returns a context whose calls go before others where calls wait for each other: they take access away.
func Urgent(ctx context.Context) context.Context { return context.WithValue(ctx, urgentKey{}, true) }

// IsUrgent says that a context is an Urgent one.
func IsUrgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }
