// SPDX-License-Identifier: Apache-2.0

package sps

// discriminators are the members that distinguish the forms of a union (docs/vendors/sps.md 5).
var discriminators = [...]string{"selection", "enabled"}

// Overlay returns a copy of current overlaid with managed: objects merge member by member, lists and scalars are
// replaced, unmanaged members stay.
//
// If managed selects another form of a union than current has, nothing of the old form may survive, because the
// appliance may refuse members of other forms (docs/vendors/sps.md 5, union convention). The union is then taken from
// complete, the full body that would be created, and overlaid with managed.
func Overlay(current, managed, complete Body) Body {
	return merge(current, managed, complete)
}

func merge(current, managed, complete map[string]any) map[string]any {
	out := make(map[string]any, len(current)+len(managed))
	for name, value := range current {
		out[name] = clone(value)
	}
	for name, wanted := range managed {
		out[name] = mergeValue(current[name], wanted, complete[name])
	}
	return out
}

func mergeValue(current, wanted, complete any) any {
	want, isObject := asObject(wanted)
	if !isObject {
		return clone(wanted)
	}
	whole, _ := asObject(complete)
	if have, ok := asObject(current); ok && sameForm(have, want) {
		return merge(have, want, whole)
	}
	if whole != nil && sameForm(whole, want) {
		return merge(whole, want, nil)
	}
	return clone(wanted)
}

// sameForm reports whether want may be laid over have: it selects no form, or the same one.
func sameForm(have, want map[string]any) bool {
	for _, name := range discriminators {
		if form, named := want[name]; named && !equal(form, have[name]) {
			return false
		}
	}
	return true
}

// Complement returns a copy of a body with the members that only other has, each converted by form; likewise within
// objects of the same form.
func Complement(body, other Body, form func(value any) any) Body {
	return complement(body, other, form)
}

func complement(body, other map[string]any, form func(value any) any) map[string]any {
	out := make(map[string]any, len(body))
	for name, value := range body {
		out[name] = clone(value)
	}
	for name, theirs := range other {
		ours, there := body[name]
		if !there {
			out[name] = form(clone(theirs))
			continue
		}
		have, ok := asObject(theirs)
		if own, isObject := asObject(ours); ok && isObject && sameForm(have, own) {
			out[name] = complement(own, have, form)
		}
	}
	return out
}
