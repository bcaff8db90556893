// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryValuesFileIsLintedByBothHelms(t *testing.T) {
	for _, name := range ciNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for version, h := range map[string]helm{"Helm 4": helm4(t), "Helm 3": helm3(t)} {
				if _, err := h.run(t.Context(), append([]string{"lint", "--strict", chartDir}, ciFile(name)...)...); err != nil {
					t.Errorf("%s: %v", version, err)
				}
			}
		})
	}
}

// TestBothHelmsRenderTheSame is for the oldest Kubernetes of the chart: a Helm that was built from source claims to be
// made for another one.
func TestBothHelmsRenderTheSame(t *testing.T) {
	for _, name := range ciNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			four, three := map[string]any{}, map[string]any{}
			arguments := append(ciFile(name), "--kube-version", "1.30.0")
			for _, o := range helm4(t).render(t, arguments...) {
				four[identify(o)] = o.Object
			}
			for _, o := range helm3(t).render(t, arguments...) {
				three[identify(o)] = o.Object
			}
			if diff := cmp.Diff(three, four); diff != "" {
				t.Errorf("Helm 3 (-) and Helm 4 (+) differ:\n%s", diff)
			}
		})
	}
}
