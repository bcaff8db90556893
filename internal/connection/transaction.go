// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Transaction is one open transaction on an appliance, with a picture of the collections as they are inside it. It is
// used by one goroutine at a time.
type Transaction struct {
	appliance *Appliance
	tx        *sps.Transaction
	// start is the configuration that the transaction was opened upon, see configurationOf; base is the same while the
	// inventory can be brought up to date from it, and empty otherwise.
	start, base string
	// replaced is what was replaced, as it was inside the transaction before.
	replaced []before
	// view is the transaction's own: what is written is shown in it.
	view    map[sps.Collection]*Listing
	effects []effect
	release func()
	// held is what is counted for the view, in bytes.
	held int64
}

// Begin opens a transaction, and says since when it may have the lock. It first waits for other connections to the same
// appliance, because the lock is the appliance's and not the connection's.
func (a *Appliance) Begin(ctx context.Context) (*Transaction, time.Time, error) {
	release, err := a.gate.enter(ctx)
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
	// What is looked up is read again inside the transaction, unless the configuration under it is the one that the
	// inventory shows already: that is the same reading for one call instead of many.
	if info, err := a.client.Info(ctx); err == nil {
		if t.start = configurationOf(info); a.Inventory.shows(t.start) {
			t.base = t.start
		}
	}
	return t, tx.Opened(), nil
}

// URL is the canonical address of the appliance.
func (t *Transaction) URL() string { return t.appliance.URL }

// List returns a collection as it is inside the transaction, with what was written so far.
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
		if err := t.appliance.memory.Hold(listing.size()); err != nil {
			return nil, fmt.Errorf("keep %s: %w", collection, err)
		}
		t.held += listing.size()
		return listing, nil
	}
	listing, err := t.appliance.Inventory.List(ctx, collection)
	if err != nil {
		return nil, err
	}
	return listing.after(collection, t.effects), nil // those written before the collection was first read
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

// Delete removes an object. One that the appliance does not have any more is removed already: what was read of it
// before the transaction was opened may be old.
func (t *Transaction) Delete(ctx context.Context, collection sps.Collection, key string) error {
	err := t.tx.Delete(ctx, collection, key)
	if err != nil && (sps.IsTorn(err) || !rest.IsNotFound(err)) {
		return err
	}
	gone := effect{collection: collection, record: sps.Record{Key: key}, deletes: true}
	if err == nil {
		t.happened(gone)
		return nil
	}
	t.base = "" // nothing that was read before is relied upon any more
	if listing, ok := t.view[collection]; ok {
		listing.apply(gone)
	}
	return nil
}

// CreatePassword makes a password object, to be used once in the same transaction, and returns its key.
func (t *Transaction) CreatePassword(ctx context.Context, plain string) (string, error) {
	key, err := t.tx.CreatePassword(ctx, plain)
	if err == nil {
		t.happened(effect{collection: sps.Passwords, record: sps.Record{Key: key}, creates: true})
	}
	return key, err
}

func (t *Transaction) wrote(collection sps.Collection, key string, body sps.Body, creates bool) error {
	record, err := sps.NewRecord(key, body)
	if err == nil {
		t.happened(effect{collection: collection, record: record, creates: creates})
	}
	return err
}

func (t *Transaction) happened(e effect) {
	t.effects = append(t.effects, e)
	if listing, ok := t.view[e.collection]; ok {
		listing.apply(e)
	}
}

// Writes counts the writes that may have reached the appliance.
func (t *Transaction) Writes() int { return t.tx.Writes() }

// Verify fails unless the transaction holds what was written through it, and nothing else.
func (t *Transaction) Verify(ctx context.Context) error {
	if err := t.tx.Verify(ctx); err != nil {
		return err
	}
	// Where transactions are isolated the base can move under them (sps contract 3). A move that happened is seen here;
	// one in the moment between this look and the commit is left to the reading that trust bounds.
	if t.start != "" {
		if info, err := t.appliance.client.Info(ctx); err == nil && configurationOf(info) == t.start {
			return nil
		}
	}
	t.base = ""
	return t.unmoved(ctx)
}

// Commit makes the writes permanent and brings the inventory up to date.
func (t *Transaction) Commit(ctx context.Context) error {
	t.appliance.Inventory.expect(true)
	defer t.appliance.Inventory.expect(false)
	if err := t.tx.Commit(ctx, t.appliance.message()); err != nil {
		return t.refused(ctx, err)
	}
	t.end()
	return t.appliance.takeOver(ctx, t.base, slices.Clone(t.effects))
}

// errNothingCommitted is of unknown outcome to the committer: all are told, and look before they write again.
var errNothingCommitted = errors.New(
	"the appliance took the commit, but its configuration is the one from before: the transaction was dropped meanwhile")

// Rollback drops everything that was written, and the lock.
func (t *Transaction) Rollback(ctx context.Context) error {
	defer t.end()
	return t.tx.Rollback(ctx)
}

// end gives back the turn and what the view took.
func (t *Transaction) end() {
	t.release()
	t.appliance.memory.Release(t.held)
	t.held = 0
}

// takeOver brings the inventory up to date after a commit. It fails if nothing was committed: what was verified may
// have been dropped in the moment before the commit, and an appliance may find nothing wrong with committing nothing.
func (a *Appliance) takeOver(ctx context.Context, base string, effects []effect) error {
	info, err := a.client.Info(context.WithoutCancel(ctx)) // nobody waits for the lock any more
	if err != nil {                                        // the commit has happened; everything is read again
		info, base = sps.Info{}, ""
	}
	is := configurationOf(info)
	if base != "" && is == base && changesMembers(effects) {
		a.Inventory.Forget()
		return errNothingCommitted
	}
	a.Inventory.committed(base, is, effects)
	return nil
}

// changesMembers says that the effects make or take away an object, which makes another configuration for certain. What
// was replaced may be kept as it was.
func changesMembers(effects []effect) bool {
	type place struct {
		collection sps.Collection
		key        string
	}
	balance := map[place]int{}
	for _, e := range effects {
		at := place{e.collection, e.record.Key}
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
