// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("The manager's service account", Ordered, func() {
	var ours client.Client
	in := builder.InNamespace(team)
	typed := func(name string, of corev1.SecretType) *corev1.Secret {
		return builder.Secret(name, map[string]string{"key": "value"}, in, builder.Type(of))
	}
	const secrets, specs = "the operator writes only Secrets of the types", "never changes a spec"

	BeforeAll(func() { ours = manager() })

	It("writes Secrets of its own types", func(ctx context.Context) {
		for i, of := range []corev1.SecretType{pamv1alpha1.SecretTypeConnection, pamv1alpha1.SecretTypeSession} {
			secret := typed(fmt.Sprintf("ours-%d", i), of)
			Expect(ours.Create(ctx, secret)).To(Succeed())
			secret.Data["key"] = []byte("another")
			Expect(ours.Update(ctx, secret)).To(Succeed())
			Expect(ours.Delete(ctx, secret)).To(Succeed())
		}
	})

	It("touches no other Secret, whatever RBAC would let it do", func(ctx context.Context) {
		for i, of := range []corev1.SecretType{
			corev1.SecretTypeOpaque, corev1.SecretTypeServiceAccountToken, pamv1alpha1.SecretTypePassword,
			pamv1alpha1.SecretTypeCredentials, "pam-operator.io/connections",
		} {
			secret := typed(fmt.Sprintf("theirs-%d", i), of)
			if of == corev1.SecretTypeServiceAccountToken {
				builder.Annotation(corev1.ServiceAccountNameKey, "default")(secret)
			}
			Expect(ours.Create(ctx, copyOf(secret))).To(refused(secrets), string(of))
			Expect(cluster.Create(ctx, secret)).To(Succeed(), "an administrator is not bound")
			changed := copyOf(secret)
			changed.Data = map[string][]byte{"key": []byte("another")}
			Expect(ours.Update(ctx, changed)).To(refused(secrets), string(of))
			Expect(ours.Delete(ctx, secret)).To(refused(secrets), string(of))
			Expect(cluster.Delete(ctx, secret)).To(Succeed())
		}
	})

	It("remembers requests in a ConfigMap of one name, and updates no other", func(ctx context.Context) {
		memory := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: spent.ConfigMapName}}
		memory.Labels = map[string]string{pamv1alpha1.LabelSpentRequests: "true"}
		other := copyOf(memory)
		other.SetName("other")
		for _, record := range []client.Object{memory, other} {
			Expect(ours.Create(ctx, record)).To(Succeed())
			DeferCleanup(cluster.Delete, record)
		}
		memory.Data = map[string]string{"key": "value"}
		Expect(ours.Update(ctx, memory)).To(Succeed())
		Expect(apierrors.IsForbidden(ours.Update(ctx, other))).To(BeTrue(), "RBAC names the one")
		memory.Labels = nil
		Expect(ours.Update(ctx, memory)).To(refused("the operator writes only ConfigMaps with the label"))
	})

	It("writes only ConfigMaps that are records of what is left over, or parts of an export", func(ctx context.Context) {
		record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "record"}}
		Expect(ours.Create(ctx, copyOf(record))).To(refused("the operator writes only ConfigMaps with the label"))
		for label, value := range map[string]string{
			pamv1alpha1.LabelLeftover: "localuser", pamv1alpha1.LabelExport: "everything",
		} {
			ofOurs := copyOf(record)
			ofOurs.SetLabels(map[string]string{label: value})
			Expect(ours.Create(ctx, ofOurs)).To(Succeed(), label)
			Expect(cluster.Delete(ctx, ofOurs)).To(Succeed())
		}
	})

	It("never changes a spec, and cannot send credentials elsewhere", func(ctx context.Context) {
		name, _ := installed.User()
		bind(ctx, name, team, "connection-user") // so that no other policy refuses it
		for _, object := range everyKind("spec") {
			kind := object.GetObjectKind().GroupVersionKind().Kind
			Expect(cluster.Create(ctx, object)).To(Succeed())
			DeferCleanup(cluster.Delete, object)
			if kind == "NPSConnection" || kind == "SessionTermination" || kind == "ApplianceExport" {
				continue // RBAC need not let it patch these
			}
			patch := func(body string) error {
				return ours.Patch(ctx, copyOf(object), client.RawPatch(types.MergePatchType, []byte(body)))
			}
			Eventually(patch).WithArguments(`{"spec":{"suspend":true}}`).Should(refused(specs), kind)
			Expect(patch(`{"metadata":{"annotations":{"a":"b"}}}`)).To(Succeed(), kind)
		}
		url := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"url":"https://evil.example.com"}}`))
		Expect(ours.Patch(ctx, builder.SPSConnection("spec", in), url)).To(refused(specs))
	})

	It("is bound by the name that config/default gives it", func() {
		name, _ := installed.User()
		var bound []string
		for _, object := range installed.Objects {
			if object.GetKind() == "ValidatingAdmissionPolicy" && object.GetName() == "pam-operator-manager-writes" {
				bound = append(bound, fmt.Sprint(object.Object["spec"]))
			}
		}
		Expect(bound).To(ConsistOf(ContainSubstring("'" + name + ":' ==")))
	})
})
