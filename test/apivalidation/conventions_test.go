// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("every kind", func() {
	It("is found by its short name and in the category pam", func() {
		shortNames := map[string]string{
			"SPSConnection": "spsc", "NPSConnection": "npsc", "RDPConnectionPolicy": "rdpcp", "LocalUser": "lu",
			"LocalUserGroup": "lug", "SessionTermination": "st", "ActivitySession": "as",
			"ApplianceExport": "aex",
		}
		found := map[string]string{}
		for _, resource := range resources() {
			Expect(resource.Categories).To(ContainElement("pam"), resource.Kind)
			Expect(resource.Namespaced).To(BeTrue(), resource.Kind)
			found[resource.Kind] = strings.Join(resource.ShortNames, " ")
		}
		Expect(cmp.Diff(shortNames, found)).To(BeEmpty())
	})

	It("shows Ready and its reason first, and the message with -o wide", func() {
		for _, crd := range crds {
			var shown, wide []string
			for _, column := range crd.Spec.Versions[0].AdditionalPrinterColumns {
				if column.Priority == 0 {
					shown = append(shown, column.Name)
				} else {
					wide = append(wide, column.Name)
				}
			}
			Expect(shown[:2]).To(Equal([]string{"Ready", "Reason"}), crd.Spec.Names.Kind)
			Expect(shown).To(ContainElement("Age"), crd.Spec.Names.Kind)
			Expect(wide).To(ContainElement("Message"), crd.Spec.Names.Kind)
		}
	})

	It("prints columns of fields that exist", func() {
		for _, crd := range crds {
			version := crd.Spec.Versions[0]
			for _, column := range version.AdditionalPrinterColumns {
				Expect(declares(version.Schema.OpenAPIV3Schema, column.JSONPath)).To(BeTrue(),
					crd.Spec.Names.Kind+" "+column.JSONPath)
			}
		}
	})

	It("describes every field", func() {
		for _, n := range allNodes() {
			if n.path != "" && !strings.HasSuffix(n.path, "[*]") {
				Expect(n.schema.Description).NotTo(BeEmpty(), n.kind+" "+n.path)
			}
		}
	})

	It("starts the description of a field with its name", func() {
		for _, n := range allNodes() {
			name := n.path[strings.LastIndex(n.path, ".")+1:]
			if n.path == "" || strings.HasSuffix(name, "[*]") {
				continue
			}
			Expect(n.schema.Description).To(HavePrefix(name+" "), n.kind+" "+n.path)
		}
	})

	It("has no default in its spec, because the operator never writes there", func() {
		for _, n := range allNodes() {
			if strings.HasPrefix(n.path, "spec") {
				Expect(n.schema.Default).To(BeNil(), n.kind+" "+n.path)
			}
		}
	})

	It("says by observedGeneration -1 that nobody has looked at it yet", func(ctx context.Context) {
		for _, object := range minimalObjects() {
			created := asUnstructured(object)
			Expect(cluster.Create(ctx, created, client.DryRunAll)).To(Succeed())
			generation, found, err := unstructured.NestedInt64(created.Object, "status", "observedGeneration")
			Expect(err).NotTo(HaveOccurred())
			Expect(found).To(BeTrue(), created.GetKind())
			Expect(generation).To(Equal(int64(-1)), created.GetKind())
		}
	})
})

var _ = Describe("field selectors", func() {
	It("are those that people and the operator need", func() {
		found := map[string][]string{}
		for _, crd := range crds {
			for _, field := range crd.Spec.Versions[0].SelectableFields {
				found[crd.Spec.Names.Kind] = append(found[crd.Spec.Names.Kind], field.JSONPath)
			}
		}
		Expect(cmp.Diff(map[string][]string{
			"SPSConnection":       {".spec.url"},
			"NPSConnection":       {".spec.url"},
			"RDPConnectionPolicy": {".spec.connectionRef.name"},
			"LocalUser":           {".spec.connectionRef.name"},
			"LocalUserGroup":      {".spec.connectionRef.name"},
			"SessionTermination":  {".spec.connectionRef.name", ".status.phase"},
			"ActivitySession":     {".spec.connectionRef.name", ".status.phase"},
			"ApplianceExport":     {".spec.connectionRef.name", ".status.phase"},
		}, found)).To(BeEmpty())
	})

	It("find the objects of one connection", func(ctx context.Context) {
		for _, object := range []client.Object{
			builder.RDPConnectionPolicy("one", builder.Connection("selected", "")),
			builder.RDPConnectionPolicy("another", builder.Connection("other", "")),
		} {
			Expect(cluster.Create(ctx, object)).To(Succeed())
			DeferCleanup(cluster.Delete, object)
		}
		var policies pamv1alpha1.RDPConnectionPolicyList
		Expect(cluster.List(ctx, &policies, client.MatchingFields{"spec.connectionRef.name": "selected"})).To(Succeed())
		Expect(policies.Items).To(ConsistOf(HaveField("Name", "one")))
	})

	It("find the sessions in one phase", func(ctx context.Context) {
		for name, phase := range map[string]pamv1alpha1.SessionPhase{
			"live": pamv1alpha1.SessionActive, "over": pamv1alpha1.SessionCompleted,
		} {
			session := builder.ActivitySession(name)
			Expect(cluster.Create(ctx, session)).To(Succeed())
			DeferCleanup(cluster.Delete, session)
			session.Status.Phase = phase
			Expect(cluster.Status().Update(ctx, session)).To(Succeed())
		}
		var sessions pamv1alpha1.ActivitySessionList
		Expect(cluster.List(ctx, &sessions, client.MatchingFields{"status.phase": "Active"})).To(Succeed())
		Expect(sessions.Items).To(ConsistOf(HaveField("Name", "live")))
	})
})

func minimalObjects() []client.Object {
	return builder.Every("a")
}

// resources is what the API server tells kubectl about the kinds.
func resources() []metav1.APIResource {
	GinkgoHelper()
	server, err := discovery.NewDiscoveryClientForConfig(plane.Config)
	Expect(err).NotTo(HaveOccurred())
	list, err := server.ServerResourcesForGroupVersion(pamv1alpha1.GroupVersion.String())
	Expect(err).NotTo(HaveOccurred())
	return slices.DeleteFunc(list.APIResources, func(resource metav1.APIResource) bool {
		return strings.Contains(resource.Name, "/")
	})
}

// declares reports whether a schema has what a column shows: a condition, or a field.
func declares(schema *apiextensionsv1.JSONSchemaProps, jsonPath string) bool {
	path, _, _ := strings.Cut(strings.TrimPrefix(jsonPath, "."), "[")
	if strings.HasPrefix(path, "metadata.") {
		return true
	}
	at := *schema
	for _, name := range strings.Split(path, ".") {
		next, found := at.Properties[name]
		if !found {
			return false
		}
		at = next
	}
	return true
}
