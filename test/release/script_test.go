// SPDX-License-Identifier: Apache-2.0

package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestScriptRefusesWhatIsNoRelease(t *testing.T) {
	for name, c := range map[string]struct {
		version string
		change  bool
		want    string
	}{
		"no version":                   {"", false, "usage:"},
		"a version without v":          {"1.2.3", false, "usage:"},
		"what git describe calls it":   {"5a19213", false, "usage:"},
		"a tree with changes":          {"v1.2.3", true, "hack/release.sh"},
		"a pre-release, with changes":  {"v1.2.3-rc.1", true, "the working tree has uncommitted changes"},
		"a version with a shell quote": {"v1.2.3-'", false, "usage:"},
	} {
		t.Run(name, func(t *testing.T) {
			script := repository(t)
			if c.change {
				if err := os.WriteFile(script, append(content(t), "# changed\n"...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			output, err := exec.CommandContext(t.Context(), "bash", script, c.version).CombinedOutput()
			if err == nil || !strings.Contains(string(output), c.want) {
				t.Errorf("got %v, %s; want %q", err, output, c.want)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(script), "../dist")); err == nil {
				t.Error("something was built")
			}
		})
	}
}

// repository is a git repository with the script as its only file.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "hack"), 0o700); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(root, "hack", "release.sh")
	if err := os.WriteFile(script, content(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"init", "--quiet"}, {"add", "."},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message", "a script"},
	} {
		command := exec.CommandContext(t.Context(), "git", arguments...)
		command.Dir = root
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", arguments, err, output)
		}
	}
	return script
}

func content(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile("../../hack/release.sh")
	if err != nil {
		t.Fatal(err)
	}
	return content
}
