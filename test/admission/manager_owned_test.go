// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// eve has every right to our kinds in the namespace of the team, wildcards included, and may use its connections.
const eve = "eve"

var _ = Describe("What belongs to the manager", Ordered, func() {
	var intruder, ours client.Client

	BeforeAll(func(ctx context.Context) {
		allow(ctx, eve, team, rbacv1.PolicyRule{
			APIGroups: []string{pamv1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"*"},
		}, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}})
		intruder, ours = as(eve), manager()
		Eventually(func() error {
			return intruder.Create(ctx, builder.LocalUserGroup("a", builder.InNamespace(team)), client.DryRunAll)
		}).Should(Succeed())
	})

	// present creates an object as an administrator, and deletes it at the end.
	present := func(ctx context.Context, object client.Object) {
		GinkgoHelper()
		Expect(cluster.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			all := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
			Expect(client.IgnoreNotFound(cluster.Patch(ctx, copyOf(object), all))).To(Succeed())
			Expect(client.IgnoreNotFound(cluster.Delete(ctx, object))).To(Succeed())
		})
	}
	patch := func(ctx context.Context, who client.Client, object client.Object, body string) error {
		return who.Patch(ctx, copyOf(object), client.RawPatch(types.MergePatchType, []byte(body)))
	}
	annotate := func(key, value string) string {
		return fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, key, value)
	}
	const hold, unhold = `{"metadata":{"finalizers":["` + finalizer + `"]}}`, `{"metadata":{"finalizers":null}}`

	It("is written by nobody else, in any kind, with all rights in the namespace", func(ctx context.Context) {
		for _, object := range everyKind("everything") {
			kind := object.GetObjectKind().GroupVersionKind().Kind
			present(ctx, object)
			status := client.RawPatch(types.MergePatchType, []byte(`{"status":{"observedGeneration":7}}`))
			Expect(intruder.Status().Patch(ctx, copyOf(object), status)).To(refused("is written by the operator alone"), kind)
			Expect(intruder.Status().Update(ctx, copyOf(object))).To(refused("is written by the operator alone"), kind)
			Expect(patch(ctx, intruder, object, hold)).To(refused("is set by the operator alone"), kind)
			own := `"pam-operator/` + string(object.GetUID()) + `/1"`
			for _, key := range []string{pamv1alpha1.AnnotationRequestID, pamv1alpha1.AnnotationRequestedAt, creating} {
				for _, value := range []string{own, `"x"`, `""`} {
					Expect(patch(ctx, intruder, object, annotate(key, value))).To(refused("belong"), "%s %s", kind, key)
				}
			}
			Expect(patch(ctx, intruder, object, annotate("pam-operator.io/refresh-requested-at", `"now"`))).To(Succeed())
			Expect(patch(ctx, intruder, object, `{"metadata":{"labels":{"a":"b"},"finalizers":["eve.example.com/mine"]}}`)).
				To(Succeed(), "%s: what is not the manager's", kind)

			writer := ours
			if kind == "NPSConnection" || kind == "SessionTermination" || kind == "ApplianceExport" {
				writer = cluster // the manager need not have the right to patch these
			}
			Expect(patch(ctx, writer, object, hold)).To(Succeed(), kind)
			Expect(patch(ctx, writer, object, annotate(pamv1alpha1.AnnotationRequestID, own))).To(Succeed(), kind)
			Expect(patch(ctx, writer, object, annotate(creating, own))).To(Succeed(), kind)
			Expect(ours.Status().Patch(ctx, copyOf(object), status)).To(Succeed(), kind)
			Expect(patch(ctx, intruder, object, unhold)).To(refused("delete the object and wait"), kind)
			for _, key := range []string{pamv1alpha1.AnnotationRequestID, creating} {
				Expect(patch(ctx, intruder, object, annotate(key, `null`))).To(refused("belong"), "%s %s", kind, key)
				Expect(patch(ctx, intruder, object, annotate(key, `"x"`))).To(refused("belong"), "%s %s", kind, key)
			}
			Expect(patch(ctx, intruder, object, `{"metadata":{"annotations":null}}`)).To(refused("belong"), kind)
		}
	})

	It("is not put into an object that is new, but a copied request id is", func(ctx context.Context) {
		for _, object := range everyKind("new") {
			if session, ok := object.(*pamv1alpha1.ActivitySession); ok {
				session.Spec.RequestedBy = eve
			}
			try := func(options ...builder.Option) error {
				copied := copyOf(object)
				for _, option := range options {
					option(copied)
				}
				return intruder.Create(ctx, copied, client.DryRunAll)
			}
			held := func(o client.Object) { o.SetFinalizers([]string{"a.example.com/b", finalizer}) }
			Expect(try(held)).To(refused("is set by the operator alone"))
			Expect(try(held, func(o client.Object) { o.SetName(""); o.SetGenerateName("new-") })).
				To(refused("is set by the operator alone"))
			Expect(try(builder.Annotation(creating, "x"))).To(refused("belongs to the operator"))
			Expect(try(builder.Annotation(pamv1alpha1.AnnotationRequestID, "pam-operator/another/1"),
				builder.Annotation(pamv1alpha1.AnnotationRequestedAt, "2026-01-01T00:00:00Z"))).To(Succeed())
		}
	})

	It("lets the author of a copy take away the request id of the original, and nothing else", func(ctx context.Context) {
		session := builder.ActivitySession("copy", builder.InNamespace(team), builder.RequestedBy("admin"),
			builder.Annotation(pamv1alpha1.AnnotationRequestID, "pam-operator/another/1"))
		present(ctx, session)
		Expect(patch(ctx, intruder, session, annotate(pamv1alpha1.AnnotationRequestID, `"pam-operator/third/1"`))).
			To(refused("only those that were copied from another object may be taken away"))
		Expect(patch(ctx, intruder, session, annotate(pamv1alpha1.AnnotationRequestID, `null`))).To(Succeed())
	})

	It("stays with the manager when a manifest is applied again and again", func(ctx context.Context) {
		for name, arguments := range map[string][]string{
			"client-side":         {"apply", "-f", "-"},
			"server-side":         {"apply", "--server-side", "-f", "-"},
			"as GitOps tools do":  {"apply", "--server-side", "--force-conflicts", "--field-manager=argocd", "-f", "-"},
			"replaced as a whole": {"replace", "-f", "-"},
		} {
			object := builder.LocalUserGroup("applied", builder.InNamespace(team), builder.Annotation("a", "b"))
			if arguments[0] == "replace" {
				Expect(intruder.Create(ctx, object.DeepCopy())).To(Succeed())
			} else {
				out, err := kubectl(ctx, eve, []client.Object{object}, arguments...)
				Expect(err).NotTo(HaveOccurred(), "%s: %s", name, out)
			}
			Expect(patch(ctx, ours, object, hold)).To(Succeed())
			Expect(patch(ctx, ours, object, annotate(creating, `"x"`))).To(Succeed())
			out, err := kubectl(ctx, eve, []client.Object{object}, arguments...)
			if arguments[0] == "replace" { // would remove finalizer and note
				Expect(err).To(HaveOccurred())
				Expect(out).To(ContainSubstring("pam-operator.io/finalizer"))
			} else {
				Expect(err).NotTo(HaveOccurred(), "%s: %s", name, out)
			}
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			Expect(object.Finalizers).To(ContainElement(finalizer))
			Expect(object.Annotations).To(HaveKey(creating))
			Expect(patch(ctx, ours, object, unhold)).To(Succeed())
			Expect(cluster.Delete(ctx, object)).To(Succeed())
		}
	})

	It("is refused to a replace with the advice to apply, and to who takes it away with that to delete",
		func(ctx context.Context) {
			const apply, remove = "apply or patch it", "delete the object and wait"
			object := builder.LocalUserGroup("replaced", builder.InNamespace(team))
			present(ctx, object.DeepCopy())
			Expect(patch(ctx, ours, object, hold)).To(Succeed())
			replace := func(options ...builder.Option) string {
				GinkgoHelper()
				manifest := builder.LocalUserGroup("replaced", append(options, builder.InNamespace(team))...)
				out, err := kubectl(ctx, eve, []client.Object{manifest}, "replace", "-f", "-")
				Expect(err).To(HaveOccurred())
				return out
			}
			for what, option := range map[string]builder.Option{
				"another spec": builder.Members("alice"), "another annotation": builder.Annotation("a", "b"),
			} {
				Expect(replace(option)).To(And(ContainSubstring(apply), Not(ContainSubstring(remove))), what)
			}
			Expect(replace()).To(And(ContainSubstring(apply), ContainSubstring(remove)), "the same once more")
			Expect(patch(ctx, intruder, object, unhold)).To(refused(remove))
		})

	It("does not stop a deletion, of any kind and by any user", func(ctx context.Context) {
		object := group("deleted")
		present(ctx, object)
		Expect(patch(ctx, ours, object, hold)).To(Succeed())
		for _, way := range []metav1.DeletionPropagation{
			metav1.DeletePropagationBackground, metav1.DeletePropagationForeground,
		} {
			Expect(intruder.Delete(ctx, object, client.PropagationPolicy(way))).To(Succeed())
		}
		Eventually(func() []string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			return object.Finalizers
		}).Should(Equal([]string{finalizer}), "the garbage collector takes its own one away")
		Expect(object.DeletionTimestamp).NotTo(BeNil())
		Expect(patch(ctx, intruder, object, unhold)).To(refused("wait; the Ready condition of the object says what for"))
		Expect(patch(ctx, ours, object, unhold)).To(Succeed())
		Eventually(gone(ctx, object)).Should(BeTrue())
	})

	It("does not stop the garbage collector, nor the end of a namespace", func(ctx context.Context) {
		const going = "going"
		Expect(cluster.Create(ctx, builder.Namespace(going))).To(Succeed())
		in := builder.InNamespace(going)
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: going, Name: "owner"}}
		Expect(cluster.Create(ctx, owner)).To(Succeed())
		owned, other := builder.LocalUserGroup("owned", in), builder.LocalUserGroup("other", in)
		owned.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID},
		}
		for _, object := range []*pamv1alpha1.LocalUserGroup{owned, other} {
			Expect(cluster.Create(ctx, object)).To(Succeed())
			Expect(patch(ctx, ours, object, hold)).To(Succeed())
		}
		deleting := func(object client.Object) func() bool {
			return func() bool {
				return cluster.Get(ctx, client.ObjectKeyFromObject(object), object) == nil && object.GetDeletionTimestamp() != nil
			}
		}
		Expect(cluster.Delete(ctx, owner)).To(Succeed())
		Eventually(deleting(owned)).Should(BeTrue())
		Expect(cluster.Delete(ctx, builder.Namespace(going))).To(Succeed())
		Eventually(deleting(other)).Should(BeTrue())
		for _, object := range []*pamv1alpha1.LocalUserGroup{owned, other} {
			Expect(patch(ctx, ours, object, unhold)).To(Succeed())
		}
		Eventually(gone(ctx, builder.Namespace(going))).Should(BeTrue())
	})

	It("may be repaired by an administrator of the cluster, and by nobody with a Role", func(ctx context.Context) {
		object := group("repaired")
		present(ctx, object)
		allow(ctx, "almost", team, rbacv1.PolicyRule{
			APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"},
		}, rbacv1.PolicyRule{
			APIGroups: []string{pamv1alpha1.GroupVersion.Group}, Resources: []string{"managers"}, Verbs: []string{managerVerb},
		})
		almost := as("almost")
		Eventually(func() error { return patch(ctx, almost, object, `{"metadata":{"labels":{"c":"d"}}}`) }).Should(Succeed())
		Expect(patch(ctx, almost, object, hold)).To(refused("is set by the operator alone"))
		Expect(patch(ctx, cluster, object, hold)).To(Succeed())
		Expect(patch(ctx, cluster, object, unhold)).To(Succeed())
	})
})

func gone(ctx context.Context, object client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(object), object))
	}
}
