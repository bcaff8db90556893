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

const (
	// maxKey is the longest key that can be stored in a status, in bytes.
	maxKey = 253
	// maxBody bounds an object as the appliance sends it, in bytes; a policy has some 3 KB.
	maxBody = 1 << 20
	// maxValues bounds the values within an object. Decoded, each takes much more memory than its text.
	maxValues = 32 << 10
	// recordOverhead is what a record takes beside its texts, in bytes: itself, and its places in a Listing.
	recordOverhead = 256
)

// Size is about how much memory a record takes as a part of a collection, in bytes.
func (r Record) Size() int64 { return int64(len(r.Key)+len(r.Name)+len(r.text)) + recordOverhead }

// record makes a record of a body as the appliance sent it; fault says why it cannot.
func record(key string, body json.RawMessage) (r Record, fault string) {
	if values(body) > maxValues {
		return Record{}, "has too many values"
	}
	var named struct {
		Name json.RawMessage `json:"name"`
	}
	if err := json.Unmarshal(body, &named); err != nil {
		return Record{}, "is no object"
	}
	var text bytes.Buffer
	if err := json.Compact(&text, body); err != nil {
		return Record{}, "is no object"
	}
	name := ""
	_ = json.Unmarshal(named.Name, &name) // a name that is no text is none
	return Record{Key: key, Name: name, text: text.String()}, ""
}

// values counts the values of a JSON text, roughly: what separates them outside of texts.
func values(text []byte) int {
	count, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			count++
		}
	}
	return count
}

// hasBody says that an answer carried a body at all.
func hasBody(body json.RawMessage) bool { return len(body) > 0 && string(body) != "null" }
