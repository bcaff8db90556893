// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

var (
	runbookEntry = regexp.MustCompile("(?ms)^### `([A-Za-z]+)`\n(.*?)(?:^##|\\z)")
	// runbookQuestions are what every entry answers.
	runbookQuestions = []string{"**Means:**", "**Who acts:**", "**Look at:**", "**Heals:**"}
)

func TestRunbookHasAnEntryForEveryReason(t *testing.T) {
	runbook, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rest := runbook; ; {
		entry := runbookEntry.FindSubmatchIndex(rest)
		if entry == nil {
			break
		}
		reason, text := string(rest[entry[2]:entry[3]]), rest[entry[4]:entry[5]]
		got = append(got, reason)
		for _, question := range runbookQuestions {
			if !regexp.MustCompile(regexp.QuoteMeta(question) + `\s+\S`).Match(text) {
				t.Errorf("the entry %s does not answer %s", reason, question)
			}
		}
		rest = rest[entry[5]:] // the next entry begins where this one ends
	}
	want := pamv1alpha1.AllReasons()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/runbook.md (- has no entry, + is no reason):\n%s", diff)
	}
}
