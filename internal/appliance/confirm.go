// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"maps"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Confirm makes sure that the inventory shows an object that we wrote as the appliance stores it, which may differ from
// what was sent. If the object does not exist, the error is an UnconfirmedError.
func (i *Inventory) Confirm(ctx context.Context, collection sps.Collection, key string) error {
	if err := i.readBack(ctx, collection, key); err != nil {
		return err
	}
	listing, err := i.List(ctx, collection)
	if err == nil && !listing.has(key) {
		i.discardBelieved()
		err = &UnconfirmedError{Collection: collection, Key: key}
	}
	return err
}

// discardBelieved discards the inventory if it contains writes that were not read back: a commit that lost one of them
// may have lost more.
func (i *Inventory) discardBelieved() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.believedSince.IsZero() {
		i.clear("", Moved)
	}
}

// readBack reads an object that we wrote, unless that has already been done.
func (i *Inventory) readBack(ctx context.Context, collection sps.Collection, key string) error {
	if !i.isUnconfirmed(collection, key) {
		return nil
	}
	admission, read := i.reloading, func() error { return i.reload(ctx, collection, key) }
	if i.listIsCheaper(collection) {
		admission, read = i.reading, func() error { _, err := i.list(ctx, collection, i.missingBecause()); return err }
	}
	done, err := admission.Enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !i.isUnconfirmed(collection, key) { // read meanwhile
		return nil
	}
	return read()
}

func (i *Inventory) isUnconfirmed(collection sps.Collection, key string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	s, ok := i.collections[collection]
	return ok && s.unconfirmed[key]
}

// callCost is how many objects in a list cost about as much as one call.
const callCost = 8

// listIsCheaper reports whether reading the whole collection costs less than reading its unconfirmed objects one by
// one, as it does after a batch.
func (i *Inventory) listIsCheaper(collection sps.Collection) bool {
	if !i.reader.ListsBodies(collection) {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	s, ok := i.collections[collection]
	return ok && len(s.unconfirmed) > 1 && len(s.unconfirmed)*callCost >= s.Len()
}

// reload reads one object; if it does not exist, it is removed from the collection.
func (i *Inventory) reload(ctx context.Context, collection sps.Collection, key string) error {
	began := time.Now()
	_, edition := i.Configuration()
	object, err := i.reader.Get(ctx, collection, key)
	gone := rest.IsNotFound(err)
	if err != nil && !gone {
		return err
	}
	e := effect{collection: collection, record: sps.Record{Key: key}, deletes: gone}
	if !gone {
		if e.record, err = sps.NewRecord(key, object.Body); err != nil {
			return err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if s, ok := i.collections[collection]; ok && i.edition == edition {
		now := &cachedCollection{
			Listing: s.Listing.after(collection, []effect{e}), readAt: s.readAt,
			unconfirmed: maps.Clone(s.unconfirmed), lookedUp: maps.Clone(s.lookedUp),
		}
		delete(now.unconfirmed, key)
		if now.lookedUp == nil {
			now.lookedUp = map[string]time.Time{}
		}
		now.lookedUp[key] = began
		i.write(collection, now)
	}
	return nil
}
