// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"time"
)

// transaction is the overlay of one log-in session over the committed tree. Its session sees view, all others see the
// committed state; where the transaction changed nothing, view follows the commits of others.
type transaction struct {
	opened time.Time
	base   int // revision of the committed tree at that time
	view   *tree
	// touched are the objects changed by the transaction, in the order of the first change; before holds each as it was
	// committed at that time, nil if it did not exist.
	touched []place
	before  map[place]*object
}

func newTransaction(committed *tree, now time.Time) *transaction {
	return &transaction{opened: now, base: committed.revision, view: committed.clone(), before: map[place]*object{}}
}

// follow reapplies the changes to the current committed tree.
func (t *transaction) follow(committed *tree) {
	if t.view.revision == committed.revision {
		return
	}
	view := committed.clone()
	for _, p := range t.touched {
		if mine := t.view.get(p); mine != nil {
			view.put(p.collection, mine)
		} else {
			view.remove(p)
		}
	}
	t.view = view
}

// touch records that p is about to change.
func (t *transaction) touch(p place) {
	if _, known := t.before[p]; !known {
		t.touched = append(t.touched, p)
		t.before[p] = t.view.get(p)
	}
}

func (t *transaction) put(collection string, o *object) {
	t.touch(place{collection, o.key})
	t.view.put(collection, o)
}

func (t *transaction) remove(p place) {
	t.touch(p)
	t.view.remove(p)
}

// changed are the places that differ in effect.
func (t *transaction) changed() []place {
	var out []place
	for _, p := range t.touched {
		if !t.before[p].sameAs(t.view.get(p)) {
			out = append(out, p)
		}
	}
	return out
}

// overlap finds a change of this transaction to an object that another client has changed meanwhile.
func (t *transaction) overlap(committed *tree) (place, bool) {
	at := slices.IndexFunc(t.touched, func(p place) bool { return !t.before[p].sameAs(committed.get(p)) })
	if at < 0 {
		return place{}, false
	}
	return t.touched[at], true
}

// dangling refuses a changed object that refers to a missing one, and the removal of one in use.
func (t *transaction) dangling() error {
	for _, p := range t.changed() {
		now := t.view.get(p)
		if now != nil {
			if err := t.stillFits(p, now); err != nil {
				return err
			}
			continue
		}
		if from, used := t.view.referrer(p.collection, t.before[p], place{}); used {
			return semanticError("%s is referenced by %s", href(p.collection, p.key), href(from.collection, from.key))
		}
	}
	return nil
}

// stillFits checks again for conflicts with commits by other clients since the object was written.
func (t *transaction) stillFits(at place, o *object) error {
	if err := checkReferences(t.view, o.refs); err != nil {
		return err
	}
	if err := checkSingleUse(t.view, o.refs, at); err != nil {
		return err
	}
	if o.name == "" {
		return nil
	}
	return checkName(t.view, at, o.name)
}

func checkReferences(t *tree, refs []reference) error {
	for _, r := range refs {
		if !r.byName && t.get(place{r.collection, r.target}) == nil {
			return semanticError("%s: there is no object %q in %s", r.path, r.target, r.collection)
		}
	}
	return nil
}
