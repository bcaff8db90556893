// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Record is an object whose body takes little memory: it is kept as JSON text and, in a collection, as what tells it
// from a body that the collection shares. Whoever keeps a collection of ten thousand keeps records.
type Record struct {
	// Key is the appliance's opaque id.
	Key string
	// Name is the body's name, empty if it has none.
	Name string

	// text is the body or, if the record shares a pattern, a difference from that; empty while the body is not known.
	text string
	like *pattern
}

// NewRecord keeps an object as a record. It fails if the body cannot be encoded.
func NewRecord(key string, body Body) (Record, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return Record{}, fmt.Errorf("encode a body: %w", err)
	}
	return Record{Key: key, Name: Object{Body: body}.Name(), text: string(text)}, nil
}

// Object decodes the record. The result shares nothing with it; that of no record is empty.
func (r Record) Object() Object {
	var body Body
	_ = json.Unmarshal([]byte(r.text), &body) // it was a JSON object when the record was made
	if r.like != nil {
		body = changed(r.like.body, body)
	}
	return Object{Key: r.Key, Body: body}
}

// known says that the record has a body.
func (r Record) known() bool { return r.text != "" }

// record makes a record of a body as the appliance sent it; ok is false if that is no JSON object.
func record(key string, body json.RawMessage) (r Record, ok bool) {
	var named struct {
		Name any `json:"name"`
	}
	if err := json.Unmarshal(body, &named); err != nil {
		return Record{}, false
	}
	var text bytes.Buffer
	if err := json.Compact(&text, body); err != nil {
		return Record{}, false
	}
	name, _ := named.Name.(string)
	return Record{Key: key, Name: name, text: text.String()}, true
}

// hasBody says that an answer carried a body at all.
func hasBody(body json.RawMessage) bool { return len(body) > 0 && string(body) != "null" }
