// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// serverClock tells the server's time, which codes and tokens depend on, from the local clock and the Date header of
// the last sign-in. A Date is cut to seconds, so the server may be up to a second ahead of it.
type serverClock struct {
	local func() time.Time
	skew  atomic.Int64 // nanoseconds that the server is ahead
}

func (c *serverClock) now() time.Time { return c.local().Add(time.Duration(c.skew.Load())) }

func (c *serverClock) observe(header http.Header) {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		c.skew.Store(int64(date.Sub(c.local())))
	}
}

// sleep waits, but no longer than the context lives.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
