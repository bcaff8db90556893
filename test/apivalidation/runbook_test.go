// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

var (
	runbookEntry = regexp.MustCompile("(?ms)^### `([A-Za-z]+)`\n(.*?)(?:^##|\\z)")
	// runbookQuestions are the questions that every entry answers.
	runbookQuestions = []string{"**Means:**", "**Who acts:**", "**Look at:**", "**Clears when:**"}
	alertName        = regexp.MustCompile(`(?m)^ *- alert: (\w+)$`)
	// alertQuestions are those that the entry of an alert answers: its receiver has to act.
	alertQuestions = []string{"**Means:**", "**Look at:**", "**Do:**"}
)

func TestRunbookHasAnEntryForEveryReason(t *testing.T) {
	runbook, _ := readRunbook(t)
	got := answered(t, runbook, runbookQuestions)
	if diff := cmp.Diff(runbookReasons(), got); diff != "" {
		t.Errorf("docs/runbook.md (- has no entry, + is no reason):\n%s", diff)
	}
}

func TestRunbookHasAnEntryForEveryAlert(t *testing.T) {
	content, err := os.ReadFile("../../config/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, match := range alertName.FindAllStringSubmatch(string(content), -1) {
		want = append(want, match[1])
	}
	slices.Sort(want)
	_, alerts := readRunbook(t)
	got := answered(t, alerts, alertQuestions)
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("docs/runbook.md (- has no entry, + is no alert):\n%s", diff)
	}
}

// readRunbook returns what the runbook says of reasons, and of alerts.
func readRunbook(t *testing.T) (reasons, alerts string) {
	t.Helper()
	content, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons, alerts, found := strings.Cut(string(content), "\n## Alerts\n")
	if !found {
		t.Fatal("docs/runbook.md has no section Alerts")
	}
	return reasons, alerts
}

// answered are the names of all entries, in order. Each of them has to answer every question.
func answered(t *testing.T, runbook string, questions []string) (names []string) {
	t.Helper()
	for rest := runbook; ; {
		entry := runbookEntry.FindStringSubmatchIndex(rest)
		if entry == nil {
			slices.Sort(names)
			return names
		}
		name, text := rest[entry[2]:entry[3]], rest[entry[4]:entry[5]]
		names = append(names, name)
		for _, question := range questions {
			if !regexp.MustCompile(regexp.QuoteMeta(question) + `\s+\S`).MatchString(text) {
				t.Errorf("the entry %s does not answer %s", name, question)
			}
		}
		rest = rest[entry[5]:] // the next entry begins where this one ends
	}
}

// TestTheRunbookSaysWhoActsAsTheTableDoes: metrics, alerts and the plugin send people by the table, and they read the
// runbook.
func TestTheRunbookSaysWhoActsAsTheTableDoes(t *testing.T) {
	runbook, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]pamv1alpha1.Actor{
		"Nobody has to act":                                          pamv1alpha1.ActorNobody,
		"It clears without help: wait":                               pamv1alpha1.ActorWait,
		"The author of the object has to act":                        pamv1alpha1.ActorAuthor,
		"The owner of the appliance or of the connection has to act": pamv1alpha1.ActorOwner,
		"We have to act":                                             pamv1alpha1.ActorMaker,
	}
	got, want := map[string]pamv1alpha1.Actor{}, map[string]pamv1alpha1.Actor{}
	var section string
	for line := range strings.Lines(string(runbook)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
		}
		if actor, ok := sections[section]; ok && strings.HasPrefix(line, "### `") {
			got[strings.Trim(line, "#` \n")] = actor
		}
	}
	for _, reason := range pamv1alpha1.AllReasons() {
		want[reason] = pamv1alpha1.ActorFor(reason)
		if !slices.Contains(pamv1alpha1.AllActors(), want[reason]) {
			t.Errorf("%s: nobody knows who acts: %q", reason, want[reason])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-ActorFor +the section of docs/runbook.md:\n%s", diff)
	}
	if actor := pamv1alpha1.ActorFor("NotAReason"); actor != "" {
		t.Errorf("who acts on an unknown reason: %q", actor)
	}
}

// runbookReasons are the reasons of all conditions and of failures, each of them once.
func runbookReasons() []string {
	reasons := slices.Concat(pamv1alpha1.AllReasons(), pamv1alpha1.AllFailureReasons())
	for _, phase := range pamv1alpha1.AllSessionPhases() {
		reasons = append(reasons, string(phase))
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

func TestThePhasesOfTheAPIAreThoseOfItsSchema(t *testing.T) {
	var got, want []string
	for _, n := range allNodes() {
		if n.kind == "ActivitySession" && n.path == "status.phase" {
			for _, value := range n.schema.Enum {
				got = append(got, strings.Trim(string(value.Raw), `"`))
			}
		}
	}
	for _, phase := range pamv1alpha1.AllSessionPhases() {
		want = append(want, string(phase))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-AllSessionPhases +schema:\n%s", diff)
	}
}

// TestEveryDeclaredReasonIsListed keeps a new constant from being left out of its list, and so of the runbook.
func TestEveryDeclaredReasonIsListed(t *testing.T) {
	source, err := os.ReadFile("../../api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	for prefix, listed := range map[string][]string{
		"Reason": pamv1alpha1.AllReasons(), "Failure": pamv1alpha1.AllFailureReasons(),
	} {
		var declared []string
		constant := regexp.MustCompile(`(?m)^\t` + prefix + `[A-Z]\w* += "(\w+)"$`)
		for _, match := range constant.FindAllStringSubmatch(string(source), -1) {
			declared = append(declared, match[1])
		}
		if diff := cmp.Diff(declared, listed, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s* (- is not listed, + is not declared):\n%s", prefix, diff)
		}
	}
}
