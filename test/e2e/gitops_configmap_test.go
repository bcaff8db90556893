// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

// settings are those of an Argo CD that has customizations already.
var settings = map[string]string{
	"url": "https://argocd.example.com", "resource.customizations": "\"*.example.com/*\":\n  health.lua: return {}\n",
}

// TestInstallingTheCustomizationsKeepsOtherSettings does it in both ways that docs/gitops.md names.
func TestInstallingTheCustomizationsKeepsOtherSettings(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	in := builder.InNamespace("argocd")
	c.apply(t, builder.Namespace("argocd"))
	before := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "argocd-cm"}, Data: settings,
	}
	in(before)
	manifest, err := builder.Manifest(before)
	if err != nil {
		t.Fatal(err)
	}
	c.apply(t, before)
	folder, err := filepath.Abs("../../config/argocd")
	if err != nil {
		t.Fatal(err)
	}

	c.kubectl(t, "", "patch", "configmap", "argocd-cm", "-n", "argocd",
		"--patch-file", filepath.Join(folder, "argocd-cm.yaml"))
	after := &corev1.ConfigMap{}
	if err := c.client.Get(t.Context(), client.ObjectKeyFromObject(before), after); err != nil {
		t.Fatal(err)
	}
	expectCustomizations(t, after.Data)

	overlay := t.TempDir()
	up, err := filepath.Rel(overlay, folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cm.yaml": manifest, "kustomization.yaml": "resources: [cm.yaml]\ncomponents: [" + up + "]\n",
	} {
		if err := os.WriteFile(filepath.Join(overlay, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var rendered corev1.ConfigMap
	if err := yaml.Unmarshal([]byte(c.kubectl(t, "", "kustomize", overlay)), &rendered); err != nil {
		t.Fatal(err)
	}
	expectCustomizations(t, rendered.Data)
}

// expectCustomizations expects the settings from before, and two entries for each of our kinds.
func expectCustomizations(t *testing.T, data map[string]string) {
	t.Helper()
	kept, added := map[string]string{}, 0
	for key, value := range data {
		if strings.Contains(key, "pam-operator.io_") {
			added++
		} else {
			kept[key] = value
		}
	}
	if diff := cmp.Diff(settings, kept); diff != "" {
		t.Errorf("other settings -before +after:\n%s", diff)
	}
	if want := 2 * len(kinds.All()); added != want {
		t.Errorf("%d entries for our kinds, want %d", added, want)
	}
}
