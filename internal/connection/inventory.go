// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// reader is what an inventory needs of an appliance.
type reader interface {
	Info(ctx context.Context) (sps.Info, error)
	List(ctx context.Context, collection sps.Collection) ([]sps.Object, error)
	Get(ctx context.Context, collection sps.Collection, key string) (sps.Object, error)
}

// Inventory is the shared picture of an appliance's committed configuration: the collections that somebody asked for.
// It is thrown away when the appliance's config_hash moves by a hand that is not ours, and kept up to date by what we
// commit, so that idle objects cost one small call per interval together. It is safe for concurrent use; what it
// returns must not be changed.
type Inventory struct {
	reader reader
	// reading admits one reader at a time, so that a burst of callers makes one list and not many.
	reading chan struct{}

	mu sync.Mutex
	// hash is the config_hash that the shelves show; empty while it is not known.
	hash string
	// moved says that a reader found another configuration, which the next check is to tell.
	moved bool
	// edition changes whenever the shelves are cleared, so that a list that was begun before is not kept.
	edition int
	shelves map[sps.Collection][]sps.Object
}

func newInventory(r reader) *Inventory {
	return &Inventory{reader: r, reading: make(chan struct{}, 1), shelves: map[sps.Collection][]sps.Object{}}
}

// List returns a collection in the appliance's order.
func (i *Inventory) List(ctx context.Context, collection sps.Collection) ([]sps.Object, error) {
	if objects, ok := i.shelf(collection); ok {
		return objects, nil
	}
	select {
	case i.reading <- struct{}{}:
		defer func() { <-i.reading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if objects, ok := i.shelf(collection); ok { // somebody else has read it meanwhile
		return objects, nil
	}
	for range readAttempts {
		objects, steady, err := i.read(ctx, collection)
		if err != nil || steady {
			return objects, err
		}
	}
	return i.reader.List(ctx, collection) // it keeps moving; this picture is for this caller only
}

// readAttempts is how often a collection is read in the hope that the configuration does not move meanwhile.
const readAttempts = 3

// read reads a collection and keeps it, if the configuration is still the one that the shelves show. Otherwise what was
// read belongs to another one, and would stay if the configuration came back to where it was before the next check.
func (i *Inventory) read(
	ctx context.Context, collection sps.Collection,
) (objects []sps.Object, steady bool, err error) {
	if err := i.identify(ctx); err != nil {
		return nil, false, err
	}
	hash, edition := i.showing()
	if objects, err = i.reader.List(ctx, collection); err != nil {
		return nil, false, err
	}
	now := sps.Info{}
	if hash != "" {
		if now, err = i.reader.Info(ctx); err != nil {
			return nil, false, err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.edition != edition: // whoever cleared the shelves or committed knows the configuration of now
	case now.ConfigHash != hash:
		i.clear(now.ConfigHash)
		i.moved = true
		return nil, false, nil
	default:
		i.shelves[collection] = objects
	}
	return objects, true, nil
}

// identify finds out which configuration is about to be read, so that the next check does not take it for another one.
func (i *Inventory) identify(ctx context.Context) error {
	i.mu.Lock()
	known := i.hash != ""
	i.mu.Unlock()
	if known {
		return nil
	}
	info, err := i.reader.Info(ctx)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.hash == "" {
		i.hash = info.ConfigHash
	}
	return nil
}

func (i *Inventory) shelf(collection sps.Collection) ([]sps.Object, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	objects, ok := i.shelves[collection]
	return objects, ok
}

func (i *Inventory) showing() (hash string, edition int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hash, i.edition
}

// Check asks the appliance whether its configuration is still the one that the inventory shows, and throws the
// inventory away if not. An appliance that tells no config_hash (sps contract 4.10) has always moved.
func (i *Inventory) Check(ctx context.Context) (info sps.Info, moved bool, err error) {
	info, err = i.reader.Info(ctx)
	if err != nil {
		return info, false, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	moved, i.moved = i.moved, false
	if info.ConfigHash != "" && info.ConfigHash == i.hash {
		return info, moved, nil
	}
	i.clear(info.ConfigHash)
	return info, true, nil
}

// Forget throws the inventory away.
func (i *Inventory) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clear("")
}

func (i *Inventory) clear(hash string) {
	i.hash = hash
	i.edition++
	i.shelves = map[sps.Collection][]sps.Object{}
}

// shows says whether the inventory is that of a configuration.
func (i *Inventory) shows(hash string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return hash != "" && i.hash == hash
}

// committed takes over what a transaction changed. If somebody else's change may lie between the inventory and the
// base of the transaction, everything is read again instead.
func (i *Inventory) committed(base, now string, effects []effect) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if base == "" || now == "" || i.hash != base {
		i.clear(now)
		return
	}
	i.hash = now
	i.edition++
	for _, e := range effects {
		if objects, ok := i.shelves[e.collection]; ok {
			i.shelves[e.collection] = e.apply(objects)
		}
	}
}

// Reload reads one object again, as the appliance shows it, and returns it.
func (i *Inventory) Reload(ctx context.Context, collection sps.Collection, key string) (sps.Object, error) {
	_, edition := i.showing()
	object, err := i.reader.Get(ctx, collection, key)
	gone := rest.IsNotFound(err)
	if err != nil && !gone {
		return object, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if objects, ok := i.shelves[collection]; ok && i.edition == edition {
		e := effect{collection: collection, key: key, body: object.Body}
		i.shelves[collection] = e.apply(objects)
	}
	return object, err
}

// effect is what a write did to a collection; a nil body is a deletion.
type effect struct {
	collection sps.Collection
	key        string
	body       sps.Body
}

// apply returns a copy of the collection after the write. A new object stands at the end (sps contract 4.7, inferred).
func (e effect) apply(objects []sps.Object) []sps.Object {
	at := slices.IndexFunc(objects, func(o sps.Object) bool { return o.Key == e.key })
	out := slices.Clone(objects)
	switch {
	case e.body == nil && at < 0:
		return objects
	case e.body == nil:
		return slices.Delete(out, at, at+1)
	case at < 0:
		return append(out, sps.Object{Key: e.key, Body: e.body})
	}
	out[at].Body = e.body
	return out
}

// View is what reads collections: an inventory, or a transaction.
type View interface {
	List(ctx context.Context, collection sps.Collection) ([]sps.Object, error)
}

// AmbiguousError says that a name exists more than once; nothing is done then (sps contract Q10).
type AmbiguousError struct {
	Collection sps.Collection
	Name       string
	Keys       []string
}

// Error names the keys, so that the spec can use one of them.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("the name %q exists %d times in %s (keys %v): rename all but one on the appliance",
		e.Name, len(e.Keys), e.Collection, e.Keys)
}

// ByKey finds an object by its key; found is false if there is none.
func ByKey(ctx context.Context, v View, collection sps.Collection, key string) (o sps.Object, at int, err error) {
	return find(ctx, v, collection, "", func(o sps.Object) bool { return o.Key == key })
}

// ByName finds an object by its name and its place in the collection, -1 if there is none. A name that exists twice is
// an AmbiguousError.
func ByName(ctx context.Context, v View, collection sps.Collection, name string) (o sps.Object, at int, err error) {
	return find(ctx, v, collection, name, func(o sps.Object) bool { return o.Name() == name })
}

func find(
	ctx context.Context, v View, collection sps.Collection, name string, is func(sps.Object) bool,
) (found sps.Object, at int, err error) {
	objects, err := v.List(ctx, collection)
	if err != nil {
		return sps.Object{}, -1, err
	}
	at = -1
	var keys []string
	for n, o := range objects {
		if is(o) {
			found, at, keys = o, n, append(keys, o.Key)
		}
	}
	if len(keys) > 1 {
		return sps.Object{}, -1, &AmbiguousError{Collection: collection, Name: name, Keys: keys}
	}
	return found, at, nil
}
