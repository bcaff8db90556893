// SPDX-License-Identifier: Apache-2.0

package sps

import "slices"

// footprint is what a transaction wrote, in the order of the first write of each object.
type footprint struct {
	// objects are keyed by their path below /api/configuration.
	objects map[string]*ownWrite
	order   []*ownWrite
	// collections are those whose members or order change as a consequence of the writes.
	collections map[Collection]bool
}

// ownWrite is the combined effect of our writes on one object.
type ownWrite struct {
	collection Collection
	key        string
	kind       writeKind
	// sent is the body of a replace.
	sent Record
	// ineffective is set if sending the body again changed nothing: the appliance normalizes it to what is there.
	ineffective bool
}

type writeKind int

const (
	created writeKind = iota
	replaced
	deleted
)

func (w *ownWrite) path() string { return string(w.collection) + "/" + w.key }

// add records a write that the appliance accepted. An object that was created stays created until it is deleted.
func (f *footprint) add(kind writeKind, collection Collection, key string, sent Record) {
	if f.objects == nil {
		f.objects, f.collections = map[string]*ownWrite{}, map[Collection]bool{}
	}
	if kind != replaced || collection == Users { // a user's password is created and deleted with the user
		f.collections[collection] = true
	}
	fresh := ownWrite{collection: collection, key: key, kind: kind, sent: sent}
	known := f.objects[fresh.path()]
	switch {
	case known == nil:
		f.objects[fresh.path()] = &fresh
		f.order = append(f.order, &fresh)
	case known.kind == created && kind == replaced:
	default:
		*known = fresh
	}
}

// unlisted returns the writes that a list of changes does not show. A password is represented by its user, because it
// has no effect alone. What the list expresses in a form that is not understood also counts as unlisted and must be
// looked up.
func (f *footprint) unlisted(changes []Change) []*ownWrite {
	shown := f.listed(changes)
	var out []*ownWrite
	for _, w := range f.order {
		if !shown[w] && !w.ineffective && w.collection != Passwords {
			out = append(out, w)
		}
	}
	return out
}

// listed returns the writes that a list of changes shows.
func (f *footprint) listed(changes []Change) map[*ownWrite]bool {
	shown := map[*ownWrite]bool{}
	for _, change := range changes {
		own, exact := f.around(relative(change.Path))
		switch {
		case own == nil:
		case exact && (own.kind == deleted) == (change.Type == changeDelete), !exact && own.kind != deleted:
			shown[own] = true
		}
	}
	return shown
}

// firstAndLast returns the first write and, if it is a different one, the latest.
func (f *footprint) firstAndLast() []*ownWrite {
	switch n := len(f.order); n {
	case 0, 1:
		return slices.Clone(f.order)
	default:
		return []*ownWrite{f.order[0], f.order[n-1]}
	}
}
