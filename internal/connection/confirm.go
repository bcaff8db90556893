// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"maps"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Confirm sees to it that an object that we wrote is shown as the appliance keeps it, which may differ from what it was
// sent. If it is not there, that is an UnconfirmedError.
func (i *Inventory) Confirm(ctx context.Context, collection sps.Collection, key string) error {
	if err := i.see(ctx, collection, key); err != nil {
		return err
	}
	listing, err := i.List(ctx, collection)
	if err == nil && !listing.has(key) {
		i.doubt()
		err = &UnconfirmedError{Collection: collection, Key: key}
	}
	return err
}

// doubt throws the inventory away if it rests on what we wrote: a commit that lost one thing may have lost more.
func (i *Inventory) doubt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.trusting.IsZero() {
		i.clear("")
	}
}

// see reads an object that we wrote, unless that has been done since.
func (i *Inventory) see(ctx context.Context, collection sps.Collection, key string) error {
	if !i.isUnseen(collection, key) {
		return nil
	}
	turn, read := i.reloading, func() error { return i.reload(ctx, collection, key) }
	if i.listIsCheaper(collection) {
		turn, read = i.reading, func() error { _, err := i.list(ctx, collection); return err }
	}
	done, err := turn.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !i.isUnseen(collection, key) { // seen meanwhile
		return nil
	}
	return read()
}

func (i *Inventory) isUnseen(collection sps.Collection, key string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	s, ok := i.shelves[collection]
	return ok && s.unseen[key]
}

// callCost is how many objects in a list are as dear as one call, roughly.
const callCost = 8

// listIsCheaper says that reading the collection as a whole costs less than reading one by one what is unseen of it,
// as it does after a batch.
func (i *Inventory) listIsCheaper(collection sps.Collection) bool {
	if !i.reader.ListsBodies(collection) {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	s, ok := i.shelves[collection]
	return ok && len(s.unseen) > 1 && len(s.unseen)*callCost >= s.Len()
}

// reload reads one object; one that is not there is taken off the shelf.
func (i *Inventory) reload(ctx context.Context, collection sps.Collection, key string) error {
	_, edition := i.showing()
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
	if s, ok := i.shelves[collection]; ok && i.edition == edition {
		unseen := maps.Clone(s.unseen)
		delete(unseen, key)
		i.write(collection, &shelf{Listing: s.Listing.after(collection, []effect{e}), unseen: unseen})
	}
	return nil
}
