// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file preserves what others write at the same time. The appliance may let the last writer win
// (docs/vendors/sps.md Q2), and a replace sends every member, including those that the spec does not manage: a replace
// based on an outdated read would undo another client's change.

// configurationOf identifies the configuration that an appliance shows: the config_hash, and the version, because
// another version shows other members of the same stored configuration under the same hash. It is empty if there is no
// hash.
func configurationOf(info sps.Info) string {
	if info.ConfigHash == "" {
		return ""
	}
	return strings.TrimSpace(info.Version + " " + info.ConfigHash)
}

// HashOf is the config_hash of a configuration; empty if the appliance reports none.
func HashOf(configuration string) string {
	return configuration[strings.LastIndexByte(configuration, ' ')+1:]
}

// original is an object as it was inside a transaction before it was replaced.
type original struct {
	collection sps.Collection
	object     sps.Object
}

// ConcurrentChangeError means that another client changed an object while a transaction of ours was about to replace
// it. Nothing was committed; the transaction is repeated from fresh reads.
type ConcurrentChangeError struct{ Path string }

// Error names the object.
func (e *ConcurrentChangeError) Error() string {
	return "another client changed " + e.Path + " while the operator was changing it"
}

func isConcurrentChange(err error) bool {
	_, ok := errors.AsType[*ConcurrentChangeError](err)
	return ok
}

// Reload reads one object as it is inside the transaction now: complete, and in the form of this appliance's version.
// It is called just before the object is replaced. If the object is gone, it is removed from the view, too.
func (t *Transaction) Reload(ctx context.Context, collection sps.Collection, key string) error {
	object, err := t.tx.Get(ctx, collection, key)
	e := effect{collection: collection, record: sps.Record{Key: key}, deletes: rest.IsNotFound(err)}
	if err != nil && !e.deletes {
		return err
	}
	if !e.deletes {
		if e.record, err = sps.NewRecord(key, object.Body); err != nil {
			return err
		}
	}
	listing, err := t.List(ctx, collection)
	if err != nil {
		return err
	}
	if listing.apply(e); e.deletes {
		t.base = "" // the inventory is outdated
		return nil
	}
	if !t.hasWritten(collection, key) {
		t.replaced = append(t.replaced, original{collection, object})
	}
	return nil
}

// hasWritten reports whether the transaction itself has changed an object, or has read it in order to replace it.
func (t *Transaction) hasWritten(collection sps.Collection, key string) bool {
	for _, r := range t.replaced {
		if r.collection == collection && r.object.Key == key {
			return true
		}
	}
	for _, e := range t.effects {
		if e.collection == collection && e.record.Key == key {
			return true
		}
	}
	return false
}

// checkUnchanged returns an error if the committed state of a replaced object is no longer the one that was read.
func (t *Transaction) checkUnchanged(ctx context.Context) error {
	for _, r := range t.replaced {
		path := string(r.collection) + "/" + r.object.Key
		now, err := t.appliance.client.Get(ctx, r.collection, r.object.Key)
		switch {
		case rest.IsNotFound(err):
			return &ConcurrentChangeError{Path: path}
		case err != nil:
			return err
		case !reflect.DeepEqual(sps.Dereference(r.object.Body), sps.Dereference(now.Body)):
			return &ConcurrentChangeError{Path: path}
		}
	}
	return nil
}

// explainRefusal finds out why a commit was not accepted. A conflict on a configuration that has not changed is a lock,
// whatever the appliance calls it (docs/vendors/sps.md Q1, Q2).
func (t *Transaction) explainRefusal(ctx context.Context, err error) error {
	if !sps.IsCommitConflict(err) || t.start == "" {
		return t.appliance.explain(err)
	}
	if info, infoErr := t.appliance.client.Info(ctx); infoErr == nil && configurationOf(info) == t.start {
		return sps.AsLocked(err)
	}
	return err
}
