// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// statementRow is a row of the table: the statement, and the package and the name of a test.
var statementRow = regexp.MustCompile("(?m)^\\| ([^|*][^|]*) \\| `([a-z0-9/]+): ([^`]+)` \\|$")

func TestEveryStatementOfTheThreatModelHasItsTest(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n## What holds\n")
	if table, _, _ = strings.Cut(table, "\n## "); !found {
		t.Fatal("docs/security.md has no table")
	}
	rows := statementRow.FindAllStringSubmatch(table, -1)
	headings := strings.Count(table, "\n| **")
	if lines := strings.Count(table, "\n|") - headings - 2; lines != len(rows) {
		t.Errorf("%d rows, of which %d have a statement and a test", lines, len(rows))
	}
	for _, row := range rows {
		if !isTest(t, row[2], row[3]) {
			t.Errorf("%q: there is no test %q in %s", row[1], row[3], row[2])
		}
	}
}

// isTest reports whether a package has a test with this name: a function, or a text of Ginkgo.
func isTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // G703: found in our own tree
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{
			"\nfunc " + name + "(t *testing.T)", `It("` + name + `"`, `DescribeTable("` + name + `"`,
			`It("` + name + `: "+`,
		} {
			if strings.Contains(string(content), form) {
				return true
			}
		}
	}
	return false
}
