// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const pinnedDefinitions = "testdata/definitions.txt"

var update = flag.Bool("update", false, "write "+pinnedDefinitions+" anew")

// TestDefinitionsArePinned shows how a change of the Go types affects the API: not at all, if code was only moved. In
// the definitions themselves that is hard to see among the descriptions.
func TestDefinitionsArePinned(t *testing.T) {
	var declared []string
	for _, crd := range crds {
		declared = append(declared, definition(t, crd)...)
	}
	for _, n := range allNodes() {
		declared = append(declared, line(t, own(n.schema), n.kind, n.path))
	}
	if *update {
		if err := os.WriteFile(pinnedDefinitions, []byte(strings.Join(declared, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pinned, err := os.ReadFile(pinnedDefinitions)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.SplitAfter(string(pinned), "\n"), append(declared, "")); diff != "" {
		t.Errorf("%s (- is pinned, + is declared; pin it with -run %s -update):\n%s", pinnedDefinitions, t.Name(), diff)
	}
}

// definition is everything about a kind except its schema. Columns have a line each, in order.
func definition(t *testing.T, crd apiextensionsv1.CustomResourceDefinition) []string {
	t.Helper()
	kind, spec := crd.Spec.Names.Kind, *crd.Spec.DeepCopy()
	version := &spec.Versions[0]
	columns := version.AdditionalPrinterColumns
	version.AdditionalPrinterColumns, version.Schema = nil, nil
	lines := []string{line(t, spec, kind, "definition")}
	for _, column := range columns {
		lines = append(lines, line(t, column, kind, "column"))
	}
	return lines
}

// own is a schema without what has a line of its own, and without descriptions, which may change.
func own(schema apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	schema.Description, schema.Properties, schema.Items = "", nil, nil
	return schema
}

func line(t *testing.T, value any, words ...string) string {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // for readable rules
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.Join(words, " ") + " " + text.String()
}
