// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestArgoCDItselfAgrees asks the command line of Argo CD about every example. It is not built with the other tools:
// its sources want a module with dozens of replacements.
func TestArgoCDItselfAgrees(t *testing.T) {
	argocd := os.Getenv("ARGOCD")
	if argocd == "" {
		t.Skip("ARGOCD does not name a binary of argocd")
	}
	ask := func(question, file string) string {
		//nolint:gosec // G204: the person who runs the test names the program
		cmd := exec.CommandContext(t.Context(), argocd, "admin", "settings", "resource-overrides", question,
			filepath.Join(wildcard, "testdata", file), "--argocd-cm-path", root+"/config/argocd/argocd-cm.yaml")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s %s: %v", question, file, err)
		}
		return string(out)
	}
	ours := judges(t).ArgoCD
	for _, e := range examples(t) {
		health, err := ours.Health(t.Context(), e.object)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("STATUS: %s\nMESSAGE: %s\n", health.Status, health.Message)
		if diff := cmp.Diff(want, ask("health", e.file)); diff != "" {
			t.Errorf("%s -ours +Argo CD:\n%s", e.file, diff)
		}
		menu, err := ours.Actions(t.Context(), e.object)
		if err != nil {
			t.Fatal(err)
		}
		enabled := map[string]string{}
		for _, action := range menu {
			enabled[action.Name] = fmt.Sprint(action.Disabled)
		}
		if diff := cmp.Diff(enabled, readMenu(ask("list-actions", e.file))); diff != "" {
			t.Errorf("%s -ours +Argo CD:\n%s", e.file, diff)
		}
	}
}

// readMenu reads the table of actions, each with whether it is disabled.
func readMenu(table string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] != "NAME" {
			out[fields[0]] = fields[1]
		}
	}
	return out
}
