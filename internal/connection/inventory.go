// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// reader is what an inventory needs of an appliance.
type reader interface {
	Info(ctx context.Context) (sps.Info, error)
	List(ctx context.Context, collection sps.Collection) ([]sps.Record, error)
	Get(ctx context.Context, collection sps.Collection, key string) (sps.Object, error)
	catalogue
}

// catalogue is what a reader knows of a collection without reading all of it.
type catalogue interface {
	Keys(ctx context.Context, collection sps.Collection) (map[string]bool, error)
	ListsBodies(collection sps.Collection) bool
}

// Inventory is the shared picture of an appliance's committed configuration: the collections that somebody asked for.
// It is thrown away when the appliance's config_hash moves by a hand that is not ours, and kept up to date by what we
// commit, so that idle objects cost one small call per interval together. It is safe for concurrent use; what it
// returns must not be changed.
type Inventory struct {
	reader reader
	// reading admits one reader of a list at a time, so that a burst of callers makes one list and not many; reloading
	// admits a few readers of single objects.
	reading, reloading gate
	// memory is where what is on the shelves is counted; it is set before the first use.
	memory *rest.Share

	mu sync.Mutex
	// hash is the configuration that the shelves show, see configurationOf; empty while it is not known.
	hash string
	// moved says that a reader found another configuration, which the next check is to tell.
	moved bool
	// edition changes whenever the shelves are cleared, so that a list that was begun before is not kept.
	edition int
	shelves map[sps.Collection]*shelf
	// committing says that a commit of ours is under way: until it is known to what, the hash may move by our own hand.
	committing bool
	// failures are the collections that were too large.
	failures map[sps.Collection]failure
	// trusting is since when the shelves rest on what we wrote and not on what was read; zero if they do not.
	trusting time.Time
	// deleted are the objects that we deleted and have not looked for since.
	deleted deletions
}

// shelf is one collection, and what of it we wrote and have not seen since.
type shelf struct {
	*Listing

	unseen map[string]bool
	// size is what is counted for it, in bytes.
	size int64
}

func newInventory(r reader) *Inventory {
	return &Inventory{
		reader: r, reading: newGate(1), reloading: newGate(parallelReloads), shelves: map[sps.Collection]*shelf{},
		deleted: deletions{},
	}
}

// parallelReloads bounds how many objects are read at the same time.
const parallelReloads = 4

// List returns a collection.
func (i *Inventory) List(ctx context.Context, collection sps.Collection) (*Listing, error) {
	if listing := i.listing(collection); listing != nil {
		return listing, nil
	}
	done, err := i.reading.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if listing := i.listing(collection); listing != nil { // somebody else has read it meanwhile
		return listing, nil
	}
	if err := i.tooMuch(collection); err != nil {
		return nil, err
	}
	listing, err := i.list(ctx, collection)
	if rest.IsTooLarge(err) || errors.Is(err, rest.ErrBudget) {
		i.giveUp(collection, err)
	}
	return listing, err
}

// giveUpFor is how long a collection that is too large is not read again: to find that out costs as much as reading it,
// and a thousand objects may want it.
const giveUpFor = 5 * time.Minute

// failure is why a collection is not read, and until when.
type failure struct {
	err   error
	until time.Time
}

// tooMuch is why the collection is not read now; nil if it may be.
func (i *Inventory) tooMuch(collection sps.Collection) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if f := i.failures[collection]; time.Now().Before(f.until) {
		return f.err
	}
	delete(i.failures, collection)
	return nil
}

func (i *Inventory) giveUp(collection sps.Collection, err error) {
	pause := giveUpFor
	if !rest.IsTooLarge(err) { // for the want of memory that others have
		pause /= 10
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failures == nil {
		i.failures = map[sps.Collection]failure{}
	}
	i.failures[collection] = failure{err: err, until: time.Now().Add(pause)}
}

// TryAgain has collections read that were too large.
func (i *Inventory) TryAgain() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.failures)
}

// Has says whether the collection is there without a call.
func (i *Inventory) Has(collection sps.Collection) bool { return i.listing(collection) != nil }

// readAttempts is how often a collection is read in the hope that the configuration does not move meanwhile.
const readAttempts = 3

