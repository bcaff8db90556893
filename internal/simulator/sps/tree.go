// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// object is one stored object. It is immutable once it is in a tree: to change it, put another one.
type object struct {
	key  string
	name string
	body map[string]any // references are bare keys
	// secret is the SHA-256 of a password, in hex; it is never shown.
	secret string
	// refs are the objects that body refers to.
	refs   []reference
	digest [sha256.Size]byte
}

// reference is a member, at path, that refers to an object by key, or by name where the appliance does so.
type reference struct {
	path       string
	collection string
	target     string
	byName     bool
}

func newObject(key string, body map[string]any, secret string, refs []reference) *object {
	name, _ := body["name"].(string)
	o := &object{key: key, name: name, body: body, secret: secret, refs: refs}
	data, _ := json.Marshal([]any{key, secret, body}) // decoded JSON can always be encoded
	o.digest = sha256.Sum256(data)
	return o
}

// sameAs reports whether replacing one with the other would change nothing.
func (o *object) sameAs(other *object) bool {
	if o == nil || other == nil {
		return o == other
	}
	return o.digest == other.digest
}

// place is where an object is. A document, which is an endpoint with one object, has the key "".
type place struct{ collection, key string }

// collection keeps objects in order; for RDP connection policies it is the order of evaluation.
type collection struct {
	order   []string
	objects map[string]*object
}

func (c *collection) clone() *collection {
	return &collection{slices.Clone(c.order), maps.Clone(c.objects)}
}

// tree is one state of the configuration.
type tree struct {
	revision    int
	collections map[string]*collection
	own         map[string]bool // collections that no other tree shares
}

func newTree() *tree {
	return &tree{collections: map[string]*collection{}, own: map[string]bool{}}
}

// clone makes both trees share all collections: the first to change one copies it.
func (t *tree) clone() *tree {
	t.own = map[string]bool{}
	return &tree{revision: t.revision, collections: maps.Clone(t.collections), own: map[string]bool{}}
}

func (t *tree) writable(name string) *collection {
	c := t.collections[name]
	switch {
	case c == nil:
		c = &collection{objects: map[string]*object{}}
	case !t.own[name]:
		c = c.clone()
	}
	t.collections[name], t.own[name] = c, true
	return c
}

func (t *tree) get(p place) *object {
	if c := t.collections[p.collection]; c != nil {
		return c.objects[p.key]
	}
	return nil
}

// body returns the body of an object, nil if there is none.
func (t *tree) body(p place) map[string]any {
	if o := t.get(p); o != nil {
		return o.body
	}
	return nil
}

// put stores an object: in place if the key exists, at the end otherwise.
func (t *tree) put(name string, o *object) {
	c := t.writable(name)
	if c.objects[o.key] == nil {
		c.order = append(c.order, o.key)
	}
	c.objects[o.key] = o
}

func (t *tree) remove(p place) {
	if t.get(p) == nil {
		return
	}
	c := t.writable(p.collection)
	delete(c.objects, p.key)
	at := slices.Index(c.order, p.key)
	c.order = slices.Delete(c.order, at, at+1)
}

// move puts an object at a position, counted from 0 and clamped to the ends.
func (t *tree) move(p place, position int) {
	if t.get(p) == nil {
		return
	}
	c := t.writable(p.collection)
	at := slices.Index(c.order, p.key)
	c.order = slices.Delete(c.order, at, at+1)
	c.order = slices.Insert(c.order, max(0, min(position, len(c.order))), p.key)
}

// keys lists a collection in order. The caller must not change the slice.
func (t *tree) keys(name string) []string {
	if c := t.collections[name]; c != nil {
		return c.order
	}
	return nil
}

// list returns the objects of a collection in order.
func (t *tree) list(name string) []*object {
	keys := t.keys(name)
	out := make([]*object, 0, len(keys))
	for _, k := range keys {
		out = append(out, t.collections[name].objects[k])
	}
	return out
}

// byName finds the first object of a collection that has this name.
func (t *tree) byName(name, objectName string) *object {
	for _, key := range t.keys(name) {
		if o := t.collections[name].objects[key]; o.name == objectName {
			return o
		}
	}
	return nil
}

// referrer finds an object, other than except, that refers to o in the collection name.
func (t *tree) referrer(name string, o *object, except place) (place, bool) {
	for from, c := range t.collections {
		for key, other := range c.objects {
			at := place{from, key}
			if at != except && other.refersTo(name, o) {
				return at, true
			}
		}
	}
	return place{}, false
}

// referred are the places that any object refers to by key.
func (t *tree) referred() map[place]bool {
	out := map[place]bool{}
	for _, c := range t.collections {
		for _, o := range c.objects {
			for _, r := range o.refs {
				if !r.byName {
					out[place{r.collection, r.target}] = true
				}
			}
		}
	}
	return out
}

func (o *object) refersTo(name string, target *object) bool {
	for _, r := range o.refs {
		if r.collection != name {
			continue
		}
		if r.byName && r.target == target.name || !r.byName && r.target == target.key {
			return true
		}
	}
	return false
}

// hash identifies the content: the same objects in the same order have the same hash, 32 hex digits.
func (t *tree) hash() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(t.collections)) {
		objects := t.list(name)
		if len(objects) == 0 {
			continue
		}
		_, _ = fmt.Fprintf(h, "%s %d\n", name, len(objects))
		for _, o := range objects {
			_, _ = h.Write(o.digest[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// newKey creates a key as the appliance does for objects from REST clients: a version 4 UUID.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
