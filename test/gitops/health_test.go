// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/verdict"
)

// healthTests is the format of Argo CD's own tests.
type healthTests struct {
	Tests []healthTest `json:"tests"`
}

type healthTest struct {
	InputPath    string         `json:"inputPath"`
	HealthStatus verdict.Health `json:"healthStatus"`
}

// TestHealthOfEveryExample compares what the script says with health_test.yaml, which Argo CD's own tests read, too.
func TestHealthOfEveryExample(t *testing.T) {
	argocd, all := judges(t).ArgoCD, healthTests{}
	for _, e := range examples(t) {
		if e.state.Deleting {
			continue // no script is asked
		}
		health, err := argocd.Health(t.Context(), e.object)
		if err != nil {
			t.Errorf("%s: %v", e.file, err)
		}
		all.Tests = append(all.Tests, healthTest{"testdata/" + e.file, health})
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, filepath.Join(wildcard, "health_test.yaml"), string(text))
}

// wanted are the verdicts on a state, by what it means: whether somebody acts, waits, or holds the object on purpose.
func wanted(s verdict.State) verdict.Verdict {
	switch {
	case s.Deleting:
		return verdict.Verdict{ArgoCD: verdict.Progressing, KStatus: "Terminating"}
	case s.Class == verdict.Stalled:
		return verdict.Verdict{ArgoCD: verdict.Degraded, KStatus: "Failed", Flux: "Failed"}
	case s.Class == verdict.Ready:
		return verdict.Verdict{ArgoCD: verdict.Healthy, KStatus: "Current", Flux: "Current"}
	case s.Reason == pamv1alpha1.ReasonSuspended:
		return verdict.Verdict{ArgoCD: verdict.Suspended, KStatus: "InProgress", Flux: "Current"}
	case s.Reason == pamv1alpha1.ReasonWaitingForApproval,
		s.Reason == pamv1alpha1.ReasonProgressing && s.Phase == string(pamv1alpha1.SessionScheduled):
		return verdict.Verdict{ArgoCD: verdict.Suspended, KStatus: "InProgress", Flux: "InProgress"}
	}
	return verdict.Verdict{ArgoCD: verdict.Progressing, KStatus: "InProgress", Flux: "InProgress"}
}

func TestEveryToolTellsTheTruthAboutEveryState(t *testing.T) {
	j := judges(t)
	for _, e := range examples(t) {
		got, err := j.Judge(t.Context(), e.object)
		if err != nil {
			t.Errorf("%s: %v", e.file, err)
			continue
		}
		want := wanted(e.state)
		if e.state.Deleting { // Flux asks nobody about an object that it has deleted
			want.Flux = got.Flux
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", e.file, got, want)
		}
	}
}

func TestEveryExampleIsInTheStateOfItsName(t *testing.T) {
	for _, e := range examples(t) {
		if name := e.state.File(); name != e.file {
			t.Errorf("%s is in the state %s", e.file, name)
		}
	}
}

// TestEveryReasonAndPhaseHasAnExample names what the specs of internal/controller have to record: make examples.
func TestEveryReasonAndPhaseHasAnExample(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range examples(t) {
		seen[e.state.Kind+" "+e.state.Phase] = true
		seen[e.state.Kind+" "+string(e.state.Class)] = true
		conditions, _, err := unstructured.NestedSlice(e.object.Object, "status", "conditions")
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range conditions {
			condition, _ := each.(map[string]any)
			reason, _ := condition["reason"].(string)
			seen[reason] = true
		}
	}
	for _, what := range wantedExamples() {
		if !seen[what] {
			t.Errorf("no example: %s", what)
		}
	}
}

