// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"errors"
	"time"
)

// ErrTooLate is the cause of the error of a request that was not sent, because its time was over.
var ErrTooLate = errors.New("it took too long until the request could be sent")

type leaveBeforeKey struct{}

// LeaveBefore returns a context whose requests are sent before a time of the local clock or not at all. It does not
// bound how long an answer may take. What comes before a request, such as a sign-in, a wait for the limit of requests
// or a process that was stopped for a while, must not make it leave when others believe that it never will.
func LeaveBefore(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, leaveBeforeKey{}, t.Round(0))
}

// tooLate goes by the wall clock, since the monotonic one stands still while a machine is suspended.
func tooLate(ctx context.Context) bool {
	t, ok := ctx.Value(leaveBeforeKey{}).(time.Time)
	return ok && time.Now().Round(0).After(t)
}
