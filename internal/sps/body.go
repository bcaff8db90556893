// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Body is the JSON object that describes one configuration object. Its numbers are json.Number, so that members unknown
// to this package survive a round trip unchanged.
type Body map[string]any

// UnmarshalJSON keeps numbers as written.
func (b *Body) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return err
	}
	*b = members
	return nil
}

// MemberName is the member with the object's name, in every collection whose objects have one.
const MemberName = "name"

// Object is one member of a collection.
type Object struct {
	// Key is the appliance's opaque ID.
	Key  string
	Body Body
}

// Name returns the body's name, empty if it has none.
func (o Object) Name() string {
	name, _ := o.Body[MemberName].(string)
	return name
}

// ToBody turns a wire struct into the body to send. It fails if v does not encode to a JSON object.
func ToBody(v any) (Body, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode a body: %w", err)
	}
	var body Body
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, fmt.Errorf("%T is not a JSON object: %w", v, err)
	}
	if body == nil {
		return nil, fmt.Errorf("%T is not a JSON object", v)
	}
	return body, nil
}

// Dereference returns a copy of a body that was read, in the form in which it is written: every object whose only
// members are key and meta becomes its key (docs/vendors/sps.md 4.2).
func Dereference(b Body) Body {
	if b == nil {
		return nil
	}
	out := make(Body, len(b))
	for name, value := range b {
		out[name] = copyValue(value, referenceKey)
	}
	return out
}

// referenceKey returns the key of a reference.
func referenceKey(object map[string]any) (key string, ok bool) {
	if _, hasMeta := object["meta"]; !hasMeta || len(object) != 2 {
		return "", false
	}
	key, ok = object["key"].(string)
	return key, ok
}

// clone returns a copy that shares nothing with the value.
func clone(value any) any {
	return copyValue(value, func(map[string]any) (string, bool) { return "", false })
}

// copyValue copies a value; an object for which short returns a text is replaced by that text.
func copyValue(value any, short func(map[string]any) (string, bool)) any {
	if list, ok := value.([]any); ok && list != nil {
		out := make([]any, 0, len(list))
		for _, element := range list {
			out = append(out, copyValue(element, short))
		}
		return out
	}
	object, ok := asObject(value)
	if !ok {
		return value
	}
	if text, ok := short(object); ok {
		return text
	}
	out := make(map[string]any, len(object))
	for name, member := range object {
		out[name] = copyValue(member, short)
	}
	return out
}

// asObject also accepts a Body within a body, as hand-written code may create it.
func asObject(value any) (map[string]any, bool) {
	switch object := value.(type) {
	case map[string]any:
		return object, object != nil
	case Body:
		return object, object != nil
	}
	return nil, false
}
