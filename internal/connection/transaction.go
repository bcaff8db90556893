// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// Transaction is one open transaction on an appliance, with a picture of the collections as they are inside it. It is
// used by one goroutine at a time.
type Transaction struct {
	appliance *Appliance
	tx        *sps.Transaction
	// base is the config_hash that the transaction started from; empty if the appliance tells none.
	base string
	// view is the transaction's own: what is written is shown in it.
	view    map[sps.Collection]*Listing
	effects []effect
	release func()
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
	// What is about to be written is read again inside the transaction, unless the configuration under it is the one that
	// the inventory shows already: that is the same reading for one call instead of many.
	if info, err := a.client.Info(ctx); err == nil && a.Inventory.shows(info.ConfigHash) {
		t.base = info.ConfigHash
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
		return NewListing(records), err
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
	return key, t.wrote(collection, key, body)
}

// Replace writes the full body of an object.
func (t *Transaction) Replace(ctx context.Context, collection sps.Collection, key string, body sps.Body) error {
	if err := t.tx.Replace(ctx, collection, key, body); err != nil {
		return err
	}
	return t.wrote(collection, key, body)
}

// Delete removes an object.
func (t *Transaction) Delete(ctx context.Context, collection sps.Collection, key string) error {
	if err := t.tx.Delete(ctx, collection, key); err != nil {
		return err
	}
	t.happened(effect{collection: collection, record: sps.Record{Key: key}, deletes: true})
	return nil
}

// CreatePassword makes a password object, to be used once in the same transaction, and returns its key.
func (t *Transaction) CreatePassword(ctx context.Context, plain string) (string, error) {
	return t.tx.CreatePassword(ctx, plain)
}

func (t *Transaction) wrote(collection sps.Collection, key string, body sps.Body) error {
	record, err := sps.NewRecord(key, body)
	if err == nil {
		t.happened(effect{collection: collection, record: record})
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

// Verify fails if the transaction holds changes that were not made through it.
func (t *Transaction) Verify(ctx context.Context) error {
	if err := t.tx.Verify(ctx); err != nil {
		return err
	}
	// Where transactions are isolated the base can move under them (sps contract 3). A move that happened is seen here;
	// one in the moment between this look and the commit is left to the reading that trust bounds.
	if t.base == "" {
		return nil
	}
	if info, err := t.appliance.client.Info(ctx); err != nil || info.ConfigHash != t.base {
		t.base = ""
	}
	return nil
}

// Commit makes the writes permanent and brings the inventory up to date.
func (t *Transaction) Commit(ctx context.Context) error {
	t.appliance.Inventory.expect(true)
	defer t.appliance.Inventory.expect(false)
	if err := t.tx.Commit(ctx, t.appliance.message()); err != nil {
		return err
	}
	t.release()
	t.appliance.takeOver(ctx, t.base, slices.Clone(t.effects))
	return nil
}

// Rollback drops everything that was written, and the lock.
func (t *Transaction) Rollback(ctx context.Context) error {
	defer t.release()
	return t.tx.Rollback(ctx)
}

// infoTimeout bounds the question for the new config_hash after a commit, when nobody waits for the lock any more.
const infoTimeout = 10 * time.Second

// takeOver brings the inventory up to date after a commit.
func (a *Appliance) takeOver(ctx context.Context, base string, effects []effect) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), infoTimeout)
	defer cancel()
	info, err := a.client.Info(ctx)
	if err != nil {
		a.Inventory.Forget()
		return
	}
	a.Inventory.committed(base, info.ConfigHash, effects)
}
