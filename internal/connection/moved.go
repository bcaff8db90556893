// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file keeps what others write at the same time. The appliance may let the last writer win (sps contract Q2), and
// a replace sends every member, also those that the spec does not manage: what was read too early would undo what
// somebody has set since.

// configurationOf identifies what an appliance shows of its configuration: the config_hash, and the version, because
// another version shows other members of what is stored, under the same hash. Empty where there is no hash.
func configurationOf(info sps.Info) string {
	if info.ConfigHash == "" {
		return ""
	}
	return strings.TrimSpace(info.Version + " " + info.ConfigHash)
}

// before is an object as it was inside a transaction before it was replaced.
type before struct {
	collection sps.Collection
	object     sps.Object
}

// MovedError says that somebody else has changed an object while a transaction of ours was about to replace it. Nothing
// was committed; it is repeated from fresh reads.
type MovedError struct{ Path string }

// Error names the object.
func (e *MovedError) Error() string {
	return "somebody else changed " + e.Path + " while the operator was changing it"
}

func isMoved(err error) bool {
	_, ok := errors.AsType[*MovedError](err)
	return ok
}

// Reload reads one object as it is inside the transaction now: whole, and as this version of the appliance shows it. It
// is for the moment before the object is replaced. One that is gone is gone from the view, too.
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
		t.base = "" // what the inventory shows is not what is there
		return nil
	}
	if !t.wroteTo(collection, key) {
		t.replaced = append(t.replaced, before{collection, object})
	}
	return nil
}

// wroteTo says that the transaction itself has changed an object, or has read it for that.
func (t *Transaction) wroteTo(collection sps.Collection, key string) bool {
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

// unmoved fails if an object that was replaced is not committed any more as it was when it was read.
func (t *Transaction) unmoved(ctx context.Context) error {
	for _, r := range t.replaced {
		path := string(r.collection) + "/" + r.object.Key
		now, err := t.appliance.client.Get(ctx, r.collection, r.object.Key)
		switch {
		case rest.IsNotFound(err):
			return &MovedError{Path: path}
		case err != nil:
			return err
		case !reflect.DeepEqual(sps.Dereference(r.object.Body), sps.Dereference(now.Body)):
			return &MovedError{Path: path}
		}
	}
	return nil
}

// refused finds out what a commit that was not accepted met. A conflict on top of a configuration that nobody has
// changed is a lock, whatever the appliance calls it (sps contract Q1, Q2).
func (t *Transaction) refused(ctx context.Context, err error) error {
	if !sps.IsCommitConflict(err) || t.start == "" {
		return t.appliance.explain(err)
	}
	if info, infoErr := t.appliance.client.Info(ctx); infoErr == nil && configurationOf(info) == t.start {
		return sps.AsLocked(err)
	}
	return err
}
