// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/gate"
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

// catalogue is what a reader knows about a collection without reading all of it.
type catalogue interface {
	Keys(ctx context.Context, collection sps.Collection) (map[string]bool, error)
	ListsBodies(collection sps.Collection) bool
}

// Inventory is the shared copy of an appliance's committed configuration, limited to the collections that were
// requested. It is discarded when another client changes the appliance's config_hash, and kept up to date with our own
// commits, so that all idle objects together cost one small call per interval. It is safe for concurrent use; its
// results must not be modified.
type Inventory struct {
	reader reader
	// reading admits one reader of a list at a time, so that a burst of callers causes one list and not many; reloading
	// admits a few readers of single objects.
	reading, reloading gate.Gate
	// memory counts the cached collections; nil counts nothing.
	memory *rest.Share

	mu sync.Mutex
	// hash is the configuration that the collections show, see configurationOf; empty while it is not known.
	hash string
	// configurationChanged says that a reader found another configuration, which the next Check has to report.
	configurationChanged bool
	// edition changes whenever the collections are cleared, so that a list that was started before is not cached.
	edition     int
	collections map[sps.Collection]*cachedCollection
	// committing is set while our own commit is in progress: until its result is known, it may be what changes the hash.
	committing bool
	// failures are the collections that were too large.
	failures map[sps.Collection]failure
	// believedSince is since when the collections contain writes that were not read back; zero if they do not.
	believedSince time.Time
	// deleted are the objects that we deleted and have not looked up since.
	deleted   deletions
	freshness freshness
	// read is called for each collection that was read, with the cause; set before the first use.
	read func(Cause)
	// requested bounds the reads that people ask for.
	requested requestedReads
}

// cachedCollection is one collection, and which of its objects we wrote and have not read back since.
type cachedCollection struct {
	*Listing

	unconfirmed map[string]bool
	// readAt is when the list was requested, and lookedUp when single objects were, since then.
	readAt   time.Time
	lookedUp map[string]time.Time
	// size is the memory counted for it, in bytes.
	size int64
}

func newInventory(r reader, memory *rest.Share) *Inventory {
	return &Inventory{
		reader: r, reading: gate.New(1), reloading: gate.New(parallelReloads),
		collections: map[sps.Collection]*cachedCollection{}, deleted: deletions{}, memory: memory,
		freshness: freshness{cause: AtStart}, read: func(Cause) {}, requested: newRequestedReads(),
	}
}

// parallelReloads bounds how many objects are read at the same time.
const parallelReloads = 4

// List returns a collection.
func (i *Inventory) List(ctx context.Context, collection sps.Collection) (*Listing, error) {
	if listing := i.listing(collection); listing != nil {
		return listing, nil
	}
	done, err := i.reading.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if listing := i.listing(collection); listing != nil { // another caller has read it meanwhile
		return listing, nil
	}
	return i.readList(ctx, collection, i.missingBecause())
}

// tooLargeRetry is how long a collection that is too large is not read again: finding that out costs as much as reading
// it, and a thousand objects may want it.
const tooLargeRetry = 5 * time.Minute

// failure is why a collection is not read, and until when.
type failure struct {
	err   error
	until time.Time
}

// tooLarge returns why the collection is not read now; nil if it may be.
func (i *Inventory) tooLarge(collection sps.Collection) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if f := i.failures[collection]; time.Now().Before(f.until) {
		return f.err
	}
	delete(i.failures, collection)
	return nil
}

func (i *Inventory) markTooLarge(collection sps.Collection, err error) {
	pause := tooLargeRetry
	if !rest.IsTooLarge(err) { // others use the memory
		pause /= 10
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failures == nil {
		i.failures = map[sps.Collection]failure{}
	}
	i.failures[collection] = failure{err: err, until: time.Now().Add(pause)}
}

// RetryTooLarge allows collections that were too large to be read again.
func (i *Inventory) RetryTooLarge() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.failures)
}

// Has reports whether the collection is available without a call.
func (i *Inventory) Has(collection sps.Collection) bool { return i.listing(collection) != nil }

// Cached returns the collection if it is available without a call, else nil.
func (i *Inventory) Cached(collection sps.Collection) *Listing { return i.listing(collection) }

// readAttempts is how often a collection is read until the configuration does not change during the read.
const readAttempts = 3

// list reads a collection and caches it. The caller has entered the gate for it.
func (i *Inventory) list(ctx context.Context, collection sps.Collection, cause Cause) (*Listing, error) {
	for range readAttempts {
		listing, err := i.listOnce(ctx, collection, cause)
		if err != nil || listing != nil {
			return listing, err
		}
	}
	records, err := i.reader.List(ctx, collection)
	return NewListing(records), err // it keeps changing; this copy is for this caller only
}

// listOnce reads a collection and caches it if the configuration is still the one that the other collections show. If
// not, it returns nil: the result belongs to another configuration, and would stay cached if the configuration changed
// back before the next check.
func (i *Inventory) listOnce(ctx context.Context, collection sps.Collection, cause Cause) (*Listing, error) {
	began := time.Now()
	if err := i.identify(ctx); err != nil {
		return nil, err
	}
	hash, edition := i.Configuration()
	records, err := i.reader.List(ctx, collection)
	if err != nil {
		return nil, err
	}
	i.read(cause)
	listing, now := NewListing(records), sps.Info{}
	if hash != "" {
		if now, err = i.reader.Info(ctx); err != nil {
			return nil, err
		}
	}
	size := listing.size() // counted without the mutex, because other inventories may have to be discarded for it
	if err := i.memory.Reserve(size); err != nil {
		return nil, fmt.Errorf("keep %s: %w", collection, err)
	}
	stored := false
	i.mu.Lock()
	defer i.mu.Unlock()
	defer func() {
		if !stored {
			i.memory.Release(size)
		}
	}()
	switch {
	case i.edition != edition: // cleared or committed meanwhile, with a newer configuration
	case configurationOf(now) != hash && i.committing: // the list may belong to either configuration
	case configurationOf(now) != hash:
		i.clear(configurationOf(now), Moved)
		i.configurationChanged = true
		return nil, nil
	default:
		i.put(collection, &cachedCollection{Listing: listing, readAt: began, size: size})
		i.deleted.recordSeen(collection, i.deleted.unconfirmed(collection), listing.has)
		stored = true
	}
	return listing, nil
}

