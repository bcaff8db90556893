// SPDX-License-Identifier: Apache-2.0

package deletion_test

import "slices"

// what is deleted.
type what string

const (
	object     what = "object" // the user, the group and the policy
	secret     what = "Secret" // the credentials
	connection what = "connection"
	namespace  what = "namespace"            // that of the objects
	home       what = "connection-namespace" // that of the connection, if different
)

// order is one combination.
type order struct {
	// apart puts the connection in another namespace than the objects.
	apart bool
	// before is deleted, one after the other, while the first manager runs; after while none does.
	before, after []what
	// down makes the appliance unresponsive from the first deletion on.
	down bool
}

// restarts stops the manager and starts it again.
func (o order) restarts() bool { return len(o.after) > 0 }

func (o order) has(w what) bool { return slices.Contains(o.before, w) || slices.Contains(o.after, w) }

// The namespace of the connection is deleted, directly or along with what is in it.
func (o order) homeGoes() bool       { return o.has(home) || !o.apart && o.has(namespace) }
func (o order) secretGoes() bool     { return o.has(secret) || o.homeGoes() }
func (o order) connectionGoes() bool { return o.has(connection) || o.homeGoes() }

// outcome is what is promised in addition to termination.
type outcome string

const (
	clean    outcome = "clean"
	reported outcome = "reported"
	either   outcome = "either" // the credentials disappeared while the objects were being deleted
)

func (o order) want() outcome {
	switch {
	case o.down:
		return reported
	case !o.secretGoes():
		return clean
	case !o.restarts() && o.connectionGoes():
		return clean // the connection waits for its objects, with its existing client
	case len(o.before) == 0:
		return reported // the credentials are no longer available
	}
	return either
}

// waits reports whether the deletion may have to wait for its deadline.
func (o order) waits() bool { return o.want() != clean && (o.down || !o.homeGoes()) }

// orders are all distinguishable ones.
func orders() []order {
	var out []order
	for _, down := range []bool{false, true} {
		for _, apart := range []bool{false, true} {
			for _, split := range splits(apart) {
				split.down, split.apart = down, apart
				if (split.has(object) || split.has(namespace)) && !split.redundant() {
					out = append(out, split)
				}
			}
		}
	}
	return out
}

// redundant reports whether a deletion makes no difference: a namespace has already taken the object along, or will
// right afterwards.
func (o order) redundant() bool {
	at := slices.Index(o.before, namespace)
	if at < 0 {
		return false
	}
	later := o.before[at+1:]
	if o.apart {
		return slices.Contains(later, object) || slices.Contains(o.after, object)
	}
	return len(later)+len(o.after) > 1
}

// splits returns all ways to delete a subset in each order while the manager runs, and then the rest while it does not,
// where order makes no difference. After a first deletion that a manager has seen, all that matters is what is gone
// when the next manager starts.
func splits(apart bool) []order {
	all := []what{object, secret, connection, namespace}
	var out []order
	for _, before := range arrangements(all) {
		out = append(out, order{before: before})
		if len(before) > 1 {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(all), func(w what) bool { return slices.Contains(before, w) })
		for _, after := range subsets(rest) {
			if len(after) > 0 {
				out = append(out, order{before: before, after: after})
			}
		}
	}
	if !apart {
		return out
	}
	for _, some := range arrangements([]what{home, object, namespace}) {
		if slices.Contains(some, home) {
			out = append(out, order{before: some})
		}
	}
	for _, some := range subsets([]what{object, namespace}) {
		out = append(out, order{after: append(some, home)}, order{before: []what{home}, after: some})
	}
	return out
}

// arrangements returns all orders of all subsets, including the empty one.
func arrangements(of []what) [][]what {
	out := [][]what{nil}
	for i, first := range of {
		rest := slices.Delete(slices.Clone(of), i, i+1)
		for _, more := range arrangements(rest) {
			out = append(out, append([]what{first}, more...))
		}
	}
	return out
}

func subsets(of []what) [][]what {
	out := [][]what{nil}
	for _, w := range of {
		for _, without := range slices.Clone(out) {
			out = append(out, append(slices.Clone(without), w))
		}
	}
	return out
}
