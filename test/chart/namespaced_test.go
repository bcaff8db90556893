// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/demo"
)

// clusterAdministrator renders what a cluster administrator applies for an operator of some namespaces, as
// docs/install.md says: the templates of which every object is for the whole cluster.
var clusterAdministrator = []string{
	"--set", "watchNamespaces={pam-system,payments}",
	"--show-only", "templates/crds.yaml", "--show-only", "templates/rbac-users.yaml",
	"--show-only", "templates/admission-policy.yaml",
}

var inNamespaces = []string{
	"Deployment", "NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount",
}

func TestNothingForTheWholeCluster(t *testing.T) {
	h := helm4(t)
	for _, name := range []string{"namespaced", "no-namespace-rights"} {
		for _, o := range h.render(t, ciFile(name)...) {
			if !slices.Contains(inNamespaces, o.GetKind()) || o.GetNamespace() == "" {
				t.Errorf("%s: %s", name, identify(o))
			}
		}
	}
}

func TestTheClusterAdministratorInstallsTheRest(t *testing.T) {
	h := helm4(t)
	for _, o := range h.render(t, clusterAdministrator...) {
		if slices.Contains(inNamespaces, o.GetKind()) || o.GetNamespace() != "" {
			t.Errorf("%s is in a namespace", identify(o))
		}
		if rules, _, _ := unstructured.NestedSlice(o.Object, "rules"); o.GetName() == "pam-operator-manager-identity" &&
			o.GetKind() == "ClusterRole" && len(rules) != 1 {
			t.Errorf("the manager's identity has %d rules", len(rules))
		}
	}
}

// TestRightsOnNamespacesAreLeftOut is for managers that must not read namespaces, in both modes.
func TestRightsOnNamespacesAreLeftOut(t *testing.T) {
	h := helm4(t)
	for name, values := range map[string]object{
		"all namespaces":  {"rbac": object{"readNamespaces": false}},
		"some namespaces": {"rbac": object{"readNamespaces": false}, "watchNamespaces": []string{"payments"}},
	} {
		t.Run(name, func(t *testing.T) {
			objects := h.render(t, withValues(t, values)...)
			for _, o := range objects {
				rules, _, _ := unstructured.NestedSlice(o.Object, "rules")
				for _, rule := range rules {
					members, _ := rule.(object)
					if resources, _ := members["resources"].([]any); slices.Contains(resources, any("namespaces")) {
						t.Errorf("%s has %v", identify(o), rule)
					}
				}
			}
			arguments := deployment(t, objects).Spec.Template.Spec.Containers[0].Args
			if !slices.Contains(arguments, "--namespace-labels=false") {
				t.Errorf("the manager reads namespaces: %v", arguments)
			}
		})
	}
}

// TestTheRolesOfSomeNamespacesAreEnough runs the manager with exactly what ci/namespaced-values.yaml gives it, and with
// the policies that a cluster administrator installs, until every sample is ready.
func TestTheRolesOfSomeNamespacesAreEnough(t *testing.T) {
	h, dir := helm4(t), t.TempDir()
	for _, folder := range []string{"crd", "samples"} {
		from := os.DirFS(filepath.Join(root, "config", folder))
		if err := os.CopyFS(filepath.Join(dir, "config", folder), from); err != nil {
			t.Fatal(err)
		}
	}
	for folder, arguments := range map[string][]string{
		"namespaced":                           ciFile("namespaced"),
		filepath.Join("namespaced", "cluster"): clusterAdministrator,
	} {
		text, err := h.template(t.Context(), chartDir, arguments...)
		if err != nil {
			t.Fatal(err)
		}
		writeKustomization(t, filepath.Join(dir, "config", folder), text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := demo.Run(ctx, demo.Options{
		Root: dir, Bin: filepath.Join(root, "bin"), Namespaced: true, Once: true, Timeout: 3 * time.Minute, Out: &out,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"rdp-finance", "rdp-auditors", "alice", "Synced", "Active"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// writeKustomization writes a rendering into a folder from which kustomize reads it.
func writeKustomization(t *testing.T, dir, manifest string) {
	t.Helper()
	for name, content := range map[string]string{
		"kustomization.yaml": "resources: [chart.yaml]\n", "chart.yaml": manifest,
	} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