// list reads a collection and puts it onto its shelf. The caller has the turn to read.
func (i *Inventory) list(ctx context.Context, collection sps.Collection) (*Listing, error) {
	for range readAttempts {
		listing, err := i.listOnce(ctx, collection)
		if err != nil || listing != nil {
			return listing, err
		}
	}
	records, err := i.reader.List(ctx, collection)
	return NewListing(records), err // it keeps moving; this picture is for this caller only
}

// listOnce reads a collection and keeps it, if the configuration is still the one that the shelves show. Otherwise it
// returns nil: what was read belongs to another one, and would stay if the configuration came back to where it was
// before the next check.
func (i *Inventory) listOnce(ctx context.Context, collection sps.Collection) (*Listing, error) {
	if err := i.identify(ctx); err != nil {
		return nil, err
	}
	hash, edition := i.showing()
	records, err := i.reader.List(ctx, collection)
	if err != nil {
		return nil, err
	}
	listing, now := NewListing(records), sps.Info{}
	if hash != "" {
		if now, err = i.reader.Info(ctx); err != nil {
			return nil, err
		}
	}
	size := listing.size() // counted with no lock in hand, because others may have to drop what they keep for it
	if err := i.memory.Hold(size); err != nil {
		return nil, fmt.Errorf("keep %s: %w", collection, err)
	}
	kept := false
	i.mu.Lock()
	defer i.mu.Unlock()
	defer func() {
		if !kept {
			i.memory.Release(size)
		}
	}()
	switch {
	case i.edition != edition: // whoever cleared the shelves or committed knows the configuration of now
	case configurationOf(now) != hash && i.committing: // what was read may belong to either
	case configurationOf(now) != hash:
		i.clear(configurationOf(now))
		i.moved = true
		return nil, nil
	default:
		i.put(collection, &shelf{Listing: listing, size: size})
		i.deleted.looked(collection, i.deleted.unseen(collection), listing.has)
		kept = true
	}
	return listing, nil
}

// identify finds out which configuration is about to be read, so that the next check does not take it for another one.
func (i *Inventory) identify(ctx context.Context) error {
	if hash, _ := i.showing(); hash != "" {
		return nil
	}
	info, err := i.reader.Info(ctx)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.hash == "" {
		i.hash = configurationOf(info)
	}
	return nil
}

func (i *Inventory) listing(collection sps.Collection) *Listing {
	i.mu.Lock()
	defer i.mu.Unlock()
	if s, ok := i.shelves[collection]; ok {
		return s.Listing
	}
	return nil
}

func (i *Inventory) showing() (hash string, edition int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hash, i.edition
}

// trust is how long the inventory goes by what we wrote before it is read again as a whole. Where transactions are
// isolated, somebody else may commit in the moment between our last look and our commit (sps contract 3): what they
// changed is then behind the same config_hash as our own change.
const trust = time.Hour