// identify determines which configuration is about to be read, so that the next check does not take it for a change.
func (i *Inventory) identify(ctx context.Context) error {
	if hash, _ := i.Configuration(); hash != "" {
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
	if s, ok := i.collections[collection]; ok {
		return s.Listing
	}
	return nil
}

// Configuration returns the configuration that the inventory shows, and its edition; hash is empty while it is not
// known.
func (i *Inventory) Configuration() (hash string, edition int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hash, i.edition
}

// believeWritesFor is how long our own writes are believed before the whole inventory is read again. Where transactions
// are isolated, another client may commit between our last look and our commit (docs/vendors/sps.md 3): its change is
// then behind the same config_hash as ours.
const believeWritesFor = time.Hour

// Check asks the appliance whether its configuration is still the one that the inventory shows, and discards the
// inventory if not. An appliance that reports no config_hash (docs/vendors/sps.md 4.10) counts as changed every time.
func (i *Inventory) Check(ctx context.Context) (info sps.Info, changed bool, err error) {
	info, err = i.reader.Info(ctx)
	if err != nil {
		return info, false, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	is := configurationOf(info)
	i.freshness.checkedAt = time.Now()
	if i.committing && is != i.hash {
		return info, false, nil // the next check reports it
	}
	changed, i.configurationChanged = i.configurationChanged, false
	overdue := !i.believedSince.IsZero() && time.Since(i.believedSince) > believeWritesFor
	if is != "" && is == i.hash && !overdue {
		return info, changed, nil
	}
	cause := Moved
	if is == "" || is == i.hash {
		cause = Interval
	}
	i.clear(is, cause)
	return info, true, nil
}

// Refresh reads the cached collections again if the configuration has changed. It is called just before a transaction
// is opened: whatever is not read then has to be read while the transaction locks everyone else out.
func (i *Inventory) Refresh(ctx context.Context) error {
	info, err := i.reader.Info(ctx)
	if err != nil {
		return err
	}
	is := configurationOf(info)
	i.mu.Lock()
	i.freshness.checkedAt = time.Now()
	i.mu.Unlock()
	if i.shows(is) {
		return nil
	}
	i.mu.Lock()
	stale := slices.Sorted(maps.Keys(i.collections))
	if i.hash != is {
		i.configurationChanged = i.configurationChanged || i.hash != ""
		i.clear(is, Moved)
	}
	i.mu.Unlock()
	if is == "" {
		return nil // what is read now cannot be reused later
	}
	for _, collection := range stale {
		if _, err := i.List(ctx, collection); err != nil {
			return err
		}
	}
	return nil
}

// clear discards the collections. The caller holds the mutex.
func (i *Inventory) clear(hash string, cause Cause) {
	i.hash, i.freshness.cause = hash, cause
	i.edition++
	for _, s := range i.collections {
		i.memory.Release(s.size)
	}
	i.collections = map[sps.Collection]*cachedCollection{}
	i.believedSince = time.Time{}
}

// put replaces a collection, whose memory has been counted. The caller holds the mutex.
func (i *Inventory) put(collection sps.Collection, s *cachedCollection) {
	if old, ok := i.collections[collection]; ok {
		i.memory.Release(old.size)
	}
	i.collections[collection] = s
}

// write replaces a collection after a write, and counts its memory. The caller holds the mutex.
func (i *Inventory) write(collection sps.Collection, s *cachedCollection) {
	s.size = s.Listing.size()
	i.memory.Charge(s.size)
	i.put(collection, s)
}

// shows reports whether the inventory shows a configuration.
func (i *Inventory) shows(hash string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return hash != "" && i.hash == hash
}

// setCommitting records whether our own commit is in progress.
func (i *Inventory) setCommitting(commit bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.committing = commit
}

// committed applies the changes of a transaction. If another client's change may lie between the inventory and the base
// of the transaction, it discards everything instead.
func (i *Inventory) committed(base, now string, effects []effect) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.deleted.add(effects)
	if base == "" || now == "" || i.hash != base {
		i.clear(now, Moved)
		return
	}
	i.hash = now
	i.edition++
	if i.believedSince.IsZero() {
		i.believedSince = time.Now()
	}
	for collection, s := range i.collections {
		if slices.ContainsFunc(effects, func(e effect) bool { return e.collection == collection }) {
			i.write(collection, s.after(collection, effects))
		}
	}
}

// after is the collection after a commit, whose writes count as unconfirmed.
func (s *cachedCollection) after(collection sps.Collection, effects []effect) *cachedCollection {
	out := &cachedCollection{
		Listing: s.Listing.after(collection, effects), unconfirmed: map[string]bool{}, readAt: s.readAt, lookedUp: s.lookedUp,
	}
	maps.Copy(out.unconfirmed, s.unconfirmed)
	for _, e := range effects {
		if e.collection == collection && e.deletes {
			delete(out.unconfirmed, e.record.Key)
		} else if e.collection == collection {
			out.unconfirmed[e.record.Key] = true
		}
	}
	return out
}
