// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"sync"
	"time"
)

// clockNoise is what two readings of the same clock may differ by: a Date is cut to seconds, and an answer takes its
// time. A reading that is no further away changes nothing, so that what follows from it does not waver.
const clockNoise = 2 * time.Second

// Clock knows how far a server's clock is ahead of the local one. Clients of the same server share one, which then
// outlives each of them. Its zero value knows nothing, and takes the two clocks for the same. It is safe for
// concurrent use.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// Ahead is how far the server's clock is ahead of the local one, good to a second or two; known says that the server,
// or somebody who remembers, has told.
func (c *Clock) Ahead() (ahead time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead, c.known
}

// Recall takes over what was known earlier, unless the server itself has told meanwhile.
func (c *Clock) Recall(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		c.ahead, c.known = ahead, true
	}
}

func (c *Clock) read(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known || (ahead-c.ahead).Abs() > clockNoise {
		c.ahead, c.known = ahead, true
	}
}

// serverClock tells the server's time, which codes and tokens depend on, from the local clock and the Date header of
// the server's answers. A Date is cut to seconds, so the server may be up to a second ahead of it.
type serverClock struct {
	local func() time.Time
	clock *Clock
}

func (c *serverClock) now() time.Time { return c.at(c.local()) }

// at is a time of the local clock by the server's clock.
func (c *serverClock) at(local time.Time) time.Time {
	ahead, _ := c.clock.Ahead()
	return local.Add(ahead)
}

func (c *serverClock) observe(header http.Header) {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		c.clock.read(date.Sub(c.local()))
	}
}

// observeAnswer goes by the answers to calls: by good ones, since what stands before a server that is in trouble
// answers in its place with a clock of its own, and by none that was kept for a while on its way.
func (c *serverClock) observeAnswer(resp *http.Response) {
	if resp.StatusCode < http.StatusMultipleChoices && resp.Header.Get("Age") == "" {
		c.observe(resp.Header)
	}
}
