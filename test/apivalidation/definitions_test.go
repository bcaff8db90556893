// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
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

// TestTextsHaveNoControlCharacters looks at every text that a user writes: with one character that YAML cannot have,
// an object would keep "kubectl get -o yaml" from showing all others, too.
func TestTextsHaveNoControlCharacters(t *testing.T) {
	const closed = `matches\('\^.*\$'\)|isIP\(self\)|isCIDR\(self\)|format\.dns`
	seen := 0
	for _, n := range allNodes() {
		s := n.schema
		if s.Type != "string" || !strings.HasPrefix(n.path, "spec.") || len(s.Enum) > 0 || s.Format != "" ||
			strings.Contains(strings.ToLower(n.path), "selector.match") || // of Kubernetes
			slices.ContainsFunc(s.XValidations, func(r apiextensionsv1.ValidationRule) bool {
				return regexp.MustCompile(closed).MatchString(r.Rule)
			}) {
			continue
		}
		seen++
		if s.Pattern != noControls && (s.Pattern != noOtherControls || n.path != "spec.note") {
			t.Errorf("%s %s may hold control characters: its pattern is %q", n.kind, n.path, s.Pattern)
		}
	}
	if seen < 80 {
		t.Errorf("only %d texts were found", seen)
	}
	pattern := regexp.MustCompile(noControls)
	for text, want := range map[string]bool{
		"": true, "a b~": true, "Größe 日本 😀": true, "a\tb": false, "a\nb": false, "\u0085": false, "\uffff": false,
	} {
		if pattern.MatchString(text) != want {
			t.Errorf("%q: %t, want %t", text, !want, want)
		}
	}
}
