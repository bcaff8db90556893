// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// Listing is one collection in the appliance's order, indexed by key and by name. Ten thousand objects look themselves
// up in it in each round.
type Listing struct {
	records []sps.Record // a deleted one stays without a key, so that the others keep their positions
	keys    map[string]int
	names   map[string][]int // by canonical name
	version uint64
}

// listings counts them, for their versions.
var listings atomic.Uint64

// NewListing returns a listing of the records, which must not be used by the caller any more.
func NewListing(records []sps.Record) *Listing {
	l := &Listing{
		records: records, version: listings.Add(1),
		keys: make(map[string]int, len(records)), names: make(map[string][]int, len(records)),
	}
	for i, r := range records {
		l.keys[r.Key] = i
		name := sps.CanonicalName(r.Name)
		l.names[name] = append(l.names[name], i)
	}
	return l
}

// size is about how much memory the listing takes, in bytes.
func (l *Listing) size() int64 { return sizeOf(l.records) }

// Len is the number of objects.
func (l *Listing) Len() int { return len(l.keys) }

// Records returns the objects in their order.
func (l *Listing) Records() []sps.Record {
	return slices.DeleteFunc(slices.Clone(l.records), func(r sps.Record) bool { return r.Key == "" })
}

// All are the objects in their order, without a copy of the list.
func (l *Listing) All() iter.Seq[sps.Record] {
	return func(yield func(sps.Record) bool) {
		for _, r := range l.records {
			if r.Key != "" && !yield(r) {
				return
			}
		}
	}
}

// First returns the first object, if there is one.
func (l *Listing) First() (r sps.Record, ok bool) {
	at := slices.IndexFunc(l.records, func(r sps.Record) bool { return r.Key != "" })
	if at < 0 {
		return sps.Record{}, false
	}
	return l.records[at], true
}

// has reports whether there is an object with the key.
func (l *Listing) has(key string) bool {
	_, ok := l.keys[key]
	return ok
}

// byKey returns the object with a key and its position, -1 if there is none.
func (l *Listing) byKey(key string) (sps.Record, int) {
	if at, ok := l.keys[key]; ok {
		return l.records[at], at
	}
	return sps.Record{}, -1
}

// byName returns the positions of the objects with a name. If none has exactly this name, it returns those whose name
// is in another Unicode form: an appliance may normalise what it was sent.
func (l *Listing) byName(name string) []int {
	positions := l.names[sps.CanonicalName(name)]
	exact := slices.DeleteFunc(slices.Clone(positions), func(at int) bool { return l.records[at].Name != name })
	if len(exact) > 0 {
		return exact
	}
	return positions
}

// Named returns the keys of the objects with a name.
func (l *Listing) Named(name string) []string {
	positions := l.byName(name)
	keys := make([]string, 0, len(positions))
	for _, at := range positions {
		keys = append(keys, l.records[at].Key)
	}
	return keys
}

// Version is different for every listing with other content.
func (l *Listing) Version() uint64 { return l.version }

// UniqueName returns the name of the object with a key, if a look-up by this name finds no other object; else "".
func (l *Listing) UniqueName(key string) string {
	r, _ := l.byKey(key)
	if found := l.byName(r.Name); r.Name == "" || len(found) != 1 || l.records[found[0]].Key != key {
		return ""
	}
	return r.Name
}

// Namesakes is how many objects have a name, in any Unicode form.
func (l *Listing) Namesakes(name string) int { return len(l.names[sps.CanonicalName(name)]) }

// after returns the listing after these writes. The original does not change.
func (l *Listing) after(collection sps.Collection, effects []effect) *Listing {
	out := l.clone()
	for _, e := range effects {
		if e.collection == collection {
			out.apply(e)
		}
	}
	return NewListing(out.Records())
}

func (l *Listing) clone() *Listing {
	out := &Listing{records: slices.Clone(l.records), keys: maps.Clone(l.keys), names: maps.Clone(l.names)}
	for name, positions := range out.names {
		out.names[name] = slices.Clip(positions) // an append must not write into the original
	}
	return out
}

// apply applies a write to the listing. A new object is last (docs/vendors/sps.md 4.7, inferred).
func (l *Listing) apply(e effect) {
	at, there := l.keys[e.record.Key]
	if there {
		old := sps.CanonicalName(l.records[at].Name)
		l.names[old] = slices.DeleteFunc(slices.Clone(l.names[old]), func(i int) bool { return i == at })
	}
	switch {
	case e.deletes && there:
		delete(l.keys, e.record.Key)
		l.records[at] = sps.Record{}
		return
	case e.deletes:
		return
	case there:
		l.records[at] = e.record
	default:
		at = len(l.records)
		l.keys[e.record.Key] = at
		l.records = append(l.records, e.record)
	}
	name := sps.CanonicalName(e.record.Name)
	l.names[name] = append(l.names[name], at)
}

// effect is what a write did to a collection.
type effect struct {
	collection sps.Collection
	// record is what was written; for a deletion, only its key matters.
	record           sps.Record
	creates, deletes bool
}

// sizeOf is about how much memory records take, in bytes.
func sizeOf(records []sps.Record) (n int64) {
	for _, r := range records {
		n += r.Size()
	}
	return n
}
