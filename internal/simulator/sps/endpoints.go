// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"strings"
)

const configurationRoot = "/api/configuration"

// analyticsCollections are the paths of analytics policies: in 6.0, and later (docs/vendors/sps.md 5).
var analyticsCollections = []string{"analytics", "policies/analytics"}

// kind is the type of a configuration endpoint.
type kind int

const (
	areaKind       kind = iota // holds endpoints
	collectionKind             // holds objects in order
	vaultKind                  // a collection of secrets: not listed, and clients cannot change or delete its objects
	documentKind               // is itself an object
)

// endpoint is a node of the configuration above the objects. Its path is relative to configurationRoot.
type endpoint struct {
	path string
	kind kind
	// rule creates the rule for its objects; nil for areas.
	rule func(Switches) rule
}

// namedRule is the rule of most collections: only the name matters here.
func namedRule(Switches) rule {
	return record{fields: []field{required("name", filledText())}, open: true}
}

func freeRule(Switches) rule { return record{open: true} }

func pluginInstanceRule(Switches) rule {
	return record{fields: []field{required("name", filledText()), optional("plugin", ref{"plugins/aa"})}, open: true}
}

// endpoints are all nodes that hold objects (docs/vendors/sps.md 2, 5, 6, 7 and 9); the areas follow from their paths.
func endpoints() []endpoint {
	return []endpoint{
		{"aaa/acls", documentKind, freeRule},
		{groupsCollection, collectionKind, groupRule},
		{usersCollection, collectionKind, userRule},
		{"aaa/settings", documentKind, freeRule},
		{analyticsCollections[0], collectionKind, namedRule},
		{"management/accounting", documentKind, freeRule},
		{"management/webinterface", documentKind, freeRule},
		{passwordsCollection, vaultKind, passwordRule},
		{"plugins/aa", collectionKind, namedRule},
		{"policies/aa_plugin_instances", collectionKind, pluginInstanceRule},
		{analyticsCollections[1], collectionKind, namedRule},
		{"policies/archive_cleanup_policies", collectionKind, namedRule},
		{"policies/audit_policies", collectionKind, namedRule},
		{"policies/backup_policies", collectionKind, namedRule},
		{"policies/content_policies", collectionKind, namedRule},
		{"policies/credentialstores", collectionKind, namedRule},
		{"policies/indexing", collectionKind, namedRule},
		{"policies/ldap_servers", collectionKind, namedRule},
		{"policies/signing_cas", collectionKind, namedRule},
		{"policies/time_policies", collectionKind, namedRule},
		{"policies/trusted_ca_lists", collectionKind, namedRule},
		{"policies/user_databases", collectionKind, namedRule},
		{"policies/userlists", collectionKind, namedRule},
		{"policies/usermapping_policies", collectionKind, namedRule},
		{"private_keys", vaultKind, freeRule},
		{"rdp/channel_policies", collectionKind, namedRule},
		{connectionsCollection, collectionKind, connectionRule},
		{"rdp/domain_membership", documentKind, freeRule},
		{"rdp/options", documentKind, freeRule},
		{"rdp/settings_policies", collectionKind, namedRule},
		{certificatesCollection, vaultKind, freeRule},
	}
}

// endpointTable finds endpoints by path and children by area; the root is "".
type endpointTable struct {
	byPath   map[string]endpoint
	children map[string][]string // full paths, alphabetical
}

// configurationEndpoints never changes.
var configurationEndpoints = newEndpointTable(endpoints())

func newEndpointTable(all []endpoint) endpointTable {
	t := endpointTable{map[string]endpoint{"": {kind: areaKind}}, map[string][]string{}}
	for _, e := range all {
		t.byPath[e.path] = e
		for child := e.path; child != ""; child = parentOf(child) {
			parent := parentOf(child)
			if slices.Contains(t.children[parent], child) {
				break
			}
			t.children[parent] = append(t.children[parent], child)
			if _, known := t.byPath[parent]; !known {
				t.byPath[parent] = endpoint{path: parent, kind: areaKind}
			}
		}
	}
	for _, row := range t.children {
		slices.Sort(row)
	}
	return t
}

func parentOf(path string) string {
	if at := strings.LastIndexByte(path, '/'); at >= 0 {
		return path[:at]
	}
	return ""
}

func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// locate resolves a path below configurationRoot to an endpoint, or to one of its objects (key not "").
func (t endpointTable) locate(path string) (e endpoint, key string, found bool) {
	if e, known := t.byPath[path]; known {
		return e, "", true
	}
	e, known := t.byPath[parentOf(path)]
	if !known || e.kind != collectionKind && e.kind != vaultKind {
		return endpoint{}, "", false
	}
	return e, lastOf(path), true
}

// href is the inverse of locate.
func href(path, key string) string {
	full := configurationRoot
	for _, part := range []string{path, key} {
		if part != "" {
			full += "/" + part
		}
	}
	return full
}

// ruleOf returns the rule for the objects at a path; collections that the simulator does not know accept anything.
func ruleOf(path string, s Switches) rule {
	if e, known := configurationEndpoints.byPath[path]; known && e.rule != nil {
		return e.rule(s)
	}
	return freeRule(s)
}
