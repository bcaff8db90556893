// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"maps"
	"slices"
)

// board is the last observation of every object.
type board struct {
	expected []identity
	seen     map[identity]observation
}

func newBoard(expected []identity) *board {
	return &board{expected: expected, seen: map[identity]observation{}}
}

// note takes an observation, and says whether there is something new to show.
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

// all lists every object in the order of kinds, then of namespace and name.
func (b *board) all() []observation {
	rank := map[string]int{}
	for i, o := range kinds() {
		rank[kindOf(o)] = i
	}
	return slices.SortedFunc(maps.Values(b.seen), func(x, y observation) int {
		return cmp.Or(cmp.Compare(rank[x.kind], rank[y.kind]), cmp.Compare(x.namespace, y.namespace),
			cmp.Compare(x.name, y.name))
	})
}
