// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"fmt"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// maxTurns is how many objects of one connection are compared with their appliance at the same time.
const maxTurns = 16

// Turn is an appliance, together with the permit to compare one object with it. Without permits, a thousand objects
// that become due together would compete for the processor, and the transaction that writes for them would wait behind
// all of them between any two of its calls while it holds the lock.
type Turn struct {
	*Appliance

	end func()
	// held is the memory that was reserved for what is compared, in bytes.
	held int64
}

// TakeTurn waits for a turn, which End gives back. Its only error is that of ctx.
func (a *Appliance) TakeTurn(ctx context.Context) (*Turn, error) {
	end, err := a.turns.Enter(ctx)
	if err != nil {
		return nil, err
	}
	return &Turn{Appliance: a, end: end}, nil
}

// End gives the turn back, and what was reserved for it. It may be called more than once.
func (t *Turn) End() {
	t.end()
	t.memory.Release(t.held)
	t.held = 0
}

// List returns a collection of the inventory: a turn is a View.
func (t *Turn) List(ctx context.Context, collection sps.Collection) (*Listing, error) {
	return t.Inventory.List(ctx, collection)
}

// ordinary is how much memory an object may take without being counted, in bytes: turns are few enough.
const ordinary = 128 << 10

// Decode decodes an object, and reserves memory for it until the turn ends. Only the largest object of a turn counts:
// the others are garbage.
func (t *Turn) Decode(r sps.Record) (sps.Object, error) {
	if size := r.DecodedSize(); size > max(ordinary, t.held) {
		if err := t.memory.Reserve(size - t.held); err != nil {
			return sps.Object{}, fmt.Errorf("decode %q: %w", r.Name, err)
		}
		t.held = size
	}
	return r.Object()
}

// Change is Appliance.Change. It gives the turn back while the change waits for its commit, and takes another one
// afterwards. Whoever waits must not hold what was decoded.
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
