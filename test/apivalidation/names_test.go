// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// nameConstant is a constant for a name of ours on an object, or for a type of Secret.
	nameConstant = regexp.MustCompile(
		`(?m)^(?:const |\t)(Annotation|Label|Finalizer|SecretType)\w* += "(pam-operator\.io/[^"]+)"`)
	nameRow = regexp.MustCompile("(?m)^\\| `(pam-operator\\.io/[^`]+)` \\|")
)

// TestThePageOfNamesHasEveryName compares docs/labels-and-annotations.md with the constants of the code.
func TestThePageOfNamesHasEveryName(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docsDir, "labels-and-annotations.md"))
	if err != nil {
		t.Fatal(err)
	}
	declared := declaredNames(t)
	for prefix, title := range map[string]string{
		"Annotation": "Annotations", "Label": "Labels", "Finalizer": "Finalizers", "SecretType": "Types of Secrets",
	} {
		_, section, _ := strings.Cut(string(page), "\n## "+title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var documented []string
		for _, row := range nameRow.FindAllStringSubmatch(section, -1) {
			documented = append(documented, row[1])
		}
		slices.Sort(documented)
		slices.Sort(declared[prefix])
		if diff := cmp.Diff(declared[prefix], documented); diff != "" {
			t.Errorf("%s (- is not documented, + is not declared):\n%s", title, diff)
		}
	}
}

// declaredNames are the names that the code declares, by the first word of their constants.
func declaredNames(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string][]string{}
	for _, dir := range []string{"../../api", "../../internal", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path) //nolint:gosec // G122: our own tree
			for _, constant := range nameConstant.FindAllStringSubmatch(string(source), -1) {
				names[constant[1]] = append(names[constant[1]], constant[2])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
