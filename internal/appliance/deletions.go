// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"fmt"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// UnconfirmedError means that the appliance accepted a commit and does not show its result. The inventory was
// discarded; read again and start over.
type UnconfirmedError struct {
	Collection sps.Collection
	// Key is the object's key; empty if it is not known.
	Key string
	// Deleted says that the commit deleted the object.
	Deleted bool
}

// Error says which object exists or not.
func (e *UnconfirmedError) Error() string {
	where := string(e.Collection) + "/" + e.Key
	switch {
	case e.Deleted && e.Key == "":
		return "deletions in " + string(e.Collection) + " are not confirmed yet; reading again"
	case e.Deleted:
		return fmt.Sprintf("the deletion of %s was committed, but the appliance still has it; deleting it again", where)
	}
	return fmt.Sprintf("%s was committed, but the appliance does not have it; writing it again", where)
}

// deletions are the objects that we deleted; the value says whether the appliance was seen to still have them. An entry
// is dropped once the object is seen to be gone.
type deletions map[sps.Collection]map[string]bool

// add notes the deletions of a commit.
func (d deletions) add(effects []effect) {
	for _, e := range effects {
		if !e.deletes {
			continue
		}
		if d[e.collection] == nil {
			d[e.collection] = map[string]bool{}
		}
		d[e.collection][e.record.Key] = false
	}
}

// unconfirmed returns the keys of those that have not been looked up yet.
func (d deletions) unconfirmed(collection sps.Collection) []string {
	var keys []string
	for key, still := range d[collection] {
		if !still {
			keys = append(keys, key)
		}
	}
	return keys
}

// recordSeen notes which of these keys the appliance showed, and reports whether it has any of them.
func (d deletions) recordSeen(collection sps.Collection, keys []string, has func(key string) bool) (there bool) {
	for _, key := range keys {
		if _, asked := d[collection][key]; !asked {
			continue
		}
		if has(key) {
			d[collection][key], there = true, true
		} else {
			delete(d[collection], key)
		}
	}
	return there
}

// ConfirmDeleted makes sure that an object that we deleted is gone from the appliance. If the appliance still has it,
// the error is an UnconfirmedError, the inventory is discarded, and everything is read again. It costs nothing if the
// collection was read since. Without a key, it makes sure that the collection as shown was read and not only inferred
// from our deletions.
func (i *Inventory) ConfirmDeleted(ctx context.Context, collection sps.Collection, key string) error {
	if known, err := i.deletion(collection, key); known {
		return err
	}
	admission, read := i.reloading, i.lookUpOne
	if i.keysAreCheaper(collection) {
		admission, read = i.reading, i.lookUpAll
	}
	done, err := admission.Enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if known, err := i.deletion(collection, key); known { // another caller has looked it up meanwhile
		return err
	}
	if err := read(ctx, collection, key); err != nil {
		return err
	}
	_, err = i.deletion(collection, key)
	return err
}

// deletion returns what is known about the deletion of an object.
func (i *Inventory) deletion(collection sps.Collection, key string) (known bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if key == "" {
		if len(i.deleted.unconfirmed(collection)) == 0 {
			return true, nil
		}
		i.clear("", Moved)
		return true, &UnconfirmedError{Collection: collection, Deleted: true}
	}
	still, asked := i.deleted[collection][key]
	switch {
	case !asked:
		return true, nil
	case !still:
		return false, nil
	}
	delete(i.deleted[collection], key)
	return true, &UnconfirmedError{Collection: collection, Key: key, Deleted: true}
}

// keysAreCheaper reports whether one list of keys costs less than looking up the deleted objects one by one.
func (i *Inventory) keysAreCheaper(collection sps.Collection) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	unconfirmed, s := len(i.deleted.unconfirmed(collection)), i.collections[collection]
	return unconfirmed > 1 && (s == nil || unconfirmed*callCost >= s.Len() || !i.reader.ListsBodies(collection))
}

func (i *Inventory) lookUpAll(ctx context.Context, collection sps.Collection, _ string) error {
	i.mu.Lock()
	wanted := i.deleted.unconfirmed(collection)
	i.mu.Unlock()
	keys, err := i.reader.Keys(ctx, collection)
	if err != nil {
		return err
	}
	i.recordLookup(collection, wanted, func(key string) bool { return keys[key] })
	return nil
}

func (i *Inventory) lookUpOne(ctx context.Context, collection sps.Collection, key string) error {
	_, err := i.reader.Get(ctx, collection, key)
	if err != nil && !rest.IsNotFound(err) {
		return err
	}
	i.recordLookup(collection, []string{key}, func(string) bool { return err == nil })
	return nil
}

// recordLookup notes what was seen. If something exists that should be gone, a whole commit may be lost.
func (i *Inventory) recordLookup(collection sps.Collection, keys []string, has func(key string) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.deleted.recordSeen(collection, keys, has) {
		i.clear("", Moved)
	}
}
