// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/fair"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// Pacer spaces out the requests of one connection. Who is next is decided when the moment has come: no moment is
// reserved in advance, so none is lost when a request is given up or the limit changes. Tenants take turns. What ends a
// session does not queue behind what does not, but leaves it every fourth moment.
type Pacer struct {
	mu       sync.Mutex
	interval time.Duration
	// last is when the last request was sent.
	last time.Time
	// urgent and normal are the requests that wait, in turn by tenant.
	urgent, normal fair.Queue[*turn]
	// hurried counts the urgent requests since the last other one.
	hurried int
	// alarm serves the next request.
	alarm *time.Timer
}

// turn is a request that waits.
type turn struct {
	// come is closed when the request may be sent.
	come chan struct{}
}

// NewPacer returns a pacer that allows a number of requests per second.
func NewPacer(perSecond int32) *Pacer {
	p := &Pacer{}
	p.Limit(perSecond)
	return p
}

const (
	// smoothing keeps the requests of any second below the limit although the network does not carry all of them equally
	// fast.
	smoothing = 0.95
	// maxHurried is how many urgent requests go ahead of one that is not.
	maxHurried = 3
)

// Limit sets the number of requests per second. They are spaced evenly, so that no second has more.
func (p *Pacer) Limit(perSecond int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interval = time.Duration(float64(time.Second) / (float64(perSecond) * smoothing))
	p.serve()
}

// Interval is the least time between two requests.
func (p *Pacer) Interval() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.interval
}

// Wait waits until the next request may be sent.
func (p *Pacer) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mine, tenant := &turn{make(chan struct{})}, nps.TenantOf(ctx)
	p.mu.Lock()
	queue := &p.normal
	if nps.IsUrgent(ctx) {
		queue = &p.urgent
	}
	queue.Push(tenant, mine)
	p.serve()
	p.mu.Unlock()
	select {
	case <-mine.come:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		queue.Remove(tenant, mine)
		return ctx.Err()
	}
}

// serve lets the next request go if its moment has come, and sees to it that the one after it is served. The caller
// holds the lock.
func (p *Pacer) serve() {
	if time.Since(p.last) >= p.interval {
		if next, ok := p.next(); ok {
			close(next.come)
			p.last = time.Now()
		}
	}
	pause := time.Until(p.last.Add(p.interval))
	switch {
	case p.urgent.Empty() && p.normal.Empty():
	case p.alarm == nil:
		p.alarm = time.AfterFunc(pause, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.serve()
		})
	default:
		p.alarm.Reset(pause)
	}
}

// next removes the request that goes now. The caller holds the lock.
func (p *Pacer) next() (*turn, bool) {
	if p.normal.Empty() || p.hurried < maxHurried && !p.urgent.Empty() {
		p.hurried++
		return p.urgent.Pop()
	}
	p.hurried = 0
	return p.normal.Pop()
}
