// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// requester may create objects that use connections, but use no connection until a test grants it.
	requester = "requester"
	// policedNamespace is the only one where the policy is active, so that it does not disturb the other tests.
	policedNamespace = "policed"
)

var _ = Describe("the admission policy", Ordered, func() {
	var person client.Client

	BeforeAll(func(ctx context.Context) {
		Expect(cluster.Create(ctx, builder.Namespace(policedNamespace))).To(Succeed())
		for _, object := range mustReadObjects("../../config/admission/connection_use.yaml") {
			if object.GetKind() == "ValidatingAdmissionPolicyBinding" {
				object = merged(object, `spec: {matchResources: {namespaceSelector: {matchLabels: `+
					`{kubernetes.io/metadata.name: `+policedNamespace+`}}}}`)
			}
			Expect(cluster.Create(ctx, object)).To(Succeed())
			DeferCleanup(cluster.Delete, object)
		}
		grant(ctx, "create", rbacv1.PolicyRule{
			APIGroups: []string{pamv1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"create"},
		})
		config, _, err := plane.AddUser(requester)
		Expect(err).NotTo(HaveOccurred())
		person, err = client.New(config, client.Options{Scheme: cluster.Scheme()})
		Expect(err).NotTo(HaveOccurred())
	})

	try := func(ctx context.Context, object client.Object) error {
		copied, _ := object.DeepCopyObject().(client.Object)
		copied.SetNamespace(policedNamespace)
		return person.Create(ctx, copied, client.DryRunAll)
	}

	It("refuses users who must not use the connection", func(ctx context.Context) {
		for _, object := range builder.EveryReferrer("a", builder.Connection("b", "c")) {
			want := " needs the verb use on spsconnections b in namespace c"
			switch object.(type) {
			case *pamv1alpha1.ActivitySession:
				want = " needs the verb use on npsconnections b in namespace c"
			case *pamv1alpha1.ApplianceExport: // its connection is always beside it
				want = " needs the verb export on spsconnections b in namespace " + policedNamespace
			}
			// A new policy takes effect a moment after its creation.
			Eventually(try).WithArguments(ctx, object).WithTimeout(time.Minute).Should(SatisfyAll(
				Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring(requester+want))))
		}
		Eventually(try).WithArguments(ctx, builder.LocalUser("a")).Should(
			MatchError(ContainSubstring(requester + " needs the verb use on spsconnections sps in namespace policed")))
	})

	It("accepts users who may, in their own name only", func(ctx context.Context) {
		grant(ctx, "use", rbacv1.PolicyRule{
			APIGroups: []string{pamv1alpha1.GroupVersion.Group}, Resources: []string{"npsconnections"},
			ResourceNames: []string{builder.DefaultNPSConnection}, Verbs: []string{"use"},
		})
		Eventually(try).WithArguments(ctx, builder.ActivitySession("a", builder.RequestedBy(requester))).Should(Succeed())
		Expect(try(ctx, builder.ActivitySession("a"))).
			To(MatchError(ContainSubstring("spec.requestedBy must be " + requester)))
		Expect(try(ctx, builder.ActivitySession("a", builder.RequestedBy("somebody else")))).To(
			MatchError(ContainSubstring("spec.requestedBy must be " + requester)))
		Expect(try(ctx, builder.RDPConnectionPolicy("a"))).To(Satisfy(apierrors.IsForbidden))
	})
})

// grant gives the requester a rule in the policed namespace.
func grant(ctx context.Context, name string, rule rbacv1.PolicyRule) {
	GinkgoHelper()
	meta := metav1.ObjectMeta{Name: "requester-" + name, Namespace: policedNamespace}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: requester}},
	}
	for _, object := range []client.Object{role, binding} {
		Expect(cluster.Create(ctx, object)).To(Succeed())
		DeferCleanup(cluster.Delete, object)
	}
}
