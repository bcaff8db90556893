// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/site"
)

var (
	root = filepath.Join("..", "..")
	// previousDir is what hack/upgrade-fixture.sh keeps of a release.
	previousDir = filepath.Join("testdata", "previous")
)

// release is a version of the operator.
type release struct {
	name      string
	installed installation.Installation
	manager   string // the path of the binary
}

// currentRelease is what this tree installs.
func currentRelease(t *testing.T, c *site.Cluster) release {
	t.Helper()
	installed, err := installation.Render(t.Context(), c.Plane.Kubectl(), site.Configs("default")...)
	if err != nil {
		t.Fatal(err)
	}
	return release{"this tree", installed, site.Binary(t, "manager")}
}

// previousRelease is the last release: its manifests are kept in testdata, and its manager is built from its commit. A
// clone without that commit, such as a shallow one, upgrades to itself: then the change of the leader in the middle of
// its work is all that is tested, which the test says. The manager of this tree with the definitions of another would
// be no release.
func previousRelease(t *testing.T, current release) release {
	t.Helper()
	installed, err := installation.Parse(readFile(t, filepath.Join(previousDir, "install.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	name, commit, found := strings.Cut(strings.TrimSpace(string(readFile(t, filepath.Join(previousDir, "commit")))), " ")
	if !found {
		t.Fatal("testdata/previous/commit does not say NAME COMMIT: run hack/upgrade-fixture.sh")
	}
	if _, err := git(t, "cat-file", "-e", commit+"^{commit}"); err != nil {
		t.Logf("this clone does not have commit %s, so this tree is upgraded to itself (%v)", commit, err)
		return release{"a copy of this tree", current.installed, current.manager}
	}
	return release{"the previous release " + name, installed, build(t, commit)}
}

// build builds the manager of a commit.
func build(t *testing.T, commit string) string {
	t.Helper()
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "manager")
	archive := filepath.Join(dir, "source.tar")
	text, err := git(t, "archive", "--output="+archive, commit, "go.mod", "go.sum", "api", "cmd", "internal")
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, command := range [][]string{
		{"tar", "-xf", archive},
		{"go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-X main.version=previous", "-o", out, "./cmd"},
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	return out
}

func git(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "git", arguments...)
	cmd.Dir = root
	text, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(text)), err
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestTheFixtureIsTheLastRelease fails after a release until its manifests are kept. The tag of the commit that is
// tested does not count: the release was tested before it had a tag.
func TestTheFixtureIsTheLastRelease(t *testing.T) {
	tag, err := git(t, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "HEAD^")
	if err != nil {
		t.Logf("this clone knows of no release: %s", tag)
		return
	}
	name, _, _ := strings.Cut(string(readFile(t, filepath.Join(previousDir, "commit"))), " ")
	if name != tag {
		t.Errorf("upgrades are tested from %s, and the last release is %s: run hack/upgrade-fixture.sh %s", name, tag, tag)
	}
}
