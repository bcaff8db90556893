// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"maps"
	"slices"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// Listing is one collection in the appliance's order, found by key and by name without a search. Ten thousand objects
// look themselves up in it in each round.
type Listing struct {
	records []sps.Record // without a key where one was deleted, so that the others keep their places
	keys    map[string]int
	names   map[string][]int // by canonical name
}

// NewListing takes the records over.
func NewListing(records []sps.Record) *Listing {
	sps.Share(records) // what was read one by one, and what we wrote
	l := &Listing{
		records: records,
		keys:    make(map[string]int, len(records)), names: make(map[string][]int, len(records)),
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

// Records are the objects in their order.
func (l *Listing) Records() []sps.Record {
	return slices.DeleteFunc(slices.Clone(l.records), func(r sps.Record) bool { return r.Key == "" })
}

// First is the first object, if there is any.
func (l *Listing) First() (r sps.Record, ok bool) {
	at := slices.IndexFunc(l.records, func(r sps.Record) bool { return r.Key != "" })
	if at < 0 {
		return sps.Record{}, false
	}
	return l.records[at], true
}

// has says whether there is an object with the key.
func (l *Listing) has(key string) bool {
	_, ok := l.keys[key]
	return ok
}

// byKey returns the object of a key and its place, -1 if there is none.
func (l *Listing) byKey(key string) (sps.Record, int) {
	if at, ok := l.keys[key]; ok {
		return l.records[at], at
	}
	return sps.Record{}, -1
}

// byName returns the places of the objects of a name. One that is written in another form of Unicode is taken if there
// is none of exactly this name: an appliance may show what it was sent in a form of its own.
func (l *Listing) byName(name string) []int {
	places := l.names[sps.CanonicalName(name)]
	exact := slices.DeleteFunc(slices.Clone(places), func(at int) bool { return l.records[at].Name != name })
	if len(exact) > 0 {
		return exact
	}
	return places
}

// Named are the keys of the objects of a name.
func (l *Listing) Named(name string) []string {
	places := l.byName(name)
	keys := make([]string, 0, len(places))
	for _, at := range places {
		keys = append(keys, l.records[at].Key)
	}
	return keys
}

// after is the listing after these writes. The listing itself stays as it is.
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
	for name, places := range out.names {
		out.names[name] = slices.Clip(places) // an append must not write into the original
	}
	return out
}

// apply does to the listing what a write did to the collection. A new object stands at the end (sps contract 4.7,
// inferred).
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
	// record is what was written; of one that deletes only its key counts.
	record           sps.Record
	creates, deletes bool
}
