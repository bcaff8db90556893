// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// pacer spaces out the requests of one connection. One after the other is at its head, and waits there for its moment:
// no moment is given away in advance, so none is left over when somebody gives up, or when the limit changes. What ends
// sessions does not wait behind the others: of those, at most one at a time has its turn to come to the head.
type pacer struct {
	head, turn gate

	mu       sync.Mutex
	interval time.Duration
	// last is when the last request was let go.
	last time.Time
}

func newPacer(perSecond int32) *pacer {
	p := &pacer{head: newGate(1), turn: newGate(1)}
	p.limit(perSecond)
	return p
}

// smoothing keeps the requests of any second below the limit although the network does not carry all of them equally
// fast.
const smoothing = 0.95

// limit sets how many requests there may be in a second. They are spaced out evenly, so that no second has more.
func (p *pacer) limit(perSecond int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interval = time.Duration(float64(time.Second) / (float64(perSecond) * smoothing))
}

// Wait waits until the next request may be sent.
func (p *pacer) Wait(ctx context.Context) error {
	if !nps.IsUrgent(ctx) {
		done, err := p.turn.enter(ctx)
		if err != nil {
			return err
		}
		defer done()
	}
	leave, err := p.head.enter(ctx)
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

// pause is how long the head has to wait; none lets its request go.
func (p *pacer) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	pause := p.last.Add(p.interval).Sub(now)
	if pause <= 0 {
		p.last = now
	}
	return pause
}
