// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Object is a committed object as tests and the control API see it: references are bare keys, as clients write them. A
// document, such as rdp/options, is the only object of its collection and has the key "".
type Object struct {
	Key  string         `json:"key"`
	Body map[string]any `json:"body"`
}

// Objects returns a copy of the committed objects of a collection ("rdp/connections"), in order.
func (a *Appliance) Objects(collection string) []Object {
	a.mu.Lock()
	objects := a.committed.list(collection)
	a.mu.Unlock()
	out := make([]Object, 0, len(objects))
	for _, o := range objects {
		out = append(out, o.export())
	}
	return out
}

// Object returns a copy of one committed object.
func (a *Appliance) Object(collection, key string) (Object, bool) {
	a.mu.Lock()
	o := a.committed.get(place{collection, key})
	a.mu.Unlock()
	if o == nil {
		return Object{}, false
	}
	return o.export(), true
}

// Put writes straight to the committed configuration, unchecked, as another user's edit would. An empty key creates a
// new object; the key is returned. The body is copied; it must be representable in JSON.
func (a *Appliance) Put(collection, key string, body map[string]any) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.foreignObject(collection, key, body)
	a.committed.put(collection, o)
	a.publish(a.committed)
	return o.key
}

// PutIntoTransactions is Put into every open transaction instead: a change that their clients did not make.
func (a *Appliance) PutIntoTransactions(collection, key string, body map[string]any) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.foreignObject(collection, key, body)
	for _, s := range a.sessions {
		if s.tx != nil {
			s.tx.put(collection, o)
		}
	}
	return o.key
}

// Remove deletes an object from the committed configuration, unchecked; false if there is none.
func (a *Appliance) Remove(collection, key string) bool {
	return a.edit(place{collection, key}, func(t *tree) { t.remove(place{collection, key}) })
}

// Move puts an object at a position of its collection, counted from 0, as users do in the web UI; false if there is no
// such object.
func (a *Appliance) Move(collection, key string, position int) bool {
	return a.edit(place{collection, key}, func(t *tree) { t.move(place{collection, key}, position) })
}

func (a *Appliance) edit(p place, change func(*tree)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.committed.get(p) == nil {
		return false
	}
	change(a.committed)
	a.publish(a.committed)
	return true
}

// foreignObject creates an object from an unchecked body. An empty key means a new one, except for documents.
func (a *Appliance) foreignObject(collection, key string, body map[string]any) *object {
	if key == "" && configurationEndpoints.byPath[collection].kind != documentKind {
		key = newKey()
	}
	c := &checker{}
	copied := normal(body)
	ruleOf(collection, a.switches).check(c, "", copied)
	copied, secret := splitSecret(collection, copied)
	return newObject(key, copied, secret, c.refs)
}

func (o *object) export() Object { return Object{o.key, normal(o.body)} }

// normal copies a body as if it had arrived over the wire: all numbers float64, all lists []any.
func normal(body map[string]any) map[string]any {
	data, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("the body of a simulated object cannot be expressed in JSON: %v", err))
	}
	out := map[string]any{}
	_ = json.Unmarshal(data, &out) // it was encoded just now
	return out
}

// state is the whole committed configuration, by collection.
func (a *Appliance) state() map[string][]Object {
	a.mu.Lock()
	names := slices.Collect(maps.Keys(a.committed.collections))
	a.mu.Unlock()
	out := map[string][]Object{}
	for _, name := range names {
		out[name] = a.Objects(name)
	}
	return out
}
