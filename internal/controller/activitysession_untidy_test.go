// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// forbidSecrets has an admission policy refuse operations on the Secrets of a site, until the function is called.
func (s *site) forbidSecrets(ctx context.Context, operations ...admissionv1.OperationType) (allow func()) {
	GinkgoHelper()
	name := metav1.ObjectMeta{Name: "forbid-" + s.namespace}
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: name, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{Operations: operations, Rule: admissionv1.Rule{
				APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"},
			}},
		}}},
		Validations: []admissionv1.Validation{{Expression: "false", Message: "Secrets stay as they are"}},
	}}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: name, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace},
			}},
		},
	}
	s.create(ctx, policy, binding)
	probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: quickCredentials}}
	Eventually(func() error { // it takes the API server a moment to heed it
		if operations[0] == admissionv1.Delete {
			return k8s.Delete(ctx, probe, client.DryRunAll)
		}
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(probe), probe)).To(Succeed())
		return k8s.Update(ctx, probe, client.DryRunAll)
	}).ShouldNot(Succeed())
	return func() { s.allowSecrets(ctx) }
}

func (s *site) allowSecrets(ctx context.Context) {
	GinkgoHelper()
	name := metav1.ObjectMeta{Name: "forbid-" + s.namespace}
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: name}))).
		To(Succeed())
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: name}))).To(Succeed())
}

