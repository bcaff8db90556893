// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"maps"
	"slices"
)

// Unmanaged returns the dotted paths of the members of a body that managed lacks, in order. A member that is null says
// nothing, and is left out.
func Unmanaged(managed, actual Body) []string { return unmanaged("", managed, actual) }

func unmanaged(prefix string, managed, actual map[string]any) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(actual)) {
		wanted, there := managed[name]
		want, isObject := asObject(wanted)
		have, ok := asObject(actual[name])
		switch {
		case isObject && ok:
			out = append(out, unmanaged(prefix+name+".", want, have)...)
		case !there && actual[name] != nil:
			out = append(out, prefix+name)
		}
	}
	return out
}
