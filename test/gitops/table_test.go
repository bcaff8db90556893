// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/verdict"
)

const (
	page      = root + "/docs/gitops.md"
	tableHead = "| `Ready` | Reason | Kinds, and phases of requests | Argo CD | kstatus, Flux | Flux, expressions |\n" +
		"|---|---|---|---|---|---|\n"
)

// deleting stands for the reason of every object that is being deleted.
const deleting = "being deleted"

// row is what the tools say about objects with one reason; the kinds in it have the same verdicts.
type row struct {
	class   verdict.Class
	reason  string
	verdict verdict.Verdict
}

// TestTheTableOfStatesIsComplete compares the table of docs/gitops.md with the verdicts on all examples.
func TestTheTableOfStatesIsComplete(t *testing.T) {
	text := content(t, page)
	before, rest, found := strings.Cut(text, tableHead)
	if !found {
		t.Fatalf("%s has no table of states", page)
	}
	_, after, found := strings.Cut(rest, "\n\n")
	if !found {
		t.Fatal("the table has no end")
	}
	compare(t, page, before+tableHead+table(t)+"\n"+after)
}

func table(t *testing.T) string {
	t.Helper()
	kindsOf := rowsOf(t)
	rows := make([]row, 0, len(kindsOf))
	for each := range kindsOf {
		rows = append(rows, each)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	var out strings.Builder
	for _, each := range rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", readiness[each.class], reasonText(each.reason),
			kindsText(kindsOf[each]), each.verdict.ArgoCD, each.verdict.KStatus, each.verdict.Flux)
	}
	return out.String()
}

// rowsOf are the rows, each with the phases of its kinds.
func rowsOf(t *testing.T) map[row]map[string][]string {
	t.Helper()
	j, kindsOf := judges(t), map[row]map[string][]string{}
	for _, e := range examples(t) {
		v, err := j.Judge(t.Context(), e.object)
		if err != nil {
			t.Fatal(err)
		}
		at := row{e.state.Class, e.state.Reason, v}
		if e.state.Deleting {
			at, at.verdict.Flux = row{reason: deleting, verdict: v}, "not asked"
		}
		if kindsOf[at] == nil {
			kindsOf[at] = map[string][]string{}
		}
		phases := kindsOf[at][e.state.Kind]
		if !slices.Contains(phases, e.state.Phase) {
			kindsOf[at][e.state.Kind] = append(phases, e.state.Phase)
		}
	}
	return kindsOf
}

// readiness is what the conditions say in a class.
var readiness = map[verdict.Class]string{
	verdict.Ready: "True", verdict.Waiting: "False, `Reconciling`", verdict.Stalled: "False, `Stalled`",
	verdict.Held: "False", "": "any",
}

// rank is the place of a row: in the order of the reasons, with what is not about the spec at the ends.
func rank(r row) int {
	ends := []string{verdict.Unobserved, verdict.Outdated}
	return slices.Index(slices.Concat(ends, pamv1alpha1.AllReasons(), []string{deleting}), r.reason)
}

func reasonText(reason string) string {
	switch reason {
	case verdict.Unobserved:
		return "none: a new object"
	case verdict.Outdated:
		return "any: the spec has changed since"
	case deleting:
		return reason
	}
	return fmt.Sprintf("[`%s`](runbook.md#%s)", reason, strings.ToLower(reason))
}

func kindsText(phasesOf map[string][]string) string {
	var out []string
	for _, kind := range kinds.All() {
		phases, found := phasesOf[kind.Name]
		if !found {
			continue
		}
		phases = slices.DeleteFunc(slices.Clone(phases), func(phase string) bool { return phase == "" })
		text := kind.Name
		if len(phases) > 0 {
			text += " (" + strings.Join(phases, ", ") + ")"
		}
		out = append(out, text)
	}
	if len(out) == len(kinds.All()) && !strings.Contains(strings.Join(out, ""), "(") {
		return "all"
	}
	return strings.Join(out, ", ")
}

// TestThePageShowsWhatIsShipped makes sure that the expressions in the page are those of config/flux.
func TestThePageShowsWhatIsShipped(t *testing.T) {
	shipped, text := content(t, filepath.Join(root, "config", "flux", "sync.yaml")), content(t, page)
	for _, line := range []string{
		"failed: status.?conditions.orValue([]).exists(c, c.type == 'Stalled' && c.status == 'True')",
		"status.?conditions.orValue([]).exists(c, c.type == 'Ready' && (c.status == 'True' || c.reason == 'Suspended'))",
	} {
		if !strings.Contains(shipped, line) || !strings.Contains(text, line) {
			t.Errorf("config/flux or docs/gitops.md lacks %q", line)
		}
	}
}
