// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"errors"
	"time"
)

// ErrSendDeadline is the cause of a request that was not sent because its deadline had passed.
var ErrSendDeadline = errors.New("the deadline for sending the request has passed")

type sendDeadlineKey struct{}

// WithSendDeadline returns a context whose requests are sent before a time of the local clock or not at all. It does
// not limit how long an answer may take. A request delayed by a sign-in, the rate limit or a paused process must not be
// sent after its deadline: another manager may already have taken over.
func WithSendDeadline(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, sendDeadlineKey{}, t.Round(0))
}

// pastSendDeadline uses the wall clock, because the monotonic clock stops while a machine is suspended.
func pastSendDeadline(ctx context.Context) bool {
	t, ok := ctx.Value(sendDeadlineKey{}).(time.Time)
	return ok && time.Now().Round(0).After(t)
}
