// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/gate"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Pacer spaces out the requests of one connection. Only the request at its head waits for its moment: no moment is
// reserved in advance, so none is lost when a request is given up or the limit changes. A request that ends a session
// does not queue behind the others: at most one of those at a time may go to the head.
type Pacer struct {
	head, turn gate.Gate

	mu       sync.Mutex
	interval time.Duration
	// last is when the last request was sent.
	last time.Time
}

// NewPacer returns a pacer that allows a number of requests per second.
func NewPacer(perSecond int32) *Pacer {
	p := &Pacer{head: gate.New(1), turn: gate.New(1)}
	p.Limit(perSecond)
	return p
}

// smoothing keeps the requests of any second below the limit although the network does not carry all of them equally
// fast.
const smoothing = 0.95

// Limit sets the number of requests per second. They are spaced evenly, so that no second has more.
func (p *Pacer) Limit(perSecond int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interval = time.Duration(float64(time.Second) / (float64(perSecond) * smoothing))
}

// Interval is the least time between two requests.
func (p *Pacer) Interval() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.interval
}

// Wait waits until the next request may be sent.
func (p *Pacer) Wait(ctx context.Context) error {
	if !nps.IsUrgent(ctx) {
		done, err := p.turn.Enter(ctx)
		if err != nil {
			return err
		}
		defer done()
	}
	leave, err := p.head.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for {
		pause := p.pause()
		if pause <= 0 {
			return ctx.Err()
		}
		if err := rest.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// pause is how long the request at the head has to wait; if it need not, it counts as sent.
func (p *Pacer) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	pause := p.last.Add(p.interval).Sub(now)
	if pause <= 0 {
		p.last = now
	}
	return pause
}