var _ = Describe("The end of an ActivitySession does not wait for its Secret", func() {
	immutable := func(ctx context.Context, _ *site, session *pamv1alpha1.ActivitySession) func() {
		GinkgoHelper()
		secret := secretOf(ctx, session)
		secret.Immutable = new(true)
		Expect(k8s.Update(ctx, secret)).To(Succeed())
		return func() {}
	}
	noUpdates := func(ctx context.Context, s *site, _ *pamv1alpha1.ActivitySession) func() {
		GinkgoHelper()
		return s.forbidSecrets(ctx, admissionv1.Update)
	}
	over := func(s *site) func() string { return func() string { return s.nps.Sessions()[0].Status } }

	DescribeTable("which is deleted where it cannot be emptied",
		func(ctx context.Context, spoil func(context.Context, *site, *pamv1alpha1.ActivitySession) func()) {
			s := newServerSite(ctx, simnps.Options{}, activeSessions(1))
			cancelled := s.activeSession(ctx, "cancelled")
			allow := spoil(ctx, s, cancelled)
			cancel(ctx, cancelled)
			eventuallyPhase(ctx, cancelled, pamv1alpha1.SessionCancelled)
			Expect(over(s)()).To(Equal("Complete"))
			Expect(secretOf(ctx, cancelled)).To(BeNil())
			allow()

			deleted := s.activeSession(ctx, "deleted")
			allow = spoil(ctx, s, deleted)
			Expect(k8s.Delete(ctx, deleted)).To(Succeed())
			eventuallyGone(ctx, deleted)
			Expect(s.liveThere()).To(BeEmpty())
			Expect(secretOf(ctx, deleted)).To(BeNil())
			allow()
		},
		Entry("because it is immutable", immutable),
		Entry("because a policy forbids it", noUpdates),
	)

	It("and says so where it cannot be deleted", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{}, activeSessions(1))
		session := s.activeSession(ctx, "session")
		allow := s.forbidSecrets(ctx, admissionv1.Delete)
		DeferCleanup(func(clean context.Context) { s.allowSecrets(clean) })
		cancel(ctx, session)
		Eventually(phase(ctx, session)).Should(Equal(pamv1alpha1.SessionCancelled))
		Expect(over(s)()).To(Equal("Complete"))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonDeletionBlocked)
		Expect(message(ctx, session)).To(ContainSubstring("Secrets stay as they are"))
		Eventually(events(ctx, session, pamv1alpha1.ReasonDeletionBlocked)).Should(
			ContainElement(ContainSubstring("Secrets stay as they are")))
		next := s.activeSession(ctx, "next") // the place is free

		Expect(k8s.Delete(ctx, next)).To(Succeed())
		Eventually(s.liveThere).Should(BeEmpty())
		Eventually(ready(ctx, next)).Should(Or(Equal("False DeletionBlocked"), ContainSubstring("not found")))
		eventuallyGone(ctx, next) // when its deadline is over
		allow()
		Eventually(func() *corev1.Secret { return secretOf(ctx, next) }).Should(BeNil(), "the garbage collector has it")
		s.wake(ctx, session)
		Eventually(func() *corev1.Secret { return secretOf(ctx, session) }).Should(BeNil())
		Eventually(ready(ctx, session)).Should(Equal("True Completed"))
	})

	It("and a webhook that is down costs no connection data", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session", onWindows(), builder.Duration(10*time.Minute))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		webhook := &admissionv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "down-" + s.namespace},
			Webhooks: []admissionv1.ValidatingWebhook{{
				Name: "down.example.com", AdmissionReviewVersions: []string{"v1"}, TimeoutSeconds: new(int32(1)),
				SideEffects: new(admissionv1.SideEffectClassNone), FailurePolicy: new(admissionv1.Fail),
				ClientConfig: admissionv1.WebhookClientConfig{URL: new("https://127.0.0.1:1/down")},
				NamespaceSelector: &metav1.LabelSelector{
					MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace},
				},
				Rules: []admissionv1.RuleWithOperations{{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule: admissionv1.Rule{
						APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"},
					},
				}},
			}},
		}
		s.create(ctx, webhook)
		probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "probe"}}
		Eventually(func() error { return k8s.Create(ctx, probe.DeepCopy(), client.DryRunAll) }).ShouldNot(Succeed())
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		Expect(message(ctx, session)).To(ContainSubstring("down.example.com"))
		fetched := s.nps.Stats().RDPs
		change(ctx, session, func(o *pamv1alpha1.ActivitySession) { o.Spec.Duration = &metav1.Duration{Duration: time.Hour} })
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		Expect(s.nps.Stats().RDPs).To(Equal(fetched))
		Expect(k8s.Delete(ctx, webhook)).To(Succeed())
		Eventually(func() *corev1.Secret {
			s.wake(ctx, session)
			return secretOf(ctx, session)
		}).ShouldNot(BeNil())
	})

	It("and a Secret that cannot be created is something that somebody has to fix", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session", onWindows(), builder.Duration(10*time.Minute))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		quota := s.noSecrets(ctx)
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		Expect(message(ctx, session)).To(ContainSubstring("exceeded quota"))
		Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
		fetched := s.nps.Stats().RDPs
		change(ctx, session, func(o *pamv1alpha1.ActivitySession) { o.Spec.Duration = &metav1.Duration{Duration: time.Hour} })
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		Expect(s.nps.Stats().RDPs).To(Equal(fetched), "no token is fetched in vain")
		Expect(k8s.Delete(ctx, quota)).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(quota), quota))
		}).Should(BeTrue())
		Eventually(func() *corev1.Secret {
			s.wake(ctx, session)
			return secretOf(ctx, session)
		}).ShouldNot(BeNil())
	})

	It("and a Secret that could not be created is noticed before the session is requested", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		quota := s.noSecrets(ctx)
		session := s.session(ctx, "session", withApproval)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		Expect(message(ctx, session)).To(And(ContainSubstring("so the session is not requested"),
			ContainSubstring("exceeded quota")))
		Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
		Expect(s.nps.Faults().Count("POST", createPath)).To(BeZero())
		Expect(k8s.Delete(ctx, quota)).To(Succeed())
		Eventually(func() pamv1alpha1.SessionPhase {
			s.wake(ctx, session)
			return phase(ctx, session)()
		}).Should(Equal(pamv1alpha1.SessionWaitingForApproval))
	})
})

// noSecrets is a quota that allows no further Secrets.
func (s *site) noSecrets(ctx context.Context) *corev1.ResourceQuota {
	GinkgoHelper()
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "secrets"}}
	quota.Spec.Hard = corev1.ResourceList{"count/secrets": resource.MustParse("0")}
	s.create(ctx, quota)
	quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, quota.Spec.Hard
	Expect(k8s.Status().Update(ctx, quota)).To(Succeed())
	return quota
}
