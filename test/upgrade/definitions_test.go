// SPDX-License-Identifier: Apache-2.0

// Package upgrade starts a manager before the definitions that it needs are there.
package upgrade

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/site"
)

// TestAManagerDoesNotStartWithOlderDefinitions: CRDs that are managed apart from the manager may be older than it. One
// that worked with them would lose what it writes, such as the mark of a request.
func TestAManagerDoesNotStartWithOlderDefinitions(t *testing.T) {
	t.Parallel()
	c := site.NewCluster(t, controlplane.Options{})
	current, err := installation.Render(t.Context(), c.Plane.Kubectl(), site.Configs("default")...)
	if err != nil {
		t.Fatal(err)
	}
	older := current
	older.Definitions = nil
	for _, o := range current.Definitions {
		switch {
		case strings.HasPrefix(o.GetName(), "applianceexports."): // a later version's kind
			continue
		case strings.HasPrefix(o.GetName(), "activitysessions."):
			o = withoutStatusField(t, o, "firstRequestSentTime")
		}
		older.Definitions = append(older.Definitions, o)
	}
	c.Install(t, older)
	_, kubeconfig := c.Identity(t, current)
	command := append([]string{site.Binary(t, "manager")}, current.Arguments(kubeconfig)...)

	refusing := site.StartManager(t, command...)
	c.Eventually(t, func(g Gomega) {
		g.Expect(refusing.Log()).To(And(ContainSubstring("the manager stops"), ContainSubstring(
			"apply its CRDs first; "+
				"missing: ActivitySession.status.firstRequestSentTime, ApplianceExport")))
	})

	waiting := site.StartManager(t, command...)
	c.Install(t, current)
	c.Eventually(t, func(g Gomega) { g.Expect(waiting.Log()).To(ContainSubstring("Successfully acquired lease")) })
	waiting.Stop()
}

// withoutStatusField is a copy of a definition, as it was before a version added a field to the status.
func withoutStatusField(t *testing.T, definition *unstructured.Unstructured, name string) *unstructured.Unstructured {
	t.Helper()
	older := definition.DeepCopy()
	versions, _, err := unstructured.NestedSlice(older.Object, "spec", "versions")
	if err != nil || len(versions) != 1 {
		t.Fatal("the definition does not have one version: ", err)
	}
	path := []string{"schema", "openAPIV3Schema", "properties", "status", "properties", name}
	version, _ := versions[0].(map[string]any)
	if _, found, _ := unstructured.NestedMap(version, path...); !found {
		t.Fatal("there is no field " + name)
	}
	unstructured.RemoveNestedField(version, path...)
	if err := unstructured.SetNestedSlice(older.Object, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
	return older
}
