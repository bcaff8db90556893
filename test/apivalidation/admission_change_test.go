// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	changesNamespace = "policed-changes"
	// ownersNamespace is the namespace of a connection's owner.
	ownersNamespace = "policed-owners"
)

// referring is one object of each kind that refers to a connection.
func referring() []client.Object {
	in := builder.InNamespace(changesNamespace)
	asked := func(o client.Object) {
		if session, ok := o.(*pamv1alpha1.ActivitySession); ok {
			session.Spec.RequestedBy = "ann"
		}
	}
	return builder.EveryReferrer("a", in, asked)
}

// as returns a client for another user.
func as(name string, groups ...string) client.Client {
	GinkgoHelper()
	config := rest.CopyConfig(plane.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// bind binds a user to a shipped role, in one namespace.
func bind(ctx context.Context, name, namespace, role string) {
	GinkgoHelper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: role + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}
	Expect(cluster.Create(ctx, binding)).To(Succeed())
	DeferCleanup(cluster.Delete, binding)
}

// police activates the policy in one namespace.
func police(ctx context.Context, namespace string) {
	GinkgoHelper()
	for _, object := range mustReadObjects("../../config/admission/connection_use.yaml") {
		if object.GetKind() == "ValidatingAdmissionPolicyBinding" {
			object = merged(object, `spec: {policyName: `+namespace+`, matchResources: {namespaceSelector: {matchLabels: `+
				`{kubernetes.io/metadata.name: `+namespace+`}}}}`)
		}
		object.SetName(namespace)
		Expect(cluster.Create(ctx, object)).To(Succeed())
		DeferCleanup(cluster.Delete, object)
	}
}

var _ = Describe("the admission policy, with the roles that are shipped", Ordered, func() {
	BeforeAll(func(ctx context.Context) {
		for _, name := range []string{changesNamespace, ownersNamespace} {
			Expect(cluster.Create(ctx, builder.Namespace(name))).To(Succeed())
		}
		names := []string{"connection_user", "appliance_exporter"}
		for _, kind := range kinds.All() {
			name := strings.ToLower(kind.Name)
			names = append(names, name+"_editor", name+"_viewer")
		}
		for _, name := range names {
			for _, object := range mustReadObjects("../../config/rbac/" + name + "_role.yaml") {
				Expect(cluster.Create(ctx, object)).To(Succeed())
				DeferCleanup(cluster.Delete, object)
			}
		}
		police(ctx, changesNamespace)
	})

	// ask tries to create a session through the owner's connection.
	ask := func(ctx context.Context, who client.Client, options ...builder.Option) error {
		options = append(options, builder.InNamespace(changesNamespace), builder.Connection("nps", ownersNamespace))
		return who.Create(ctx, builder.ActivitySession("a", options...), client.DryRunAll)
	}

	It("lets a requester ask who has use in the namespace of the connection, and nobody else", func(ctx context.Context) {
		ann := as("ann")
		Expect(ask(ctx, ann)).To(MatchError(ContainSubstring("cannot create resource")))
		bind(ctx, "ann", changesNamespace, "activitysession-editor-role")
		bind(ctx, "ann", changesNamespace, "connection-user")          // of another namespace
		bind(ctx, "ann", ownersNamespace, "npsconnection-viewer-role") // to see it is not to use it
		const refusal = "ann needs the verb use on npsconnections nps in namespace " + ownersNamespace
		Eventually(ask).WithArguments(ctx, ann).Should(
			SatisfyAll(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring(refusal))))

		bind(ctx, "ann", ownersNamespace, "connection-user")
		Eventually(ask).WithArguments(ctx, ann, builder.RequestedBy("ann")).Should(Succeed())
		Expect(ask(ctx, ann)).To(MatchError(ContainSubstring("spec.requestedBy must be ann")))
		Expect(ask(ctx, ann, builder.RequestedBy("bob"))).To(
			MatchError(ContainSubstring("spec.requestedBy must be ann, who creates this object")))
	})

	It("takes a ServiceAccount by its whole name", func(ctx context.Context) {
		const name = "system:serviceaccount:" + changesNamespace + ":nightly"
		nightly := as(name)
		bind(ctx, name, changesNamespace, "activitysession-editor-role")
		bind(ctx, name, ownersNamespace, "connection-user")
		Eventually(ask).WithArguments(ctx, nightly, builder.RequestedBy(name)).Should(Succeed())
		Expect(ask(ctx, nightly, builder.RequestedBy("nightly"))).To(
			MatchError(ContainSubstring("spec.requestedBy must be " + name)))
	})

	It("gives the owner of connections these, and neither their use nor their Secrets", func(ctx context.Context) {
		olga := as("olga")
		bind(ctx, "olga", ownersNamespace, "npsconnection-editor-role")
		bind(ctx, "olga", changesNamespace, "activitysession-editor-role")
		create := func() error {
			return olga.Create(ctx, builder.NPSConnection("nps", builder.InNamespace(ownersNamespace)), client.DryRunAll)
		}
		Eventually(create).Should(Succeed())
		Expect(ask(ctx, olga)).To(MatchError(ContainSubstring("olga needs the verb use on npsconnections nps")))
		secret := builder.Secret("nps-credentials", nil, builder.InNamespace(ownersNamespace))
		Expect(olga.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Satisfy(apierrors.IsForbidden))
		Expect(as("ann").Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Satisfy(apierrors.IsForbidden))
	})

	It("refuses a change of the reference in every kind, even if the definition allows it", func(ctx context.Context) {
		for _, object := range referring() {
			Expect(as("ann", "system:masters").Create(ctx, object)).To(Succeed())
			DeferCleanup(cluster.Delete, object)
		}
		for _, object := range referring() {
			bind(ctx, "carl", changesNamespace, strings.ToLower(kindOf(object))+"-editor-role")
		}
		loosen(ctx)
		carl := as("carl")
		try := func(object client.Object, patch string) error {
			copied, _ := object.DeepCopyObject().(client.Object)
			return carl.Patch(ctx, copied, client.RawPatch(types.MergePatchType, toJSON(patch)), client.DryRunAll)
		}
		const elsewhere = `spec: {connectionRef: {name: other, namespace: ` + ownersNamespace + `}}`
		for _, object := range referring() {
			refusal := "connections other in namespace " + ownersNamespace
			verb := "use"
			if _, isExport := object.(*pamv1alpha1.ApplianceExport); isExport { // its connection is always beside it
				refusal, verb = "connections other in namespace "+changesNamespace, "export"
			}
			Eventually(try).WithArguments(object, elsewhere).Should(SatisfyAll(Satisfy(apierrors.IsForbidden), MatchError(
				ContainSubstring("carl needs the verb "+verb+" on ")), MatchError(ContainSubstring(refusal))), kindOf(object))
			Expect(try(object, `metadata: {labels: {a: b}}`)).To(Succeed(), "what is no reference may be changed")
		}
		session := builder.ActivitySession("a", builder.InNamespace(changesNamespace))
		Expect(try(session, `spec: {requestedBy: carl}`)).To(MatchError(ContainSubstring("carl needs the verb use")))

		bind(ctx, "carl", ownersNamespace, "connection-user")
		bind(ctx, "carl", changesNamespace, "appliance-exporter")
		for _, object := range builder.EveryThrough(kinds.SPSConnection, "a", builder.InNamespace(changesNamespace)) {
			Eventually(try).WithArguments(object, elsewhere).Should(Succeed())
		}
		Expect(try(session, elsewhere)).To(MatchError(ContainSubstring("spec.requestedBy must be carl")))
		Expect(try(session, `spec: {requestedBy: carl, connectionRef: {name: other, namespace: `+ownersNamespace+`}}`)).
			To(MatchError(ContainSubstring("spec.requestedBy says who asked and cannot be changed")))
	})
})

