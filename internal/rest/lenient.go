// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// errNoObject means that the value is not an object.
var errNoObject = errors.New("not a JSON object")

// DecodeLenient decodes a foreign object into a struct, member by member. A member of another type is converted if its
// meaning is obvious: a number in quotes, a text that came as a number, 1 for true. A member that cannot be decoded is
// treated as absent and named in unread; the others are unaffected. Members are matched by the struct's json tags,
// ignoring case; embedded structs are not supported. null changes nothing. It fails if data is not an object.
func DecodeLenient(data []byte, into any) (unread []string, err error) {
	target := reflect.ValueOf(into).Elem()
	decoder := json.NewDecoder(bytes.NewReader(data))
	start, err := decoder.Token()
	switch {
	case err != nil:
		return nil, err
	case start == nil:
		return nil, nil
	case start != json.Delim('{'):
		return nil, errNoObject
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return unread, err
		}
		name, _ := token.(string)
		field, known := fieldOf(target, name)
		if !known {
			if err := decoder.Decode(new(nothing)); err != nil {
				return unread, err
			}
			continue
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return unread, err
		}
		if !decodeMember(value, field) {
			unread = append(unread, strings.ToLower(name))
		}
	}
	if _, err := decoder.Token(); err != nil && !errors.Is(err, io.EOF) {
		return unread, err
	}
	slices.Sort(unread)
	return slices.Compact(unread), nil
}

func fieldOf(target reflect.Value, name string) (reflect.Value, bool) {
	of := target.Type()
	for i := range of.NumField() {
		tag, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if tag != "" && tag != "-" && strings.EqualFold(tag, name) {
			return target.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// decodeMember reports whether a member could be decoded; otherwise the field is zero.
func decodeMember(value json.RawMessage, field reflect.Value) bool {
	if json.Unmarshal(value, field.Addr().Interface()) == nil {
		return true
	}
	field.SetZero()
	text := scalar(value)
	if text == "" {
		return false
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Int:
		number, err := strconv.ParseFloat(text, 64)
		if err != nil || number != math.Trunc(number) || math.Abs(number) > math.MaxInt32 {
			return false
		}
		field.SetInt(int64(number))
	case reflect.Bool:
		truth, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return false
		}
		field.SetBool(truth)
	default:
		return false
	}
	return true
}

// scalar returns the text of a string, a number or a boolean; empty for anything else.
func scalar(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return strings.TrimSpace(text)
	}
	if raw := string(bytes.TrimSpace(value)); raw != "" && raw[0] != '{' && raw[0] != '[' {
		return raw
	}
	return ""
}
