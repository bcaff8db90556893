// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// source is where the calls of a batch come from.
type source int

const (
	// fresh calls have not been tried.
	fresh source = iota
	// divided ones were refused together with others.
	divided
	// suspected are those of objects because of which a commit was refused before.
	suspected
	sources
)

// never is the wait for something that is not wanted.
const never = time.Duration(math.MaxInt64)

// gather waits until a batch is due. It returns nil when the queues are empty and the runner must end.
func (c *Committer[T]) gather(s Settings) *batch[T] {
	for {
		b, wait := c.nextBatch(s)
		if wait <= 0 {
			return b
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.wake:
			timer.Stop()
		}
	}
}

// nextBatch returns the next batch, or how long to wait for it. The sources take turns.
func (c *Committer[T]) nextBatch(s Settings) (*batch[T], time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue)+len(c.suspects)+len(c.triage.divisions) == 0 {
		close(c.idle)
		c.idle = nil
		return nil, 0
	}
	if pause := c.backoff.remaining(); pause > 0 {
		return nil, pause
	}
	soonest := never
	for range sources {
		c.latest = (c.latest + 1) % sources
		calls, wait := c.due(c.latest, s)
		if wait <= 0 {
			return &batch[T]{
				Committer: c, settings: s, calls: calls, sealed: c.latest != fresh, suspect: c.latest == suspected,
			}, 0
		}
		soonest = min(soonest, wait)
	}
	return nil, soonest
}

// due takes the calls of a source that are due, or returns how long to wait for them.
func (c *Committer[T]) due(from source, s Settings) ([]*call[T], time.Duration) {
	switch from {
	case divided:
		if len(c.triage.divisions) > 0 {
			return c.triage.next(), 0
		}
	case suspected:
		if len(c.suspects) > 0 {
			if rest := time.Until(c.triage.rest); rest > 0 {
				return nil, rest
			}
			first := c.suspects[:1:1]
			c.suspects = c.suspects[1:]
			return first, 0
		}
	default:
		return c.dueFresh(s)
	}
	return nil, never
}

// dueFresh is due for new changes. There is no need to wait for more than writing the present ones takes: what arrives
// meanwhile joins them.
func (c *Committer[T]) dueFresh(s Settings) ([]*call[T], time.Duration) {
	waiting := c.unsuspected()
	if len(waiting) == 0 {
		return nil, never
	}
	n := min(len(waiting), s.MaxChanges)
	first, latest := waiting[0], waiting[len(waiting)-1]
	wait := min(time.Until(latest.arrived.Add(s.Window)), time.Until(first.arrived.Add(s.MaxWindow)))
	if wait > 0 && n < s.MaxChanges && c.pace.writing(n) < wait {
		return nil, wait
	}
	return c.pop(waiting, n), 0
}

// unsuspected are the calls in the queue whose tenant has none in a division, in order of arrival.
func (c *Committer[T]) unsuspected() []*call[T] {
	if len(c.triage.divisions) == 0 {
		return c.queue
	}
	return slices.DeleteFunc(slices.Clone(c.queue), func(w *call[T]) bool { return c.triage.divides(w.identity.Tenant) })
}

// popUpTo takes up to most calls out of the queue.
func (c *Committer[T]) popUpTo(most int) []*call[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.unsuspected()
	return c.pop(waiting, min(len(waiting), most))
}

// pop takes n of the waiting calls out of the queue: the first of each tenant, the second of each, and so on.
func (c *Committer[T]) pop(waiting []*call[T], n int) []*call[T] {
	turn, turns := make(map[*call[T]]int, len(waiting)), map[string]int{}
	for _, w := range waiting {
		turn[w] = turns[w.identity.Tenant]
		turns[w.identity.Tenant]++
	}
	calls := slices.Clone(waiting)
	slices.SortStableFunc(calls, func(a, b *call[T]) int { return cmp.Compare(turn[a], turn[b]) })
	for _, left := range calls[n:] {
		delete(turn, left)
	}
	c.queue = slices.DeleteFunc(c.queue, func(w *call[T]) bool { _, taken := turn[w]; return taken })
	return calls[:n]
}

// committed records a commit.
func (c *Committer[T]) committed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.triage.alike = 0
}

// letSuspectsRest makes the suspects wait after that of a tenant has held the lock for nothing.
func (c *Committer[T]) letSuspectsRest(tenant string, held time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.triage.charge(tenant, held)
	c.triage.rest = time.Now().Add(restFactor * held)
}

// dropDivided takes all calls out of the divisions.
func (c *Committer[T]) dropDivided() []*call[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.triage.dropAll()
}

// afterRefusal divides calls whose commit was refused, unless there is only one, and returns those that are not to be
// tried.
func (c *Committer[T]) afterRefusal(
	calls []*call[T], refusal error, held time.Duration,
) (untried []*call[T], all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(calls) > 1 {
		c.triage.divide(calls)
	}
	if c.closed {
		answerAll(c.triage.dropAll(), ErrClosed)
	}
	return c.triage.refused(calls, refusal, held)
}

// charge has a tenant pay for a transaction that achieved nothing.
func (c *Committer[T]) charge(tenant string, held time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.triage.charge(tenant, held)
}
