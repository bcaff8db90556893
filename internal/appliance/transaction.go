// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Transaction is one open transaction on an appliance, with a view of the collections as they are inside it. It is used
// by one goroutine at a time.
type Transaction struct {
	appliance *Appliance
	tx        *sps.Transaction
	// start is the configuration that the transaction was opened on, see configurationOf; base is the same as long as the
	// inventory can be brought up to date from it, and empty otherwise.
	start, base string
	// replaced is what was replaced, as it was inside the transaction before.
	replaced []original
	// view belongs to the transaction and shows its writes.
	view    map[sps.Collection]*Listing
	effects []effect
	release func()
	// reserved is how much memory was reserved for the view, in bytes.
	reserved int64
}

// Begin opens a transaction, and returns since when it may hold the lock. It first waits for other connections to the
// same appliance, because the lock belongs to the appliance and not to the connection.
func (a *Appliance) Begin(ctx context.Context) (*Transaction, time.Time, error) {
	release, err := a.gate.Enter(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := a.Inventory.Refresh(ctx); err != nil {
		release()
		return nil, time.Time{}, err
	}
	tx, err := a.client.Begin(ctx)
	if err != nil {
		release()
		return nil, time.Time{}, err
	}
	t := &Transaction{appliance: a, tx: tx, view: map[sps.Collection]*Listing{}, release: release}
	// Collections are read again inside the transaction, unless the inventory already shows the configuration under it:
	// then one call replaces many.
	if info, err := a.client.Info(ctx); err == nil {
		if t.start = configurationOf(info); a.Inventory.shows(t.start) {
			t.base = t.start
		}
	}
	return t, tx.Opened(), nil
}

// URL is the canonical address of the appliance.
func (t *Transaction) URL() string { return t.appliance.URL }

// List returns a collection as it is inside the transaction, with its writes so far.
func (t *Transaction) List(ctx context.Context, collection sps.Collection) (*Listing, error) {
	if listing, ok := t.view[collection]; ok {
		return listing, nil
	}
	listing, err := t.read(ctx, collection)
	if err != nil {
		return nil, err
	}
	t.view[collection] = listing
	return listing, nil
}

func (t *Transaction) read(ctx context.Context, collection sps.Collection) (*Listing, error) {
	if t.base == "" || !t.appliance.Inventory.shows(t.base) {
		records, err := t.tx.List(ctx, collection)
		if err != nil {
			return nil, err
		}
		listing := NewListing(records)
		if err := t.appliance.memory.Reserve(listing.size()); err != nil {
			return nil, fmt.Errorf("keep %s: %w", collection, err)
		}
		t.reserved += listing.size()
		return listing, nil
	}
	listing, err := t.appliance.Inventory.List(ctx, collection)
	if err != nil {
		return nil, err
	}
	return listing.after(collection, t.effects), nil // the writes before the collection was first read
}

// Create adds an object and returns its key.
func (t *Transaction) Create(ctx context.Context, collection sps.Collection, body sps.Body) (string, error) {
	key, err := t.tx.Create(ctx, collection, body)
	if err != nil {
		return "", err
	}
	return key, t.wrote(collection, key, body, true)
}

// Replace writes the full body of an object.
func (t *Transaction) Replace(ctx context.Context, collection sps.Collection, key string, body sps.Body) error {
	if err := t.tx.Replace(ctx, collection, key, body); err != nil {
		return err
	}
	return t.wrote(collection, key, body, false)
}

// Delete removes an object. If the appliance no longer has it, that is no error: what was read before the transaction
// may be outdated.
func (t *Transaction) Delete(ctx context.Context, collection sps.Collection, key string) error {
	err := t.tx.Delete(ctx, collection, key)
	if err != nil && (sps.IsTorn(err) || !rest.IsNotFound(err)) {
		return err
	}
	gone := effect{collection: collection, record: sps.Record{Key: key}, deletes: true}
	if err == nil {
		t.track(gone)
		return nil
	}
	t.base = "" // what was read before may be outdated
	if listing, ok := t.view[collection]; ok {
		listing.apply(gone)
	}
	return nil
}

// CreatePassword creates a password object, to be used once in the same transaction, and returns its key.
func (t *Transaction) CreatePassword(ctx context.Context, plain string) (string, error) {
	key, err := t.tx.CreatePassword(ctx, plain)
	if err == nil {
		t.track(effect{collection: sps.Passwords, record: sps.Record{Key: key}, creates: true})
	}
	return key, err
}

func (t *Transaction) wrote(collection sps.Collection, key string, body sps.Body, creates bool) error {
	record, err := sps.NewRecord(key, body)
	if err == nil {
		t.track(effect{collection: collection, record: record, creates: creates})
	}
	return err
}

func (t *Transaction) track(e effect) {
	t.effects = append(t.effects, e)
	if listing, ok := t.view[e.collection]; ok {
		listing.apply(e)
	}
}

// Writes returns the number of writes that may have reached the appliance.
func (t *Transaction) Writes() int { return t.tx.Writes() }

// Verify returns an error unless the transaction contains what was written through it, and nothing else.
func (t *Transaction) Verify(ctx context.Context) error {
	if err := t.tx.Verify(ctx); err != nil {
		return err
	}
	// Where transactions are isolated, the base can change under them (docs/vendors/sps.md 3). A change that has already
	// happened is found here; one in the moment between this check and the commit is found when believeWritesFor has
	// passed.
	if t.start != "" {
		if info, err := t.appliance.client.Info(ctx); err == nil && configurationOf(info) == t.start {
			return nil
		}
	}
	t.base = ""
	return t.checkUnchanged(ctx)
}

// Commit makes the writes permanent and brings the inventory up to date.
func (t *Transaction) Commit(ctx context.Context) error {
	t.appliance.Inventory.setCommitting(true)
	defer t.appliance.Inventory.setCommitting(false)
	if err := t.tx.Commit(ctx, t.appliance.message()); err != nil {
		return t.explainRefusal(ctx, err)
	}
	t.end()
	return t.appliance.applyCommit(ctx, t.base, slices.Clone(t.effects))
}

// errNothingCommitted has an unknown outcome for the committer: every change of the batch gets the error, and is read
// before it is written again.
var errNothingCommitted = errors.New(
	"the appliance accepted the commit, but its configuration has not changed: the transaction had been dropped")

// Rollback drops all writes, and the lock.
func (t *Transaction) Rollback(ctx context.Context) error {
	defer t.end()
	return t.tx.Rollback(ctx)
}

// end leaves the gate and releases the view's memory.
func (t *Transaction) end() {
	t.release()
	t.appliance.memory.Release(t.reserved)
	t.reserved = 0
}

// applyCommit brings the inventory up to date after a commit. It returns an error if nothing was committed: the
// transaction may have been dropped in the moment between its verification and the commit, and an appliance may accept
// an empty commit.
func (a *Appliance) applyCommit(ctx context.Context, base string, effects []effect) error {
	info, err := a.client.Info(context.WithoutCancel(ctx)) // the lock is released already
	if err != nil {                                        // the commit has happened; read everything again
		info, base = sps.Info{}, ""
	}
	is := configurationOf(info)
	if base != "" && is == base && changesMembers(effects) {
		a.Inventory.discard(Moved)
		return errNothingCommitted
	}
	a.Inventory.committed(base, is, effects)
	return nil
}

// changesMembers reports whether the effects create or delete an object, which certainly changes the configuration. A
// replace may change nothing.
func changesMembers(effects []effect) bool {
	type object struct {
		collection sps.Collection
		key        string
	}
	balance := map[object]int{}
	for _, e := range effects {
		at := object{e.collection, e.record.Key}
		switch {
		case e.creates:
			balance[at]++
		case e.deletes:
			balance[at]--
		}
	}
	for _, n := range balance {
		if n != 0 {
			return true
		}
	}
	return false
}
