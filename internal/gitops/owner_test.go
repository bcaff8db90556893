// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOwnerOf(t *testing.T) {
	t.Parallel()
	const tracking = "payments:pam-operator.io/ActivitySession:ns/name"
	for what, c := range map[string]struct {
		annotations, labels map[string]string
		want                string
	}{
		"nobody": {},
		"Argo CD, by its annotation": {
			annotations: map[string]string{ArgoTracking: tracking}, want: "the Argo CD application payments",
		},
		"Argo CD, in a namespace of applications": {
			annotations: map[string]string{ArgoTracking: "argocd_payments:pam-operator.io/ActivitySession:ns/name"},
			want:        "the Argo CD application argocd_payments",
		},
		"nobody, because the annotation was copied from another object": {
			annotations: map[string]string{ArgoTracking: "payments:pam-operator.io/ActivitySession:ns/other"},
		},
		"nobody, because the annotation was copied from another namespace": {
			annotations: map[string]string{ArgoTracking: "payments:pam-operator.io/ActivitySession:other/name"},
		},
		"nobody, because the annotation is no tracking id": {annotations: map[string]string{ArgoTracking: "payments"}},
		"Argo CD, by its own label": {
			labels: map[string]string{ArgoInstance: "payments"}, want: "the Argo CD application payments",
		},
		"nobody, because every Helm chart has this label": {labels: map[string]string{"app.kubernetes.io/instance": "a"}},
		"a Flux Kustomization": {
			labels: map[string]string{FluxKustomization: "apps", FluxKustomizationNamespace: "flux-system"},
			want:   "the Flux Kustomization flux-system/apps",
		},
		"a Flux Kustomization without a namespace": {
			labels: map[string]string{FluxKustomization: "apps"}, want: "the Flux Kustomization apps",
		},
		"a Flux HelmRelease": {
			labels: map[string]string{FluxHelmRelease: "apps", FluxHelmReleaseNamespace: "apps"},
			want:   "the Flux HelmRelease apps/apps",
		},
		"nobody, because it is a hook of Argo CD": {
			annotations: map[string]string{ArgoTracking: tracking, ArgoHook: "PreSync"},
		},
		"nobody, because it is a hook of Helm": {
			annotations: map[string]string{HelmHook: "pre-upgrade"}, labels: map[string]string{FluxHelmRelease: "apps"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			object := &metav1.ObjectMeta{Namespace: "ns", Name: "name", Annotations: c.annotations, Labels: c.labels}
			if got := OwnerOf(object); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
