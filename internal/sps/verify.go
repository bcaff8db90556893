// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// TornTransactionError says that something which was written in a transaction is not in it any more. Since 6.5 every
// change opens a transaction by itself (sps contract 3): if the one that was begun is dropped in the middle, by an
// administrator, by a fail-over or by whoever else has the log-in session, the next write goes on in a new one, which
// holds the rest alone. Nothing of it must be committed: roll back, and start over from fresh reads.
type TornTransactionError struct {
	// Path is that of the first object whose change was found lost, below /api/configuration.
	Path string
}

// Error names the object.
func (e *TornTransactionError) Error() string {
	return "the transaction was torn: what was written to " + e.Path + " is not in it any more"
}

// IsTorn says that a transaction lost what was written in it before it came to a commit: it is gone, or a part of it is
// missing. Nothing was committed.
func IsTorn(err error) bool {
	_, torn := errors.AsType[*TornTransactionError](err)
	return torn || IsTransactionLost(err) && isAt(err, stepRead, stepWrite)
}

// Verify compares what a commit would change with what was written through t, both ways. Anything else than that is a
// *ForeignChangesError, and less a *TornTransactionError. The form of the list is inferred (sps contract 3), and a
// replace that has no effect need not be in it, so what is not found there is looked up before it is believed lost. An
// appliance without the list is asked for everything that was written.
func (t *Transaction) Verify(ctx context.Context) error {
	for {
		probed, err := t.verify(ctx)
		if err != nil || !probed {
			return err
		}
		// The probe was a write, and may itself have opened a transaction in which everything else is missing.
	}
}

func (t *Transaction) verify(ctx context.Context) (probed bool, err error) {
	changes, err := t.listed(ctx)
	if err != nil {
		return false, err
	}
	if foreign := t.own.foreign(changes); len(foreign) > 0 {
		return false, &ForeignChangesError{Paths: foreign}
	}
	return t.confirm(ctx, t.own.missing(changes))
}

// fewReads is how many objects of a collection are read one by one rather than with a list.
const fewReads = 2

// confirm looks up writes inside the transaction, and fails at the first that is lost. probed says that something was
// written to find out.
func (t *Transaction) confirm(ctx context.Context, writes []*ownWrite) (probed bool, err error) {
	members := map[Collection]map[string]bool{}
	for _, w := range writes {
		if _, read := members[w.collection]; !read && t.manyOf(writes, w.collection) {
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

func (t *Transaction) manyOf(writes []*ownWrite, collection Collection) bool {
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

// confirmReplaced looks whether an object shows what was sent. If it does not, either the write is lost, or the
// appliance turns what was sent into what was there before. Sending it again tells: a PUT may be repeated, and one that
// was lost has an effect now.
func (t *Transaction) confirmReplaced(ctx context.Context, w *ownWrite) (probed bool, err error) {
	before, err := t.differences(ctx, w)
	if err != nil || len(before) == 0 {
		return false, err
	}
	req := rest.Request{Method: http.MethodPut, Path: w.collection.path(w.key), Body: w.sent.Object().Body}
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

// differences are those between what was sent and what the appliance shows.
func (t *Transaction) differences(ctx context.Context, w *ownWrite) ([]Difference, error) {
	object, err := t.Get(ctx, w.collection, w.key)
	if rest.IsNotFound(err) {
		return nil, &TornTransactionError{Path: w.path()}
	}
	return Diff(w.sent.Object().Body, Dereference(object.Body), nil), err
}

// torn says whether the transaction has lost what was written before a refusal, which may be the reason for that: what
// it refers to is gone. A tear loses all that came before it, so the first write tells of any, and the latest most
// likely of what was referred to. Whatever cannot be found out leaves the blame where it is.
func (t *Transaction) torn(ctx context.Context) error {
	suspects := t.own.ends()
	if slices.ContainsFunc(suspects, t.inDoubt(ctx)) {
		changes, err := t.listed(ctx)
		if err != nil {
			return onlyTorn(err)
		}
		shown := t.own.shown(changes)
		suspects = slices.DeleteFunc(suspects, func(w *ownWrite) bool { return shown[w] || w.ineffective })
	}
	_, err := t.confirm(ctx, suspects)
	return onlyTorn(err)
}

// inDoubt says of which writes one look is not enough.
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

// exists says whether the transaction shows an object.
func (t *Transaction) exists(ctx context.Context, collection Collection, key string) (bool, error) {
	err := t.session.rest.DoJSON(ctx, rest.Request{Method: http.MethodGet, Path: collection.path(key)}, &objectAnswer{})
	if rest.IsNotFound(err) {
		return false, nil
	}
	return err == nil, at(stepRead, err)
}

// members are the keys of a collection inside the transaction.
func (t *Transaction) members(ctx context.Context, collection Collection) (map[string]bool, error) {
	keys, err := listKeys(ctx, t.session.rest, collection)
	return keys, at(stepRead, err)
}
