// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "# Title\n\n```sh\nbefore\n```\n\n## First\n\n" +
	"<!-- not run: needs nodes -->\n```sh\nkubectl get nodes \\\n  -o wide\nmake image\n```\n\n" +
	"```yaml\n# values.yaml\nreplicas: 3\n```\n\n" +
	"### Deeper\n\n1. A list:\n\n   ```yaml\n   kind: A\n     # ## no heading\n   ```\n\n" +
	"```console\n$ kubectl get pods\n```\n\n```\n## no heading either\n```\n\n" +
	"## Last\n\n```sh\nkubectl apply -f - <<'EOF'\nkind: B\nEOF\n```\n"

func TestABlockKnowsItsSectionAndWhyItIsNotRun(t *testing.T) {
	want := []Block{
		{"", Shell, "before\n", ""},
		{"First", Shell, "kubectl get nodes \\\n  -o wide\nmake image\n", "needs nodes"},
		{"First", YAML, "# values.yaml\nreplicas: 3\n", ""},
		{"Deeper", YAML, "kind: A\n  # ## no heading\n", ""},
		{"Last", Shell, "kubectl apply -f - <<'EOF'\nkind: B\nEOF\n", ""},
	}
	got := parse("page.md", page)
	if diff := cmp.Diff(want, got.Blocks); diff != "" {
		t.Fatalf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(want[1:3], got.Section("First")); diff != "" {
		t.Errorf("section First: -want +got\n%s", diff)
	}
}

func TestManifestsAreWhatTheAPIServerGets(t *testing.T) {
	tests := map[string]struct {
		block    Block
		manifest bool
		values   bool
		brings   bool // objects of the reader's own
	}{
		"YAML":            {Block{Language: YAML, Text: "kind: A\n"}, true, false, true},
		"exempt YAML":     {Block{Language: YAML, Text: "kind: A\n", Exemption: "needs a CRD"}, false, false, false},
		"values":          {Block{Language: YAML, Text: "# values.yaml\nkind: A\n"}, false, true, false},
		"commands":        {Block{Language: Shell, Text: "kubectl apply -f kind.yaml\n"}, false, false, false},
		"a here-document": {Block{Language: Shell, Text: "kubectl apply -f - <<EOF\nkind: A\nEOF\n"}, false, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.block.Manifest(); got != tt.manifest {
				t.Errorf("Manifest %t", got)
			}
			if got := tt.block.Values(); got != tt.values {
				t.Errorf("Values %t", got)
			}
			if got := (Page{Blocks: []Block{tt.block}}).HasManifests(); got != tt.brings {
				t.Errorf("HasManifests %t", got)
			}
		})
	}
}

func TestAScriptLeavesWholeCommandsOut(t *testing.T) {
	b := Block{Text: "make image \\\n  IMG=a\nkubectl get pods \\\n  -A\n"}
	got := b.Script(func(command string) bool { return strings.HasPrefix(command, "make ") })
	if want := "kubectl get pods    -A\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
