// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"

	"golang.org/x/time/rate"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// pacer spaces out the requests of one connection. What ends sessions does not wait behind the others: of those, at
// most one at a time has its turn to be sent.
type pacer struct {
	limiter *rate.Limiter
	turn    gate
}

func newPacer(perSecond int32) *pacer {
	p := &pacer{limiter: rate.NewLimiter(0, 1), turn: newGate(1)}
	p.limit(perSecond)
	return p
}

// smoothing keeps the requests of any second below the limit although the network does not carry all of them equally
// fast.
const smoothing = 0.95

// limit sets how many requests there may be in a second. They are spaced out evenly, so that no second has more.
func (p *pacer) limit(perSecond int32) {
	if wanted := rate.Limit(float64(perSecond) * smoothing); p.limiter.Limit() != wanted {
		p.limiter.SetLimit(wanted)
	}
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
	return p.limiter.Wait(ctx)
}
