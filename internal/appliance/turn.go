// SPDX-License-Identifier: Apache-2.0

package appliance

import "context"

// maxTurns is how many objects of one connection are compared with their appliance at the same time.
const maxTurns = 16

// Turn is an appliance, together with the permit to compare one object with it. Without permits, a thousand objects
// that become due together would compete for the processor, and the transaction that writes for them would wait behind
// all of them between any two of its calls while it holds the lock.
type Turn struct {
	*Appliance

	end func()
}

// TakeTurn waits for a turn, which End gives back. Its only error is that of ctx.
func (a *Appliance) TakeTurn(ctx context.Context) (*Turn, error) {
	end, err := a.turns.Enter(ctx)
	if err != nil {
		return nil, err
	}
	return &Turn{Appliance: a, end: end}, nil
}

// End gives the turn back. It may be called more than once.
func (t *Turn) End() { t.end() }

// Change is Appliance.Change. It gives the turn back while the change waits for its commit, and takes another one
// afterwards.
func (t *Turn) Change(
	ctx context.Context, whose Identity, change func(ctx context.Context, tx *Transaction) error,
) error {
	t.End()
	err := t.Appliance.Change(ctx, whose, change)
	// If ctx has ended there is no new turn, but the answer still counts.
	if end, ended := t.turns.Enter(ctx); ended == nil {
		t.end = end
	}
	return err
}
