// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"sync"
)

// gate admits so many at a time. That of an appliance admits one transaction: connections to the same appliance share
// it, so that they queue here instead of refusing each other over there; each keeps its own log-in, so that no change
// is made with the rights of another connection.
type gate chan struct{}

func newGate(admits int) gate { return make(gate, admits) }

// tryEnter is enter without waiting.
func (g gate) tryEnter() (release func(), entered bool) {
	select {
	case g <- struct{}{}:
		return sync.OnceFunc(func() { <-g }), true
	default:
		return nil, false
	}
}

// enter waits for the gate. The release may be called more than once.
func (g gate) enter(ctx context.Context) (release func(), err error) {
	select {
	case g <- struct{}{}:
		return sync.OnceFunc(func() { <-g }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
