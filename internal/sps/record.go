// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Record is an object whose body is kept as JSON text, which takes a fraction of the memory of a decoded one. It is
// meant for large collections.
type Record struct {
	// Key is the appliance's opaque id.
	Key string
	// Name is the body's name, empty if it has none.
	Name string

	// text is the body; empty while it is not known, and if it is too large.
	text     string
	tooLarge bool
}

// NewRecord returns an object as a record. It fails if the body cannot be encoded.
func NewRecord(key string, body Body) (Record, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return Record{}, fmt.Errorf("encode a body: %w", err)
	}
	return Record{Key: key, Name: Object{Body: body}.Name(), text: string(text)}, nil
}

// Object decodes the record. The result shares nothing with it; for a record without a body it has none. The error is a
// *rest.TooLargeError if the body has more values than an object may have.
func (r Record) Object() (Object, error) {
	if r.tooLarge {
		return Object{}, &rest.TooLargeError{
			What: fmt.Sprintf("%q on the appliance (key %s)", r.Name, r.Key), Limit: maxValues, Unit: "values",
		}
	}
	return r.decode(), nil
}

func (r Record) decode() Object {
	var body Body
	_ = json.Unmarshal([]byte(r.text), &body) // it was a JSON object when the record was made
	return Object{Key: r.Key, Body: body}
}

// known reports whether the body was read.
func (r Record) known() bool { return r.text != "" || r.tooLarge }

const (
	// maxKey is the longest key that can be stored in a status, in bytes.
	maxKey = 253
	// maxBody bounds an object as the appliance sends it, in bytes; a policy has about 3 KB.
	maxBody = 1 << 20
	// maxValues bounds the values within an object; a policy has some hundred. A decoded value takes much more memory than
	// its text.
	maxValues = 4 << 10
	// valueCost is what a decoded value takes with the copies that are made of it, in bytes.
	valueCost = 400
	// recordOverhead is what a record takes in addition to its texts, in bytes: itself, and its entries in a Listing.
	recordOverhead = 256
)

// Size estimates the memory that a record takes as part of a collection, in bytes.
func (r Record) Size() int64 { return int64(len(r.Key)+len(r.Name)+len(r.text)) + recordOverhead }

// DecodedSize estimates the memory that the object takes once it is decoded, in bytes.
func (r Record) DecodedSize() int64 { return int64(2*len(r.text) + valueCost*values(r.text)) }

// record turns a body as the appliance sent it into a record; fault is the reason why it cannot.
func record(key string, body json.RawMessage) (r Record, fault string) {
	var named struct {
		Name json.RawMessage `json:"name"`
	}
	if err := json.Unmarshal(body, &named); err != nil {
		return Record{}, "is not an object"
	}
	name := ""
	_ = json.Unmarshal(named.Name, &name) // a name that is not a string counts as none
	if values(body) > maxValues {
		return Record{Key: key, Name: name, tooLarge: true}, ""
	}
	var text bytes.Buffer
	if err := json.Compact(&text, body); err != nil {
		return Record{}, "is not an object"
	}
	return Record{Key: key, Name: name, text: text.String()}, ""
}

// values counts the values of a JSON text approximately, by the separators outside of strings.
func values[T ~string | ~[]byte](text T) int {
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

// hasBody reports whether an answer contained a body.
func hasBody(body json.RawMessage) bool { return len(body) > 0 && string(body) != "null" }