// wantedExamples are all reasons, all phases of requests, and all classes of each kind.
func wantedExamples() []string {
	wanted := pamv1alpha1.AllReasons()
	for _, phase := range pamv1alpha1.AllSessionPhases() {
		wanted = append(wanted, "ActivitySession "+string(phase))
	}
	for _, phase := range []pamv1alpha1.TerminationPhase{
		pamv1alpha1.TerminationPending, pamv1alpha1.TerminationRunning, pamv1alpha1.TerminationSucceeded,
		pamv1alpha1.TerminationFailed,
	} {
		wanted = append(wanted, "SessionTermination "+string(phase))
	}
	for _, phase := range []pamv1alpha1.ExportPhase{
		pamv1alpha1.ExportPending, pamv1alpha1.ExportRunning, pamv1alpha1.ExportCompleted, pamv1alpha1.ExportFailed,
	} {
		wanted = append(wanted, "ApplianceExport "+string(phase))
	}
	for _, kind := range kinds.All() {
		for _, class := range []verdict.Class{verdict.Ready, verdict.Waiting, verdict.Stalled, verdict.Held} {
			wanted = append(wanted, kind.Name+" "+string(class))
		}
	}
	return wanted
}

// TestTheScriptNeedsNoCompleteObject gives the script arbitrary objects, and compares it with the rules.
func TestTheScriptNeedsNoCompleteObject(t *testing.T) {
	argocd := judges(t).ArgoCD
	rapid.Check(t, func(r *rapid.T) {
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": pamv1alpha1.GroupVersion.String(), "kind": "ActivitySession",
			"metadata": map[string]any{"name": "x", "generation": int64(2)},
		}}
		conditions, is := drawConditions(r)
		observed := rapid.SampledFrom([]any{nil, int64(-1), int64(1), int64(2)}).Draw(r, "observedGeneration")
		if rapid.Bool().Draw(r, "has status") {
			status := map[string]any{"conditions": conditions}
			if observed != nil {
				status["observedGeneration"] = observed
			}
			o.Object["status"] = status
		} else {
			observed = nil
		}
		health, err := argocd.Health(t.Context(), o)
		if err != nil {
			r.Fatal(err)
		}
		if want := statusOf(observed, is); health.Status != want {
			r.Fatalf("got %s, want %s", health.Status, want)
		}
	})
}

// drawConditions draws conditions, which may lack whatever the API server does not guarantee, and gives them by type.
func drawConditions(r *rapid.T) (all []any, is map[string]map[string]any) {
	is = map[string]map[string]any{}
	for _, condition := range []string{"Ready", "Reconciling", "Stalled", "InsecureTLS"} {
		if !rapid.Bool().Draw(r, condition) {
			continue
		}
		status := rapid.SampledFrom([]string{"True", "False", "Unknown"}).Draw(r, "status")
		c := map[string]any{"type": condition, "status": status}
		if rapid.Bool().Draw(r, "has reason") {
			c["reason"] = rapid.SampledFrom(pamv1alpha1.AllReasons()).Draw(r, "reason")
			c["message"] = rapid.String().Draw(r, "message")
		}
		is[condition] = c
		all = append(all, c)
	}
	return all, is
}

// statusOf is the health of an ActivitySession without a phase by the rules.
func statusOf(observed any, is map[string]map[string]any) string {
	held := []any{pamv1alpha1.ReasonSuspended, pamv1alpha1.ReasonWaitingForApproval}
	switch {
	case observed != int64(2):
		return verdict.Progressing
	case is["Stalled"]["status"] == "True":
		return verdict.Degraded
	case is["Ready"]["status"] == "True":
		return verdict.Healthy
	case slices.Contains(held, is["Ready"]["reason"]):
		return verdict.Suspended
	}
	return verdict.Progressing
}

// TestWarningsAboutAConnectionAreShown looks at connections that work and have something wrong with them.
func TestWarningsAboutAConnectionAreShown(t *testing.T) {
	argocd, found := judges(t).ArgoCD, 0
	for _, e := range examples(t) {
		if e.state.Class != verdict.Ready || e.state.Deleting {
			continue
		}
		health, err := argocd.Health(t.Context(), e.object)
		if err != nil {
			t.Fatal(err)
		}
		for _, warning := range e.state.Warnings {
			found++
			if want := fmt.Sprintf("; %s: ", warning); !strings.Contains(health.Message, want) {
				t.Errorf("%s: %q does not contain %q", e.file, health.Message, want)
			}
		}
	}
	if found == 0 {
		t.Error("no example has a warning")
	}
}
