// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"strings"
)

// builtInUser always exists and belongs to the appliance's owner (docs/vendors/sps.md 7).
const builtInUser = "admin"

// builtInGroups come with every appliance (docs/vendors/sps.md 7, partly inferred). They carry the rights of the
// appliance's own administrators.
var builtInGroups = []string{"admin", "api", "changelog", "indexing", "report", "reporting", "search"}

// builtInAreas are the first words of the built-in groups that come as a pair, such as http-view and http-write.
var builtInAreas = []string{"auth", "basic", "http", "ica", "policies", "rdp", "ssh", "telnet", "vnc"}

// IsBuiltIn reports whether an object with this name comes with the appliance and belongs to its owner, so that it is
// not managed.
func IsBuiltIn(collection Collection, name string) bool {
	switch collection {
	case Users:
		return strings.EqualFold(name, builtInUser)
	case Groups:
		area, right, _ := strings.Cut(name, "-")
		return slices.Contains(builtInGroups, name) ||
			slices.Contains(builtInAreas, area) && (right == "view" || right == "write")
	}
	return false
}
