// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// TornTransactionError means that a torn transaction no longer contains something that was written in it. Since 6.5
// every change opens a transaction by itself (docs/vendors/sps.md 3): if the open one is dropped midway, by an
// administrator, a fail-over or another user of the log-in session, the next write starts a new one that contains only
// the rest. None of it must be committed: roll back, and start over from fresh reads.
type TornTransactionError struct {
	// Path is that of the first object whose change was found lost, below /api/configuration.
	Path string
}

// Error names the object.
func (e *TornTransactionError) Error() string {
	return "the transaction was torn: it no longer contains the change to " + e.Path
}

// IsTorn reports whether a transaction lost writes before its commit: it has ended, or part of it is missing. Nothing
// was committed.
func IsTorn(err error) bool {
	_, torn := errors.AsType[*TornTransactionError](err)
	return torn || IsTransactionLost(err) && isAtStep(err, stepRead, stepWrite)
}

// Verify compares what a commit would change with what was written through t, in both directions. Anything beyond that
// is a *ForeignChangesError, anything less a *TornTransactionError. The form of its paths is inferred
// (docs/vendors/sps.md 3), and it may omit a replace without effect, so unlisted writes are looked up before they count
// as lost. On an appliance without the list, every write is looked up.
func (t *Transaction) Verify(ctx context.Context) error {
	for {
		probed, err := t.verify(ctx)
		if err != nil || !probed {
			return err
		}
		// The probe was a write, and may itself have opened a transaction without everything else.
	}
}

func (t *Transaction) verify(ctx context.Context) (probed bool, err error) {
	changes, err := t.changesIfSupported(ctx)
	if err != nil {
		return false, err
	}
	if foreign := t.own.foreign(changes); len(foreign) > 0 {
		return false, &ForeignChangesError{Paths: foreign}
	}
	return t.confirm(ctx, t.own.unlisted(changes))
}

// fewReads is how many objects of a collection are read individually rather than by a list.
const fewReads = 2

// confirm looks up writes inside the transaction, and fails at the first that is lost. probed reports whether something
// was written to find out.
func (t *Transaction) confirm(ctx context.Context, writes []*ownWrite) (probed bool, err error) {
	members := map[Collection]map[string]bool{}
	for _, w := range writes {
		if _, read := members[w.collection]; !read && t.needsList(writes, w.collection) {
			if members[w.collection], err = t.members(ctx, w.collection); err != nil {
				return probed, err
			}
		}
		wrote, err := t.confirmOne(ctx, w, members[w.collection])
		if probed = probed || wrote; err != nil {
			return probed, err
		}
	}
	return probed, nil
}

func (t *Transaction) needsList(writes []*ownWrite, collection Collection) bool {
	n := 0
	for _, w := range writes {
		if w.collection == collection && w.kind != replaced {
			n++
		}
	}
	return n > fewReads
}

// confirmOne looks up one write; members are the keys of its collection, nil if they were not read.
func (t *Transaction) confirmOne(ctx context.Context, w *ownWrite, members map[string]bool) (probed bool, err error) {
	if w.kind == replaced {
		return t.confirmReplaced(ctx, w)
	}
	there := members[w.key]
	if members == nil {
		if there, err = t.exists(ctx, w.collection, w.key); err != nil {
			return false, err
		}
	}
	if there != (w.kind == created) {
		return false, &TornTransactionError{Path: w.path()}
	}
	return false, nil
}

// confirmReplaced checks whether an object shows what was sent. If not, either the write is lost, or the appliance
// normalizes what was sent to what was there before. Sending it again decides: a PUT may be repeated, and one that was
// lost has an effect now.
func (t *Transaction) confirmReplaced(ctx context.Context, w *ownWrite) (probed bool, err error) {
	before, err := t.differences(ctx, w)
	if err != nil || len(before) == 0 {
		return false, err
	}
	req := rest.Request{
		Operation: operationReplace, Method: http.MethodPut, Path: w.collection.path(w.key), Body: w.sent.decode().Body,
	}
	if err := t.send(ctx, req, nil); err != nil {
		if answer := rest.As(err); answer != nil && !rest.IsOutcomeUnknown(err) && !IsTransactionLost(err) {
			err = &TornTransactionError{Path: w.path()} // it was accepted before
		}
		return true, err
	}
	after, err := t.differences(ctx, w)
	if err == nil && !slices.Equal(before, after) {
		err = &TornTransactionError{Path: w.path()}
	}
	w.ineffective = err == nil
	return true, err
}

// differences returns how what the appliance shows differs from what was sent.
func (t *Transaction) differences(ctx context.Context, w *ownWrite) ([]Difference, error) {
	object, err := t.Get(ctx, w.collection, w.key)
	if rest.IsNotFound(err) {
		return nil, &TornTransactionError{Path: w.path()}
	}
	return Diff(w.sent.decode().Body, Dereference(object.Body), nil), err
}

// torn returns an error if the transaction has lost earlier writes, which may explain a refusal: what the refused write
// refers to is gone. A tear loses everything before it, so checking the first write detects any tear, and the latest is
// the most likely to be referred to. If this cannot be determined, the refused write stays to blame.
func (t *Transaction) torn(ctx context.Context) error {
	suspects := t.own.firstAndLast()
	if slices.ContainsFunc(suspects, t.inDoubt(ctx)) {
		changes, err := t.changesIfSupported(ctx)
		if err != nil {
			return onlyTorn(err)
		}
		shown := t.own.listed(changes)
		suspects = slices.DeleteFunc(suspects, func(w *ownWrite) bool { return shown[w] || w.ineffective })
	}
	_, err := t.confirm(ctx, suspects)
	return onlyTorn(err)
}

// inDoubt returns a predicate for writes that one look does not confirm.
func (t *Transaction) inDoubt(ctx context.Context) func(*ownWrite) bool {
	return func(w *ownWrite) bool {
		switch w.kind {
		case replaced:
			different, err := t.differences(ctx, w)
			return err != nil || len(different) > 0
		case created:
			there, err := t.exists(ctx, w.collection, w.key)
			return err != nil || !there
		}
		return false
	}
}

func onlyTorn(err error) error {
	if IsTorn(err) {
		return err
	}
	return nil
}

// exists reports whether the transaction shows an object.
func (t *Transaction) exists(ctx context.Context, collection Collection, key string) (bool, error) {
	req := rest.Request{Operation: operationGet, Method: http.MethodGet, Path: collection.path(key)}
	err := t.session.rest.DoJSON(ctx, req, &objectAnswer{})
	if rest.IsNotFound(err) {
		return false, nil
	}
	return err == nil, atStep(stepRead, err)
}

// members returns the keys of a collection inside the transaction.
func (t *Transaction) members(ctx context.Context, collection Collection) (map[string]bool, error) {
	keys, err := listKeys(ctx, t.session.rest, collection)
	return keys, atStep(stepRead, err)
}
