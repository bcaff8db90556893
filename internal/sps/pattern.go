// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

// pattern is a body that others of the same collection resemble: a policy has some fifty members, of which another one
// differs in a handful.
type pattern struct {
	body Body
	// texts are the members of the body as JSON: most that are equal are so to the letter, and need no decoding.
	texts map[string]json.RawMessage
}

// Share keeps the bodies of a collection as what tells them from one of them, as far as that is shorter. The records
// mean the same as before.
func Share(records []Record) {
	at := slices.IndexFunc(records, func(r Record) bool { return r.like != nil })
	if at < 0 {
		at = slices.IndexFunc(records, Record.known)
	}
	if at < 0 || len(records) == 1 {
		return
	}
	shared := records[at].pattern()
	for i, r := range records {
		records[i] = r.sharing(shared)
	}
}

// pattern is the one that the record shares, or one that others may share with it; nil if it has no body.
func (r Record) pattern() *pattern {
	if r.like != nil {
		return r.like
	}
	p := &pattern{body: r.Object().Body}
	if err := json.Unmarshal([]byte(r.text), &p.texts); err != nil || p.body == nil {
		return nil
	}
	return p
}

// sharing is the record as its difference from a pattern, or as it is if that is not worth it.
func (r Record) sharing(p *pattern) Record {
	if r.like != nil || p == nil {
		return r
	}
	difference, ok := p.difference(r.text)
	if !ok || len(difference) > len(r.text)/2 {
		return r
	}
	r.text, r.like = string(difference), p
	return r
}

// difference is what makes the pattern the body of this text; ok is false if it cannot be made that.
func (p *pattern) difference(text string) (difference []byte, ok bool) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil || members == nil || !holds(members, p.body) {
		return nil, false
	}
	maps.DeleteFunc(members, func(name string, text json.RawMessage) bool {
		was, there := p.texts[name]
		return there && bytes.Equal(was, text)
	})
	other, err := json.Marshal(members)
	if err != nil {
		return nil, false
	}
	var to Body
	if err := json.Unmarshal(other, &to); err != nil {
		return nil, false
	}
	difference, err = json.Marshal(changes(p.body, to))
	return difference, err == nil
}

// holds says that every member of from is there in to, whatever its value.
func holds[V any](to map[string]V, from map[string]any) bool {
	for name := range from {
		if _, there := to[name]; !there {
			return false
		}
	}
	return true
}

// changes are what makes the members of one object those of another one. A member that changes as a whole is a list of
// one, its new value; an object of which members change is an object of their changes. Nothing is ever taken away.
func changes(from, to map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range to {
		was, there := from[name]
		if there && reflect.DeepEqual(was, value) {
			continue
		}
		a, ok1 := was.(map[string]any)
		b, ok2 := value.(map[string]any)
		if ok1 && ok2 && holds(b, a) {
			out[name] = changes(a, b)
		} else {
			out[name] = []any{value}
		}
	}
	return out
}

// changed is the object that changes make of another one. It shares nothing with that.
func changed(from, by map[string]any) map[string]any {
	out := make(map[string]any, len(from)+len(by))
	for name, value := range from {
		if _, changes := by[name]; !changes {
			out[name] = clone(value)
		}
	}
	for name, change := range by {
		switch c := change.(type) {
		case []any:
			out[name] = c[0]
		case map[string]any:
			within, _ := from[name].(map[string]any)
			out[name] = changed(within, c)
		}
	}
	return out
}
