// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"fmt"
	"maps"
	"slices"
)

// field is one member of a record.
type field struct {
	name     string
	rule     rule
	optional bool
}

func required(name string, r rule) field { return field{name: name, rule: r} }

func optional(name string, r rule) field { return field{name: name, rule: r, optional: true} }

// record is a JSON object. An open one may have unlisted members.
type record struct {
	fields []field
	open   bool
}

func (r record) check(c *checker, at string, v any) {
	body, isObject := v.(map[string]any)
	if !isObject {
		c.malformed(at, "must be an object")
		return
	}
	for _, f := range r.fields {
		value, present := body[f.name]
		switch {
		case present:
			f.rule.check(c, member(at, f.name), value)
		case !f.optional && c.strict:
			c.malformed(member(at, f.name), "is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if r.knows(name) {
			continue
		}
		if c.strict && !r.open {
			c.malformed(member(at, name), "is not a member of this object")
			continue
		}
		anything{}.check(c, member(at, name), body[name])
	}
}

func (r record) knows(name string) bool {
	return slices.ContainsFunc(r.fields, func(f field) bool { return f.name == name })
}

func (r record) show(v any) any {
	body, isObject := v.(map[string]any)
	if !isObject {
		return v
	}
	out := maps.Clone(body)
	for _, f := range r.fields {
		if value, present := body[f.name]; present {
			out[f.name] = f.rule.show(value)
		}
	}
	return out
}

// union is an object whose member on determines which others it has.
type union struct {
	on    string
	forms map[string][]field // by the text of on: for booleans "true" and "false"
	label rule
}

// switchable is a union on "enabled" whose off form has no other members (docs/vendors/sps.md 5, union convention).
func switchable(whenEnabled ...field) rule {
	return union{on: "enabled", label: flag(), forms: map[string][]field{"true": whenEnabled, "false": nil}}
}

// selection is a union on "selection".
func selection(forms map[string][]field) rule {
	names := slices.Sorted(maps.Keys(forms))
	return union{on: "selection", label: enum(names...), forms: forms}
}

// form returns the record that a value must match, false if its discriminator is invalid.
func (u union) form(v any) (record, bool) {
	body, isObject := v.(map[string]any)
	if !isObject {
		return record{}, false
	}
	members, known := u.forms[fmt.Sprint(body[u.on])]
	return record{fields: append([]field{required(u.on, u.label)}, members...)}, known
}

func (u union) check(c *checker, at string, v any) {
	if form, known := u.form(v); known {
		form.check(c, at, v)
		return
	}
	record{fields: []field{required(u.on, u.label)}, open: true}.check(c, at, v)
}

func (u union) show(v any) any {
	form, known := u.form(v)
	if !known {
		return v
	}
	return form.show(v)
}
