// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"os"
	"regexp"
	"strings"
	"testing"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

var (
	// behaviourRow is what an appliance or server does, what users see, who acts, and the package and the name of a test.
	behaviourRow = regexp.MustCompile("(?m)^\\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\| `([a-z0-9/]+): ([^`]+)` \\|$")
	// shownReason is a word in the second column that looks like a reason.
	shownReason = regexp.MustCompile("^`([A-Z][A-Za-z]+)`")
)

func TestEveryBehaviourOfAServerHasItsTest(t *testing.T) {
	for page, who := range map[string]string{"activitysession.md": "server", "spsconnection.md": "appliance"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile("../../docs/kinds/" + page)
			if err != nil {
				t.Fatal(err)
			}
			_, table, found := strings.Cut(string(text), "\n### What the "+who+" does, and what you see\n")
			if table, _, _ = strings.Cut(table, "\n## "); !found {
				t.Fatal("no table")
			}
			checkBehaviours(t, table)
		})
	}
}

func checkBehaviours(t *testing.T, table string) {
	t.Helper()
	rows := behaviourRow.FindAllStringSubmatch(table, -1)
	if lines := strings.Count(table, "\n|") - 2; lines != len(rows) || lines < 15 {
		t.Errorf("%d rows, of which %d are complete", lines, len(rows))
	}
	reasons := map[string]bool{"Ending": true} // a phase
	for _, reason := range pamv1alpha1.AllReasons() {
		reasons[reason] = true
	}
	for _, row := range rows {
		if !isTest(t, row[4], row[5]) {
			t.Errorf("%q: there is no test %q in %s", row[1], row[5], row[4])
		}
		if shown := shownReason.FindStringSubmatch(row[2]); shown != nil && !reasons[shown[1]] {
			t.Errorf("%q: no reason %s", row[1], shown[1])
		}
	}
}