// Check asks the appliance whether its configuration is still the one that the inventory shows, and throws the
// inventory away if not. An appliance that tells no config_hash (sps contract 4.10) has always moved.
func (i *Inventory) Check(ctx context.Context) (info sps.Info, moved bool, err error) {
	info, err = i.reader.Info(ctx)
	if err != nil {
		return info, false, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	is := configurationOf(info)
	if i.committing && is != i.hash {
		return info, false, nil // the next check tells
	}
	moved, i.moved = i.moved, false
	overdue := !i.trusting.IsZero() && time.Since(i.trusting) > trust
	if is != "" && is == i.hash && !overdue {
		return info, moved, nil
	}
	i.clear(is)
	return info, true, nil
}

// Refresh reads again what is on the shelves if the configuration has moved. It is for the moment before a transaction
// is opened: what is not read then has to be read while the transaction keeps everybody else out.
func (i *Inventory) Refresh(ctx context.Context) error {
	info, err := i.reader.Info(ctx)
	is := configurationOf(info)
	if err != nil || i.shows(is) {
		return err
	}
	i.mu.Lock()
	stale := slices.Sorted(maps.Keys(i.shelves))
	if i.hash != is {
		i.moved = i.moved || i.hash != ""
		i.clear(is)
	}
	i.mu.Unlock()
	if is == "" {
		return nil // nothing that is read now can be relied upon later
	}
	for _, collection := range stale {
		if _, err := i.List(ctx, collection); err != nil {
			return err
		}
	}
	return nil
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
	for _, s := range i.shelves {
		i.memory.Release(s.size)
	}
	i.shelves = map[sps.Collection]*shelf{}
	i.trusting = time.Time{}
}

// put puts a collection, which is counted, in the place of what was there before. The caller holds the mutex.
func (i *Inventory) put(collection sps.Collection, s *shelf) {
	if old, ok := i.shelves[collection]; ok {
		i.memory.Release(old.size)
	}
	i.shelves[collection] = s
}

// write puts what a write has made of a collection in its place, and counts it.
func (i *Inventory) write(collection sps.Collection, s *shelf) {
	s.size = s.Listing.size()
	i.memory.Charge(s.size)
	i.put(collection, s)
}

// shows says whether the inventory is that of a configuration.
func (i *Inventory) shows(hash string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return hash != "" && i.hash == hash
}

// expect says whether a commit of ours is under way.
func (i *Inventory) expect(commit bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.committing = commit
}

// committed takes over what a transaction changed. If somebody else's change may lie between the inventory and the
// base of the transaction, everything is read again instead.
func (i *Inventory) committed(base, now string, effects []effect) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.deleted.add(effects)
	if base == "" || now == "" || i.hash != base {
		i.clear(now)
		return
	}
	i.hash = now
	i.edition++
	if i.trusting.IsZero() {
		i.trusting = time.Now()
	}
	for collection, s := range i.shelves {
		if slices.ContainsFunc(effects, func(e effect) bool { return e.collection == collection }) {
			i.write(collection, s.after(collection, effects))
		}
	}
}

// after is the shelf after a commit. What was written counts as not seen.
func (s *shelf) after(collection sps.Collection, effects []effect) *shelf {
	out := &shelf{Listing: s.Listing.after(collection, effects), unseen: map[string]bool{}}
	maps.Copy(out.unseen, s.unseen)
	for _, e := range effects {
		if e.collection == collection && e.deletes {
			delete(out.unseen, e.record.Key)
		} else if e.collection == collection {
			out.unseen[e.record.Key] = true
		}
	}
	return out
}

// View is what reads collections: an inventory, or a transaction.
type View interface {
	List(ctx context.Context, collection sps.Collection) (*Listing, error)
}

// maxKeysShown bounds the text of an AmbiguousError.
const maxKeysShown = 5

// AmbiguousError says that a name exists more than once; nothing is done then (sps contract Q10).
type AmbiguousError struct {
	Collection sps.Collection
	Name       string
	Keys       []string
}

// Error names the keys, so that the spec can use one of them.
func (e *AmbiguousError) Error() string {
	shown, more := e.Keys, ""
	if len(shown) > maxKeysShown {
		shown, more = shown[:maxKeysShown], " and others"
	}
	return fmt.Sprintf("the name %q exists %d times in %s (keys %v%s): rename all but one on the appliance",
		e.Name, len(e.Keys), e.Collection, shown, more)
}

// ByKey finds an object by its key, and its place in the collection, -1 if there is none.
func ByKey(ctx context.Context, v View, collection sps.Collection, key string) (o sps.Object, at int, err error) {
	listing, err := v.List(ctx, collection)
	if err != nil {
		return sps.Object{}, -1, err
	}
	record, at := listing.byKey(key)
	return record.Object(), at, nil
}

// ByName finds an object by its name and its place in the collection, -1 if there is none. A name that exists twice is
// an AmbiguousError.
func ByName(ctx context.Context, v View, collection sps.Collection, name string) (o sps.Object, at int, err error) {
	listing, err := v.List(ctx, collection)
	if err != nil {
		return sps.Object{}, -1, err
	}
	places := listing.byName(name)
	switch len(places) {
	case 0:
		return sps.Object{}, -1, nil
	case 1:
		return listing.records[places[0]].Object(), places[0], nil
	}
	return sps.Object{}, -1, &AmbiguousError{Collection: collection, Name: name, Keys: listing.Named(name)}
}
