// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// UnconfirmedError says that the appliance took a commit and does not show what was committed. What we believed of it
// is forgotten; look again and start over.
type UnconfirmedError struct {
	Collection sps.Collection
	// Key is that of the object; empty if it is not known.
	Key string
	// Deleted says that the object was to be gone.
	Deleted bool
}

// Error says which object is there or not.
func (e *UnconfirmedError) Error() string {
	where := string(e.Collection) + "/" + e.Key
	switch {
	case e.Deleted && e.Key == "":
		return "deletions in " + string(e.Collection) + " are not confirmed yet; looking again"
	case e.Deleted:
		return fmt.Sprintf("the deletion of %s was committed, but the appliance still has it; deleting it again", where)
	}
	return fmt.Sprintf("%s was committed, but the appliance does not have it; writing it again", where)
}

// deletions are objects that we deleted, and whether the appliance was seen to have them still. One that was seen to be
// gone is forgotten.
type deletions map[sps.Collection]map[string]bool

// add takes note of the deletions of a commit.
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

// unseen are the keys of those that nobody has looked for yet.
func (d deletions) unseen(collection sps.Collection) []string {
	var keys []string
	for key, still := range d[collection] {
		if !still {
			keys = append(keys, key)
		}
	}
	return keys
}

// looked takes note of what the appliance showed of these keys, and says whether it has any of them.
func (d deletions) looked(collection sps.Collection, keys []string, has func(key string) bool) (there bool) {
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

// ConfirmDeleted sees to it that what we deleted is gone from the appliance, and that nobody relies upon a picture in
// which it is gone while the appliance has it: that is an UnconfirmedError, after which everything is read again. It
// costs nothing where the appliance was read since. Without a key, it confirms that the collection shows no more than
// what was read.
func (i *Inventory) ConfirmDeleted(ctx context.Context, collection sps.Collection, key string) error {
	if known, err := i.deletion(collection, key); known {
		return err
	}
	turn, read := i.reloading, i.lookForOne
	if i.keysAreCheaper(collection) {
		turn, read = i.reading, i.lookForAll
	}
	done, err := turn.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if known, err := i.deletion(collection, key); known { // somebody else has looked meanwhile
		return err
	}
	if err := read(ctx, collection, key); err != nil {
		return err
	}
	_, err = i.deletion(collection, key)
	return err
}

// deletion is what is known of the deletion of an object.
func (i *Inventory) deletion(collection sps.Collection, key string) (known bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if key == "" {
		if len(i.deleted.unseen(collection)) == 0 {
			return true, nil
		}
		i.clear("")
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

// keysAreCheaper says that one list costs less than looking for the deleted objects one by one.
func (i *Inventory) keysAreCheaper(collection sps.Collection) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	unseen, s := len(i.deleted.unseen(collection)), i.shelves[collection]
	return unseen > 1 && (s == nil || unseen*callCost >= s.Len() || !i.reader.ListsBodies(collection))
}

func (i *Inventory) lookForAll(ctx context.Context, collection sps.Collection, _ string) error {
	i.mu.Lock()
	wanted := i.deleted.unseen(collection)
	i.mu.Unlock()
	keys, err := i.reader.Keys(ctx, collection)
	if err != nil {
		return err
	}
	i.lookedFor(collection, wanted, func(key string) bool { return keys[key] })
	return nil
}

func (i *Inventory) lookForOne(ctx context.Context, collection sps.Collection, key string) error {
	_, err := i.reader.Get(ctx, collection, key)
	if err != nil && !rest.IsNotFound(err) {
		return err
	}
	i.lookedFor(collection, []string{key}, func(string) bool { return err == nil })
	return nil
}

// lookedFor takes note of what was seen. If something is there that we believed to be gone, a whole commit may be lost.
func (i *Inventory) lookedFor(collection sps.Collection, keys []string, has func(key string) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.deleted.looked(collection, keys, has) {
		i.clear("")
	}
}
