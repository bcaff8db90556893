// SPDX-License-Identifier: Apache-2.0

package connection

import "context"

// parallelPasses is how many objects of one connection are compared with their appliance at the same time.
const parallelPasses = 16

// Pass is an appliance while one object has its turn to be compared with it. A thousand objects that become due
// together would otherwise want the processor together, and the transaction that writes for them would wait behind them
// all between any two of its calls, with the lock in its hand.
type Pass struct {
	*Appliance

	end func()
}

// BeginPass waits for a turn, which End gives back. Its only error is that of ctx.
func (a *Appliance) BeginPass(ctx context.Context) (*Pass, error) {
	end, err := a.passes.enter(ctx)
	if err != nil {
		return nil, err
	}
	return &Pass{Appliance: a, end: end}, nil
}

// End gives the turn back. It may be called more than once.
func (p *Pass) End() { p.end() }

// Change is Appliance.Change. Others have the turn while the change waits for its commit.
func (p *Pass) Change(ctx context.Context, change func(ctx context.Context, tx *Transaction) error) error {
	p.End()
	err := p.Appliance.Change(ctx, change)
	// Without a turn again, because ctx has ended, the answer still counts.
	if end, ended := p.passes.enter(ctx); ended == nil {
		p.end = end
	}
	return err
}
