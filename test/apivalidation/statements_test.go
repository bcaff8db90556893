// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// provenTable is a table whose last column names tests.
	provenTable = regexp.MustCompile(`(?m)^\|.*\| Test \|\n\|[-|]+\|\n((?:\|.*\n)+)`)
	headingRow  = regexp.MustCompile(`^\| \*\*[^|]+\*\* \|[ |]*$`)
	provenRow   = regexp.MustCompile("^\\| .+ \\| `([a-z0-9/]+): ([^`]+)` \\|$")
)

// TestEveryProvenStatementHasItsTest reads every table of docs whose last column is "Test".
func TestEveryProvenStatementHasItsTest(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(docsDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range provenTable.FindAllStringSubmatch(string(content), -1) {
			found[filepath.Base(file)] += checkStatements(t, file, table[1])
		}
	}
	for page, atLeast := range map[string]int{
		"adopt.md": 8, "backup.md": 10, "compatibility.md": 20, "multi-tenancy.md": 25,
	} {
		if found[page] < atLeast {
			t.Errorf("docs/%s has %d statements with a test, want %d or more", page, found[page], atLeast)
		}
	}
}

func checkStatements(t *testing.T, file, table string) (statements int) {
	t.Helper()
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if headingRow.MatchString(line) {
			continue
		}
		row := provenRow.FindStringSubmatch(line)
		switch {
		case row == nil:
			t.Errorf("%s: no test in %q", file, line)
		case !isTest(t, row[1], row[2]):
			t.Errorf("%s: there is no test %q in %s", file, row[2], row[1])
		default:
			statements++
		}
	}
	return statements
}
