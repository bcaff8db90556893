// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
)

// Difference is a managed member whose value on the appliance differs.
type Difference struct {
	// Path is the dotted path on the wire, for example network.ports.
	Path string
	// Desired and Actual are compact JSON. Actual is empty if the appliance has no such member.
	Desired, Actual string
}

// Diff returns where actual differs from managed, ordered by path; members that managed lacks are ignored. A missing
// member equals null, and numbers compare by value. A list is a single value: its elements compare in order and with
// all their members. by lists the exceptions. References in both bodies are keys (see Dereference).
func Diff(managed, actual Body, by Comparison) []Difference {
	d := differ{by: by}
	d.members("", managed, actual)
	return d.found
}

type differ struct {
	by    Comparison
	found []Difference
}

func (d *differ) members(prefix string, managed, actual map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(managed)) {
		value, present := actual[name]
		d.value(prefix+name, managed[name], value, present)
	}
}

func (d *differ) value(path string, managed, actual any, present bool) {
	want, isObject := asObject(managed)
	have, ok := asObject(actual)
	switch {
	case isObject && ok:
		d.members(path+".", want, have)
		return
	case d.by.equal(path, managed, actual):
		return
	}
	difference := Difference{Path: path, Desired: compact(managed)}
	if present {
		difference.Actual = compact(actual)
	}
	d.found = append(d.found, difference)
}

func compact(value any) string {
	data, err := json.Marshal(value)
	if err != nil { // a value that did not come from a JSON decoder
		return strconv.Quote(err.Error())
	}
	return string(data)
}

// equal compares two JSON values exactly.
func equal(a, b any) bool { return Comparison(nil).equal("", a, b) }

// equal compares two JSON values at a path; in objects a missing member equals null.
func (by Comparison) equal(path string, a, b any) bool {
	if x, ok := asObject(a); ok {
		y, ok := asObject(b)
		return ok && by.coveredBy(path, x, y) && by.coveredBy(path, y, x)
	}
	member := by[path]
	a, b = member.meaning(a), member.meaning(b)
	if x, ok := a.([]any); ok {
		y, ok := b.([]any)
		if ok && member.Unordered && allScalars(x) && allScalars(y) {
			return maps.Equal(member.set(x), member.set(y))
		}
		return ok && slices.EqualFunc(x, y, func(a, b any) bool { return by.equal(path, a, b) })
	}
	return sameScalar(a, b)
}

func (by Comparison) coveredBy(path string, x, y map[string]any) bool {
	for name, value := range x {
		if !by.equal(path+"."+name, value, y[name]) {
			return false
		}
	}
	return true
}

// set returns the values of a list of scalars, regardless of order and repetition.
func (m Member) set(list []any) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, value := range list {
		out[canonical(m.meaning(value))] = true
	}
	return out
}

func sameScalar(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x.Cmp(y) == 0
	}
	switch a.(type) {
	case nil, bool, string, json.Number:
		return isScalar(b) && a == b
	}
	return false
}

// canonical returns a text that is the same for equal scalars, and that no scalar shares with a value that is not one.
func canonical(value any) string {
	if n, ok := number(value); ok {
		return "number " + n.Text('p', 0)
	}
	switch v := value.(type) {
	case string:
		return "text " + v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "digits " + v.String()
	case nil:
		return "null"
	}
	return "not a scalar"
}

func allScalars(list []any) bool {
	return !slices.ContainsFunc(list, func(value any) bool { return !isScalar(value) })
}

func isScalar(value any) bool {
	_, isObject := asObject(value)
	_, isList := value.([]any)
	return !isObject && !isList
}

// maxNumber is the longest number that is parsed, in bytes. Longer ones are useless and slow.
const maxNumber = 256

// numberPrecision, in bits, distinguishes any two integers of 77 digits.
const numberPrecision = 256

// number converts the numbers that a decoder produces, and those that Go code writes into a body directly.
func number(value any) (*big.Float, bool) {
	var text string
	switch n := value.(type) {
	case json.Number:
		text = n.String()
	case float64:
		text = strconv.FormatFloat(n, 'g', -1, 64)
	case int:
		text = strconv.Itoa(n)
	case int64:
		text = strconv.FormatInt(n, 10)
	default:
		return nil, false
	}
	if len(text) > maxNumber {
		return nil, false
	}
	f, _, err := big.ParseFloat(text, 10, numberPrecision, big.ToNearestEven)
	return f, err == nil
}
