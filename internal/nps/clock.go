// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"sync"
	"time"
)

// clockNoise is how much two readings of the same clock may differ: a Date is truncated to seconds, and answers take
// time. A reading within it changes nothing, so that values derived from it do not fluctuate.
const clockNoise = 2 * time.Second

// Clock tracks how far a server's clock is ahead of the local one. Clients of the same server share one, which outlives
// them. The zero value has no reading and assumes that the clocks agree. It is safe for concurrent use.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// Ahead returns how far the server's clock is ahead of the local one, accurate to a second or two; known reports
// whether that was read from the server or recalled.
func (c *Clock) Ahead() (ahead time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead, c.known
}

// Recall sets what was known earlier, unless the server's clock has been read in the meantime.
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

// serverClock derives the server's time, on which codes and tokens depend, from the local clock and the Date header of
// the server's answers. A Date is truncated to seconds, so the server may be up to a second ahead of it.
type serverClock struct {
	local func() time.Time
	clock *Clock
}

func (c *serverClock) now() time.Time { return c.at(c.local()) }

// at converts a time of the local clock to the server's clock.
func (c *serverClock) at(local time.Time) time.Time {
	ahead, _ := c.clock.Ahead()
	return local.Add(ahead)
}

func (c *serverClock) observe(header http.Header) {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		c.clock.read(date.Sub(c.local()))
	}
}

// observeAnswer reads the clock from answers to calls: only from successful ones, because a proxy in front of a failing
// server answers with its own clock, and from none that was cached on the way.
func (c *serverClock) observeAnswer(resp *http.Response) {
	if resp.StatusCode < http.StatusMultipleChoices && resp.Header.Get("Age") == "" {
		c.observe(resp.Header)
	}
}
