// SPDX-License-Identifier: Apache-2.0

package appliance

import "time"

// This file is when the inventory last agreed with the appliance, and why it is read again.

// freshness belongs to an Inventory, whose mutex guards it.
type freshness struct {
	// cause is why the collections are missing that are not cached.
	cause Cause
	// checkedAt is when the appliance last said which configuration it has; zero before the first time.
	checkedAt time.Time
}

// Forget discards the inventory because somebody wants the appliance to be read.
func (i *Inventory) Forget() { i.discard(Requested) }

func (i *Inventory) discard(cause Cause) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clear("", cause)
}

// CheckedAt returns when the appliance last said which configuration it has; zero if it never did.
func (i *Inventory) CheckedAt() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.freshness.checkedAt
}

// missingBecause returns why a collection that is not cached has to be read.
func (i *Inventory) missingBecause() Cause {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.freshness.cause
}
