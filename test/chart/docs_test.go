// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/test/pages"
)

var (
	helmCommand = regexp.MustCompile(`(?m)^ *helm (install|upgrade|template) .*$`)
	// clusterOnly are flags of commands that talk to a cluster.
	clusterOnly = regexp.MustCompile(` --(create-namespace|take-ownership|force-conflicts|reset-then-reuse-values)\b`)
)

// documents are those that may have commands of Helm, and values.
func documents(t *testing.T) map[string]pages.Page {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, filepath.Join(root, "README.md"), filepath.Join(root, "charts/pam-operator/README.md"))
	out := map[string]pages.Page{}
	for _, file := range files {
		page, err := pages.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(file, root+"/")] = page
	}
	return out
}

// TestTheDocumentedCommandsWork renders what they would install.
func TestTheDocumentedCommandsWork(t *testing.T) {
	h := helm4(t)
	found := map[string]int{}
	for file, page := range documents(t) {
		for _, b := range page.Blocks {
			if b.Language != pages.Shell {
				continue
			}
			for _, command := range helmCommand.FindAllString(b.Script(nil), -1) {
				found[file]++
				runDocumented(t, h, command)
			}
		}
	}
	for file, atLeast := range map[string]int{
		"README.md": 1, "charts/pam-operator/README.md": 1, "docs/install.md": 4, "docs/upgrade.md": 1,
		"docs/quickstart.md": 1,
	} {
		if found[file] < atLeast {
			t.Errorf("%s has %d commands, want %d or more", file, found[file], atLeast)
		}
	}
}

// TestTheDocumentedValuesRender renders the chart with every block of values.
func TestTheDocumentedValuesRender(t *testing.T) {
	h, found := helm4(t), 0
	for file, page := range documents(t) {
		for _, b := range page.Blocks {
			if !b.Values() {
				continue
			}
			found++
			values := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(values, []byte(b.Text), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Log(file, b.Text)
			runDocumented(t, h, "helm template pam-operator charts/pam-operator --values "+values)
		}
	}
	if found == 0 {
		t.Error("no page has values")
	}
}

func runDocumented(t *testing.T, h helm, command string) {
	t.Helper()
	command, _, _ = strings.Cut(command, " | ")
	command = clusterOnly.ReplaceAllString(command, "")
	command = strings.NewReplacer("<registry>", "registry.example.com", "<tag>", "1.0.0").Replace(command)
	command = regexp.MustCompile(`^ *helm \w+`).ReplaceAllLiteralString(command, `"$HELM" template`)
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", command)
	cmd.Dir, cmd.Env = root, []string{"HELM=" + h.binary, "HOME=" + h.home, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
		return
	}
	decode(t, string(out))
}
