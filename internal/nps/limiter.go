// SPDX-License-Identifier: Apache-2.0

package nps

import "context"

// Limiter spaces out calls. Clients that share one share its limit.
type Limiter interface {
	// Wait waits until the next call may be sent. Calls under an Urgent context should not wait behind others, and those
	// of one tenant not behind all of another one's.
	Wait(ctx context.Context) error
}

type (
	urgentKey struct{}
	tenantKey struct{}
)

// Urgent returns a context whose calls take precedence in queues, because they revoke access.
func Urgent(ctx context.Context) context.Context { return context.WithValue(ctx, urgentKey{}, true) }

// Unhurried returns a context whose calls take no precedence, for what an urgent pass does besides.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, false)
}

// IsUrgent reports whether a context is Urgent.
func IsUrgent(ctx context.Context) bool {
	urgent, _ := ctx.Value(urgentKey{}).(bool)
	return urgent
}

// OnBehalfOf returns a context whose calls are a tenant's.
func OnBehalfOf(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// TenantOf is whose calls those of a context are; empty if they are for all.
func TenantOf(ctx context.Context) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}
