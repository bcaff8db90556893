// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pam-operator/pam-operator/internal/kinds"
)

// board is the last observation of every object.
type board struct {
	expected []identity
	seen     map[identity]observation
}

func newBoard(expected []identity) *board {
	return &board{expected: expected, seen: map[identity]observation{}}
}

// note records an observation, and reports whether there is something new to show.
func (b *board) note(o observation) bool {
	before, known := b.seen[o.identity]
	if o.gone {
		delete(b.seen, o.identity)
		return known
	}
	b.seen[o.identity] = o
	return !before.same(o) && o.reason != ""
}

// pending lists what is expected and not ready.
func (b *board) pending() []observation {
	var out []observation
	for _, id := range b.expected {
		o, known := b.seen[id]
		if !known {
			o = observation{identity: id, reason: "NotSeen", message: "the watch has not shown it"}
		}
		if !o.ready {
			out = append(out, o)
		}
	}
	return out
}

// all lists every object, sorted by kind, in the order of the table of kinds, then by namespace and name.
func (b *board) all() []observation {
	rank := map[string]int{}
	for i, kind := range kinds.All() {
		rank[kind.Name] = i
	}
	return slices.SortedFunc(maps.Values(b.seen), func(x, y observation) int {
		return cmp.Or(cmp.Compare(rank[x.kind], rank[y.kind]), cmp.Compare(x.namespace, y.namespace),
			cmp.Compare(x.name, y.name))
	})
}
