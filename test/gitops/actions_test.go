// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/verdict"
)

// actionTests is the format of Argo CD's own tests.
type actionTests struct {
	Discovery []discoveryTest `json:"discoveryTests"`
	Actions   []actionTest    `json:"actionTests"`
}

type discoveryTest struct {
	InputPath string           `json:"inputPath"`
	Result    []verdict.Action `json:"result"`
}

type actionTest struct {
	Action             string `json:"action"`
	InputPath          string `json:"inputPath"`
	ExpectedOutputPath string `json:"expectedOutputPath"`
}

// changes is all that an action changes. The time is a placeholder.
var changes = map[string]string{
	"reconcile": `{"metadata":{"annotations":{"pam-operator.io/reconcile-requested-at":"now"}}}`,
	"refresh":   `{"metadata":{"annotations":{"pam-operator.io/refresh-requested-at":"now"}}}`,
	"cancel":    `{"spec":{"cancel":true}}`,
	"suspend":   `{"spec":{"suspend":true}}`,
	"resume":    `{"spec":{"suspend":false}}`,
}

var now = regexp.MustCompile(`(-requested-at"?: ?)"?20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"?`)

// TestMenuOfEveryExample compares the actions of every state with action_test.yaml, and applies those that can be
// chosen.
func TestMenuOfEveryExample(t *testing.T) {
	argocd := judges(t).ArgoCD
	byKind := map[string]*actionTests{}
	for _, e := range examples(t) {
		if e.state.Deleting {
			continue
		}
		menu, err := argocd.Actions(t.Context(), e.object)
		if err != nil {
			t.Fatalf("%s: %v", e.file, err)
		}
		tests := byKind[e.state.Kind]
		if tests == nil {
			tests = &actionTests{}
			byKind[e.state.Kind] = tests
		}
		input := "../../_/testdata/" + e.file
		tests.Discovery = append(tests.Discovery, discoveryTest{input, menu})
		for _, action := range menu {
			known := func(t actionTest) bool { return t.Action == action.Name }
			if action.Disabled || slices.ContainsFunc(tests.Actions, known) {
				continue
			}
			output := "testdata/" + action.Name + ".yaml"
			tests.Actions = append(tests.Actions, actionTest{action.Name, input, output})
			compare(t, filepath.Join(customizations, e.state.Kind, "actions", output), act(t, argocd, e, action.Name))
		}
	}
	for kind, tests := range byKind {
		text, err := yaml.Marshal(tests)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Join(customizations, kind, "actions", "action_test.yaml"), string(text))
	}
}

// act returns what an action makes of an example, and makes sure that it changes nothing else.
func act(t *testing.T, argocd verdict.ArgoCD, e example, action string) string {
	t.Helper()
	changed, err := argocd.Act(t.Context(), e.object, action)
	if err != nil {
		t.Fatalf("%s: %v", e.file, err)
	}
	patch, err := jsonpatch.CreateMergePatch(encode(t, e.object), encode(t, changed))
	if err != nil {
		t.Fatal(err)
	}
	got := now.ReplaceAllString(string(patch), `$1"now"`)
	if diff := cmp.Diff(changes[action], got); diff != "" {
		t.Errorf("%s of %s -want +got:\n%s", action, e.file, diff)
	}
	text, err := yaml.Marshal(changed.Object)
	if err != nil {
		t.Fatal(err)
	}
	return now.ReplaceAllString(string(text), `$1"2026-01-02T03:04:05Z"`)
}

func encode(t *testing.T, o *unstructured.Unstructured) []byte {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOnlyWhatCanStillHappenCanBeChosen states which actions make sense in a phase.
func TestOnlyWhatCanStillHappenCanBeChosen(t *testing.T) {
	argocd := judges(t).ArgoCD
	for _, e := range examples(t) {
		if e.state.Deleting {
			continue
		}
		menu, err := argocd.Actions(t.Context(), e.object)
		if err != nil {
			t.Fatal(err)
		}
		var enabled []string
		for _, action := range menu {
			if !action.Disabled {
				enabled = append(enabled, action.Name)
			}
		}
		if got, want := strings.Join(enabled, " "), choices(e); got != want {
			t.Errorf("%s: got %q, want %q", e.file, got, want)
		}
	}
}

// choices are the actions that make sense for an example.
func choices(e example) string {
	phase, _, _ := unstructured.NestedString(e.object.Object, "status", "phase")
	suspended, _, _ := unstructured.NestedBool(e.object.Object, "spec", "suspend")
	cancelled, _, _ := unstructured.NestedBool(e.object.Object, "spec", "cancel")
	over := pamv1alpha1.SessionPhase(phase).Terminal() || phase == string(pamv1alpha1.TerminationSucceeded)
	switch {
	case over:
		return ""
	case e.state.Kind == kinds.SPSConnection || e.state.Kind == kinds.NPSConnection:
		if suspended {
			return "reconcile resume"
		}
		return "reconcile suspend"
	case e.state.Kind != kinds.ActivitySession:
		return "reconcile"
	case phase == string(pamv1alpha1.SessionActive) && cancelled:
		return "reconcile refresh"
	case phase == string(pamv1alpha1.SessionActive):
		return "cancel reconcile refresh"
	case phase == string(pamv1alpha1.SessionEnding) || cancelled:
		return "reconcile"
	}
	return "cancel reconcile"
}

// TestEveryKindHasItsCustomizations compares the folders with the table of kinds.
func TestEveryKindHasItsCustomizations(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(customizations, "[A-Z]*", "actions", "discovery.lua"))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, folder := range folders {
		got = append(got, filepath.Base(filepath.Dir(filepath.Dir(folder))))
	}
	for _, kind := range kinds.All() {
		want = append(want, kind.Name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folders in %s -want +got:\n%s", customizations, diff)
	}
}
