// SPDX-License-Identifier: Apache-2.0

// Package release tests what makes and publishes a release: hack/release.sh and the workflows. A workflow can publish
// in the project's name, so what it runs is pinned and what it may do is listed.
package release

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type workflow struct {
	On          map[string]any    `json:"on"`
	Permissions map[string]string `json:"permissions"`
	Jobs        map[string]job    `json:"jobs"`
}

type job struct {
	Environment string            `json:"environment"`
	Timeout     int               `json:"timeout-minutes"`
	Permissions map[string]string `json:"permissions"`
	Steps       []step            `json:"steps"`
}

type step struct {
	Uses string         `json:"uses"`
	Run  string         `json:"run"`
	With map[string]any `json:"with"`
}

// pinned is an action by commit, with the version behind it for the reader and for Dependabot.
var pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$`)

func TestActionsArePinnedToACommit(t *testing.T) {
	for name, text := range files(t) {
		for line := range strings.Lines(text) {
			_, action, found := strings.Cut(line, "uses: ")
			if found && !pinned.MatchString(strings.TrimSpace(action)) {
				t.Errorf("%s: %s is not ACTION@COMMIT # vVERSION", name, strings.TrimSpace(action))
			}
		}
	}
}

func TestJobsHaveTheLeastPermissions(t *testing.T) {
	writes := map[string][]string{
		"release.yml publish":    {"attestations", "contents", "id-token", "packages"},
		"scorecard.yml analysis": {"id-token", "security-events"},
	}
	for name, w := range workflows(t) {
		if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
			t.Errorf("%s: jobs that say nothing have %v, want contents: read", name, w.Permissions)
		}
		if _, found := w.On["pull_request_target"]; found {
			t.Errorf("%s: pull_request_target gives the code of strangers our rights", name)
		}
		for id, j := range w.Jobs {
			var got []string
			for permission, access := range j.Permissions {
				if access == "write" {
					got = append(got, permission)
				}
			}
			if slices.Sort(got); !slices.Equal(got, writes[name+" "+id]) {
				t.Errorf("%s: the job %s may write %v, want %v", name, id, got, writes[name+" "+id])
			}
		}
	}
}

func TestOnlyAnApprovedJobPublishes(t *testing.T) {
	for name, w := range workflows(t) {
		for id, j := range w.Jobs {
			if (j.Permissions["packages"] == "write") != (j.Environment == "release") {
				t.Errorf("%s: the job %s has the permissions %v and the environment %q", name, id, j.Permissions, j.Environment)
			}
		}
	}
}

func TestNoStepLeavesCredentialsOrRunsForever(t *testing.T) {
	for name, w := range workflows(t) {
		for id, j := range w.Jobs {
			if j.Timeout == 0 {
				t.Errorf("%s: the job %s has no timeout-minutes", name, id)
			}
			for _, s := range j.Steps {
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
					t.Errorf("%s: the job %s leaves the token in .git/config", name, id)
				}
				if strings.Contains(s.Run, "${{") {
					t.Errorf("%s: the job %s pastes an expression into a script, not an environment variable: %s", name, id, s.Run)
				}
			}
		}
	}
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	parsed := map[string]workflow{}
	for name, text := range files(t) {
		var w workflow
		// YAML 1.1 takes the key "on" for true.
		if err := yaml.Unmarshal([]byte(strings.Replace(text, "\non:", "\n\"on\":", 1)), &w); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		parsed[name] = w
	}
	return parsed
}

func files(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../.github/workflows/*.y*ml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no workflows, %v", err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(text)
	}
	return texts
}
