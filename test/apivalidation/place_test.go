// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"fmt"
	"strings"
)

// place is the path of a value in an object: names of members and indexes of lists.
type place []any

// String formats the place as the API server does.
func (p place) String() string {
	var text strings.Builder
	for _, step := range p {
		if index, ok := step.(int); ok {
			fmt.Fprintf(&text, "[%d]", index)
			continue
		}
		if text.Len() > 0 {
			text.WriteByte('.')
		}
		fmt.Fprint(&text, step)
	}
	return text.String()
}

// find looks for the first value at a path of a schema, whose steps are names, each perhaps followed by [*]. An empty
// list is not found, because nothing can be tried on it.
func find(value any, steps []string) (place, bool) {
	if len(steps) == 0 {
		return nil, true
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	name, ofList := strings.CutSuffix(steps[0], "[*]")
	member, ok := members[name]
	if !ok {
		return nil, false
	}
	list, isList := member.([]any)
	if isList && len(list) == 0 {
		return nil, false
	}
	if !ofList {
		rest, found := find(member, steps[1:])
		return append(place{name}, rest...), found
	}
	for index, item := range list {
		if rest, found := find(item, steps[1:]); found {
			return append(place{name, index}, rest...), true
		}
	}
	return nil, false
}

// get returns the value at a place; nil if there is none.
func (p place) get(value any) any {
	for _, step := range p {
		switch container := value.(type) {
		case map[string]any:
			name, _ := step.(string)
			value = container[name]
		case []any:
			index, _ := step.(int)
			value = container[index]
		}
	}
	return value
}

// set changes the value at an existing place.
func (p place) set(root, value any) {
	last := p[len(p)-1]
	switch container := p[:len(p)-1].get(root).(type) {
	case map[string]any:
		name, _ := last.(string)
		container[name] = value
	case []any:
		index, _ := last.(int)
		container[index] = value
	}
}

// remove removes the member at a place.
func (p place) remove(root any) {
	container, _ := p[:len(p)-1].get(root).(map[string]any)
	name, _ := p[len(p)-1].(string)
	delete(container, name)
}
