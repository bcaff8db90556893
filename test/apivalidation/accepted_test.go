// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

var fieldOwner = client.FieldOwner("apivalidation")

var _ = Describe("objects that people write", func() {
	for _, file := range mustGlob("testdata/accepted/*.yaml") {
		for _, object := range mustReadObjects(file) {
			It("accept "+object.GetKind()+" "+object.GetName(), func(ctx context.Context) { prove(ctx, object) })
		}
	}
})

var _ = Describe("samples", Ordered, func() {
	for _, file := range mustGlob("../../config/samples/[0-9]*.yaml") {
		for _, object := range mustReadObjects(file) {
			It("accept "+object.GetKind()+" "+object.GetName()+" in "+filepath.Base(file), func(ctx context.Context) {
				prove(ctx, object)
			})
		}
	}
})

var _ = DescribeTable("objects of the builder are accepted",
	func(ctx context.Context, object client.Object) {
		Expect(cluster.Create(ctx, object, client.DryRunAll)).To(Succeed())
	},
	Entry("SPSConnection", builder.SPSConnection("a", builder.TrustedCA("ca"), builder.URL("https://a"),
		builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}))),
	Entry("NPSConnection", builder.NPSConnection("a",
		builder.Grants(pamv1alpha1.Grant{Namespaces: []string{"a"}}))),
	Entry("NPSConnection of a user", builder.NPSConnection("a", builder.UserSignIn())),
	Entry("RDPConnectionPolicy", builder.RDPConnectionPolicy("a", builder.Port(3389), builder.Client("10.0.0.0/8"),
		builder.Target("10.0.0.1"), builder.Suspended(), builder.Connection("b", "c"))),
	Entry("LocalUser", builder.LocalUser("a", builder.PasswordFrom("b"), builder.Adopt(pamv1alpha1.AdoptionPolicyAlways))),
	Entry("LocalUserGroup", builder.LocalUserGroup("a", builder.Members("b"), builder.MemberRefs("c"))),
	Entry("LocalUserGroup of nobody", builder.LocalUserGroup("a", builder.Members())),
	Entry("ActivitySession", builder.ActivitySession("a", builder.BoundToJob("b"))),
	Entry("SessionTermination", builder.SessionTermination("a", "b")),
	Entry("SessionTermination of a policy", builder.SessionTermination("a", "", builder.OfPolicy("b"))),
	Entry("ApplianceExport", builder.ApplianceExport("a")),
	Entry("Namespace", builder.Namespace("a", builder.Label("b", "c"))),
	Entry("Secret", builder.Secret("a", map[string]string{"b": "c"}, builder.Annotation("d", "e"))),
)

// prove applies an object as a dry run, creates it, writes it back as a Go program does, which drops nulls and
// reformats durations, and applies it again as GitOps tools do. A namespace is kept, because nothing here would finish
// its deletion.
func prove(ctx context.Context, written *unstructured.Unstructured) {
	GinkgoHelper()
	Expect(apply(ctx, written, client.DryRunAll)).To(Succeed())

	created := written.DeepCopy()
	Expect(cluster.Create(ctx, created)).To(Succeed())
	if created.GetKind() != "Namespace" {
		DeferCleanup(cluster.Delete, created)
	}

	typed, err := scheme.Scheme.New(created.GroupVersionKind())
	Expect(err).NotTo(HaveOccurred())
	object, ok := typed.(client.Object)
	Expect(ok).To(BeTrue())
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(created), object)).To(Succeed())
	object.SetAnnotations(map[string]string{"example.com/seen": "true"})
	Expect(cluster.Update(ctx, object)).To(Succeed())
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(created), created)).To(Succeed())
	Expect(lost(written.Object["spec"], created.Object["spec"], "spec")).To(BeEmpty())

	Expect(apply(ctx, written)).To(Succeed())
}

// lost lists the members of an object that are missing in the result. A null may go: it means nothing. An empty text,
// an empty list or a false must stay, because an omitted field is not managed.
func lost(before, after any, path string) []string {
	var all []string
	switch before := before.(type) {
	case map[string]any:
		members, _ := after.(map[string]any)
		for name, value := range before {
			if _, kept := members[name]; !kept && value != nil {
				all = append(all, path+"."+name)
			}
			all = append(all, lost(value, members[name], path+"."+name)...)
		}
	case []any:
		items, _ := after.([]any)
		for index := range min(len(before), len(items)) {
			all = append(all, lost(before[index], items[index], path+"[]")...)
		}
	}
	return all
}

func apply(ctx context.Context, object *unstructured.Unstructured, options ...client.ApplyOption) error {
	configuration := client.ApplyConfigurationFromUnstructured(object.DeepCopy())
	return cluster.Apply(ctx, configuration, append(options, fieldOwner, client.ForceOwnership)...)
}

// mustGlob is for building the tree of tests; a pattern without matches would prove nothing.
func mustGlob(pattern string) []string {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		panic("no file is like " + pattern)
	}
	return files
}
