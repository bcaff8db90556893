// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/installation"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestNoExportedObjectEverDiffers takes an export into Git: a policy for each form of each field, a user and a group
// are exported, applied by both tools, and none of them is ever called different.
func TestNoExportedObjectEverDiffers(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newSampleBed(t, theCluster(t), simnps.Options{})
	for i, name := range slices.Sorted(maps.Keys(builder.RDPFields)) {
		body, err := builder.RDPBody("policy "+strconv.Itoa(i), builder.RDPFields[name].Wire)
		if err != nil {
			t.Fatal(err)
		}
		b.sps.Put(rdpConnections, "", body)
	}
	alice := b.sps.Put("aaa/local_database/users", "", map[string]any{"name": "alice"})
	b.sps.Put("aaa/local_database/groups", "", map[string]any{"name": "auditors", "members": []any{alice}})
	for _, o := range append(b.read("samples/00_namespaces.yaml"), b.read("samples/01_spsconnection.yaml")...) {
		if _, err := b.apply(o, argocdManager); err != nil {
			t.Fatal(err)
		}
	}

	objects := b.export()
	if least := len(builder.RDPFields) + 2; len(objects) < least {
		t.Fatalf("%d objects are exported, want at least %d", len(objects), least)
	}
	b.applyAsBoth(objects)
	b.current(objects)
	for _, o := range objects {
		b.neverDiffers(t, o)
	}
	if opened := b.sps.Stats().TransactionsOpened; opened != 0 {
		t.Errorf("%d transactions were opened for objects that equal the appliance", opened)
	}
	b.manager.stop(t)
}

// export exports all that the appliance has, and returns the objects.
func (b *sampleBed) export() []*unstructured.Unstructured {
	b.Helper()
	namespace := b.namespaces["pam-system"]
	export := builder.ApplianceExport("everything", builder.InNamespace(namespace), builder.Connection("sps-prod", ""))
	if err := b.cluster.client.Create(b.Context(), export); err != nil {
		b.Fatal(err)
	}
	b.eventually(func(g Gomega) {
		g.Expect(b.cluster.client.Get(b.Context(), client.ObjectKeyFromObject(export), export)).To(Succeed())
		g.Expect(export.Status.Phase).To(Equal(pamv1alpha1.ExportCompleted), "%+v", export.Status.Conditions)
	})
	var objects []*unstructured.Unstructured
	for _, part := range export.Status.Parts {
		content, name := &corev1.ConfigMap{}, client.ObjectKey{Namespace: namespace, Name: part.Name}
		if err := b.cluster.client.Get(b.Context(), name, content); err != nil {
			b.Fatal(err)
		}
		for _, key := range slices.Sorted(maps.Keys(content.Data)) {
			decoded, err := installation.Decode([]byte(content.Data[key]))
			if err != nil {
				b.Fatal(err)
			}
			objects = append(objects, decoded...)
		}
	}
	return objects
}
