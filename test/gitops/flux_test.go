// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/verdict"
)

// TestFluxHasTheSameExpressionsForEveryKind makes sure that a new kind is not forgotten.
func TestFluxHasTheSameExpressionsForEveryKind(t *testing.T) {
	byKustomization, err := verdict.LoadExpressions(filepath.Join(root, "config", "flux", "sync.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	var first verdict.Expressions
	for _, expressions := range byKustomization {
		for _, e := range expressions {
			got = append(got, e.APIVersion+" "+e.Kind)
			if first.Kind == "" {
				first = e
			}
			e.Kind = first.Kind
			if diff := cmp.Diff(first, e); diff != "" {
				t.Errorf("two kinds have different expressions:\n%s", diff)
			}
		}
	}
	for _, kind := range kinds.All() {
		want = append(want, pamv1alpha1.GroupVersion.String()+" "+kind.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds with expressions -want +got:\n%s", diff)
	}
}

func TestFluxSaysWhatIsWrongWithAnExpression(t *testing.T) {
	connection := read(t, filepath.Join(wildcard, "testdata", "spsconnection", "synced-ready.yaml"))
	for name, text := range map[string]string{
		"a syntax error": "status.", "a text": "'x'", "no such field": "status.nothing == 1",
	} {
		t.Run(name, func(t *testing.T) {
			flux, err := verdict.NewFlux([]verdict.Expressions{{Kind: kinds.SPSConnection, Current: text}})
			if err == nil {
				_, err = flux.Status(t.Context(), connection)
			}
			if err == nil {
				t.Error("it is accepted")
			}
		})
	}
}
