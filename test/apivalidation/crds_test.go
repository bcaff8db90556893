// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// crds are the definitions as shipped, sorted by kind.
var crds = readCRDs()

// readCRDs panics because it runs before any test that could fail.
func readCRDs() []apiextensionsv1.CustomResourceDefinition {
	files, err := filepath.Glob(filepath.Join(crdDir, "*.yaml"))
	if err != nil || len(files) == 0 {
		panic("there are no resource definitions in " + crdDir)
	}
	all := make([]apiextensionsv1.CustomResourceDefinition, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(content, &crd); err != nil {
			panic(err)
		}
		all = append(all, crd)
	}
	return all
}

// node is one place in the schema of a kind.
type node struct {
	kind     string
	path     string // of properties, such as spec.accessControl[*].authorizer; empty means the object itself
	schema   apiextensionsv1.JSONSchemaProps
	required bool
}

// allNodes lists every place in the schema of every kind, except for what Kubernetes itself defines: apiVersion, kind,
// metadata and the inside of conditions.
func allNodes() []node {
	var all []node
	for _, crd := range crds {
		root := node{kind: crd.Spec.Names.Kind, schema: *crd.Spec.Versions[0].Schema.OpenAPIV3Schema}
		all = append(append(all, root), below(root)...)
	}
	return all
}

// below lists the places within a place, in the order of their paths.
func below(parent node) []node {
	var all []node
	for _, name := range slices.Sorted(maps.Keys(parent.schema.Properties)) {
		path := name
		if parent.path != "" {
			path = parent.path + "." + name
		}
		child := node{
			kind:     parent.kind,
			path:     path,
			schema:   parent.schema.Properties[name],
			required: slices.Contains(parent.schema.Required, name),
		}
		if fromKubernetes(path) {
			continue
		}
		all = append(all, child)
		all = append(all, below(child)...)
	}
	if items := parent.schema.Items; items != nil && parent.path != "status.conditions" {
		item := node{kind: parent.kind, path: parent.path + "[*]", schema: *items.Schema}
		all = append(all, item)
		all = append(all, below(item)...)
	}
	return all
}

func fromKubernetes(path string) bool {
	return path == "apiVersion" || path == "kind" || path == "metadata"
}