// loosen removes the rules from the definitions that make references and requesters immutable, and restores them at the
// end of the test.
func loosen(ctx context.Context) {
	GinkgoHelper()
	for _, object := range referring() {
		definition := &unstructured.Unstructured{}
		definition.SetGroupVersionKind(schema.GroupVersionKind{
			Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition",
		})
		key := client.ObjectKey{Name: pluralOf(kindOf(object)) + "." + pamv1alpha1.GroupVersion.Group}
		Expect(cluster.Get(ctx, key, definition)).To(Succeed())
		versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
		Expect(err).NotTo(HaveOccurred())
		strict := definition.DeepCopy()
		version, _ := versions[0].(map[string]any)
		const rules = "x-kubernetes-validations"
		spec := []string{"schema", "openAPIV3Schema", "properties", "spec"}
		unstructured.RemoveNestedField(version, append(spec, rules)...)
		unstructured.RemoveNestedField(version, append(spec, "properties", "connectionRef", rules)...)
		Expect(unstructured.SetNestedSlice(definition.Object, versions, "spec", "versions")).To(Succeed())
		Expect(cluster.Update(ctx, definition)).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			strict.SetResourceVersion(definition.GetResourceVersion())
			Expect(cluster.Update(ctx, strict)).To(Succeed())
			Eventually(func() error {
				return cluster.Patch(ctx, object, client.RawPatch(types.MergePatchType,
					toJSON(`spec: {connectionRef: {name: other}}`)), client.DryRunAll)
			}).Should(Satisfy(apierrors.IsInvalid), "the rules are not back")
		})
	}
}

// pluralOf is the name of a kind's resource.
func pluralOf(kind string) string {
	for _, crd := range crds {
		if crd.Spec.Names.Kind == kind {
			return crd.Spec.Names.Plural
		}
	}
	return ""
}
