// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// rule describes a JSON value: check finds errors in a value from a client, show turns a stored one into what GET
// returns (references become {key, meta}).
type rule interface {
	check(c *checker, at string, v any)
	show(v any) any
}

// checker collects errors in a body, and its references.
type checker struct {
	strict    bool
	structure []string // wrong types, missing and unknown members
	meaning   []string // correct structure, impossible value
	refs      []reference
}

func (c *checker) malformed(at, format string, args ...any) {
	c.structure = append(c.structure, at+": "+fmt.Sprintf(format, args...))
}

func (c *checker) senseless(at, format string, args ...any) {
	c.meaning = append(c.meaning, at+": "+fmt.Sprintf(format, args...))
}

// err is the refusal of the body, with all problems in one message; nil if there are none.
func (c *checker) err() error {
	if len(c.structure) > 0 {
		return syntacticError("%s", strings.Join(c.structure, "; "))
	}
	if len(c.meaning) > 0 {
		return semanticError("%s", strings.Join(c.meaning, "; "))
	}
	return nil
}

func member(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// scalar is a value without parts. test returns the error in it, or "".
type scalar struct {
	test func(v any) (structure, meaning string)
}

func (s scalar) check(c *checker, at string, v any) {
	structure, meaning := s.test(v)
	if structure != "" {
		c.malformed(at, "%s", structure)
	}
	if meaning != "" {
		c.senseless(at, "%s", meaning)
	}
}

func (scalar) show(v any) any { return v }

// text is a string that test accepts; what describes the accepted strings.
func text(what string, test func(string) bool) rule {
	return scalar{func(v any) (string, string) {
		s, isText := v.(string)
		switch {
		case !isText:
			return "must be a string", ""
		case !test(s):
			return "", fmt.Sprintf("%q is not %s", s, what)
		}
		return "", ""
	}}
}

func anyText() rule { return text("a string", func(string) bool { return true }) }

func filledText() rule { return text("a name", func(s string) bool { return s != "" }) }

func enum(values ...string) rule {
	return text("one of "+strings.Join(values, ", "), func(s string) bool { return slices.Contains(values, s) })
}

func flag() rule {
	return scalar{func(v any) (string, string) {
		if _, isBool := v.(bool); !isBool {
			return "must be true or false", ""
		}
		return "", ""
	}}
}

func integer(low, high int) rule {
	return scalar{func(v any) (string, string) {
		n, isNumber := v.(float64)
		switch {
		case !isNumber || n != float64(int64(n)):
			return "must be an integer", ""
		case n < float64(low) || n > float64(high):
			return "", fmt.Sprintf("%v is not between %d and %d", n, low, high)
		}
		return "", ""
	}}
}

// null accepts only null.
func null() rule {
	return scalar{func(v any) (string, string) {
		if v != nil {
			return "must be null", ""
		}
		return "", ""
	}}
}

// nullable accepts null in addition to what its rule accepts.
type nullable struct{ rule }

func (n nullable) check(c *checker, at string, v any) {
	if v != nil {
		n.rule.check(c, at, v)
	}
}

func (n nullable) show(v any) any {
	if v == nil {
		return nil
	}
	return n.rule.show(v)
}

// list is an array whose elements follow one rule.
type list struct{ of rule }

func (l list) check(c *checker, at string, v any) {
	elements, isList := v.([]any)
	if !isList {
		c.malformed(at, "must be a list")
		return
	}
	for i, e := range elements {
		l.of.check(c, at+"["+strconv.Itoa(i)+"]", e)
	}
}

func (l list) show(v any) any {
	elements, _ := v.([]any)
	out := make([]any, 0, len(elements))
	for _, e := range elements {
		out = append(out, l.of.show(e))
	}
	return out
}

// ref is the key of an object in a collection; GET shows it as {key, meta}.
type ref struct{ collection string }

func (r ref) check(c *checker, at string, v any) {
	key, isText := v.(string)
	if !isText {
		c.malformed(at, "must be the key of an object in %s, as a string", r.collection)
		return
	}
	c.refs = append(c.refs, reference{path: at, collection: r.collection, target: key})
}

func (r ref) show(v any) any {
	if key, isText := v.(string); isText {
		return fields{"key": key, "meta": fields{"href": configurationRoot + "/" + r.collection + "/" + key}}
	}
	return v
}

// groupName names a user group. The group may be on a directory server, so it need not exist here; if it does, it
// cannot be deleted (docs/vendors/sps.md Q17).
type groupName struct{}

func (groupName) check(c *checker, at string, v any) {
	name, isText := v.(string)
	if !isText {
		c.malformed(at, "must be the name of a user group, as a string")
		return
	}
	c.refs = append(c.refs, reference{path: at, collection: groupsCollection, target: name, byName: true})
}

func (groupName) show(v any) any { return v }

// anything is a value that the simulator does not inspect. References in it would have to be bare keys.
type anything struct{}

func (anything) check(c *checker, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, hasKey := v["key"]; hasKey && v["meta"] != nil && len(v) == 2 {
			c.malformed(at, "must be the bare key")
			return
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			anything{}.check(c, member(at, k), v[k])
		}
	case []any:
		for i, e := range v {
			anything{}.check(c, at+"["+strconv.Itoa(i)+"]", e)
		}
	}
}

func (anything) show(v any) any { return v }
