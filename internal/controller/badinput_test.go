// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = onEverySPS("What goes wrong on an SPS appliance", func() {
	It("is a name that does not exist: nothing is written, and it heals when the name appears", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.References(pamv1alpha1.PolicyReferences{
			Backup: &pamv1alpha1.OptionalApplianceReference{Name: "nightli"},
		}))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, policy)).To(And(
			ContainSubstring("spec.policies.backup"), ContainSubstring("policies/backup_policies"), ContainSubstring("nightly")))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		key := s.sps.Put("policies/backup_policies", "", map[string]any{"name": "nightli"})
		s.look(ctx)
		eventuallyReady(ctx, policy)
		Expect(s.body(policy)).To(HaveKeyWithValue("policies", HaveKeyWithValue("backup_policy", key)))
	})

	It("is a name that exists twice", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		second := s.sps.Put("policies/backup_policies", "", map[string]any{"name": "nightly"})
		policy := s.policy("a", builder.References(pamv1alpha1.PolicyReferences{
			Backup: &pamv1alpha1.OptionalApplianceReference{Name: "nightly"},
		}))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, policy)).To(And(ContainSubstring("2 times"), ContainSubstring(second)))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		s.remove(ctx, "policies/backup_policies", second)
		eventuallyReady(ctx, policy)
	})

	It("is a certificate by name, which the appliance does not list", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.TransportSecurity = &pamv1alpha1.TransportSecurity{
				Type: pamv1alpha1.TransportSecurityTLS,
				TLS: &pamv1alpha1.TransportTLS{Certificate: &pamv1alpha1.PolicyCertificate{
					Type:  pamv1alpha1.PolicyCertificateFixed,
					Fixed: &pamv1alpha1.FixedCertificate{X509Identity: pamv1alpha1.ApplianceReference{Name: "web"}},
				}},
			}
		}))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, policy)).To(ContainSubstring("give the key instead"))
	})

	DescribeTable("is content that the appliance refuses: it is rolled back, and the others of the batch are committed",
		func(ctx context.Context, at string) {
			s := newSite(ctx, simsps.Options{})
			s.refuse(simsps.Refusal{Collection: rdpConnections, Name: "^bad$", At: at, Message: "the appliance's own words"})
			good, bad := s.policy("good"), s.policy("bad")
			s.create(ctx, bad, good)
			eventuallyReady(ctx, good)
			eventuallyReason(ctx, bad, pamv1alpha1.ReasonRejected)
			Expect(message(ctx, bad)).To(ContainSubstring("the appliance's own words"))
			Expect(message(ctx, bad)).NotTo(MatchRegexp(`commit.*: commit`), "the step is said once")
			Expect(s.named(rdpConnections, "bad")).To(BeEmpty())
			Eventually(func() string { return s.sps.Stats().LockHolder }).Should(BeEmpty())

			opened := s.sps.Stats().TransactionsOpened
			s.checkedAgain(ctx) // nobody tries again and again
			Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened))
			Eventually(answered(ctx, bad)).Should(Equal(request(ctx, bad)))
			Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened), "nor because somebody asks again and again")
			Expect(ready(ctx, bad)()).To(Equal("False Rejected"))
			Eventually(answered(ctx, s.connection(ctx))).Should(Equal(request(ctx, s.connection(ctx))))
			Eventually(func() int { return s.sps.Stats().TransactionsOpened }).Should(BeNumerically(">", opened),
				"the owner of the connection may have it tried again")

			s.sps.ClearRefusals()
			change(ctx, bad, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(true) })
			eventuallyReady(ctx, bad)
		},
		Entry("at the write", simsps.AtWrite),
		Entry("at the commit", simsps.AtCommit),
	)

	It("is a missing right to write", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.ReadOnlyUsers = []string{"operator"} }})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonUnauthorized)
	})

	It("is somebody who holds the configuration", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.sps.LockBy("alice", simsps.ViaUI)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonLocked)
		Expect(message(ctx, policy)).To(ContainSubstring("alice"))
		Expect(holds(ctx, policy, pamv1alpha1.ConditionReconciling)()).To(BeTrue())
		Eventually(func() *pamv1alpha1.ConfigurationLock { return s.connection(ctx).Status.Lock }).Should(
			HaveField("HeldBy", "alice"))
		Expect(ready(ctx, s.connection(ctx))()).To(Equal("True Synced"))
		Eventually(told(ctx, s.connection(ctx))).Should(HaveKeyWithValue(
			"the configuration is held by alice; changes wait until it is free", pamv1alpha1.ReasonLocked))
		s.sps.Unlock()
		eventuallyReady(ctx, policy)
		Eventually(func() *pamv1alpha1.ConfigurationLock { return s.connection(ctx).Status.Lock }).Should(BeNil())

		s.sps.LockBy("alice", simsps.ViaUI)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonLocked)
		s.sps.Unlock()
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(BeEmpty())
	})

	It("is a namespace without the label that the connection asks for, until it has it", func(ctx context.Context) {
		home, other := newBareSite(ctx, simsps.Options{}), newBareSite(ctx, simsps.Options{})
		home.create(ctx, home.spsConnection("sps", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{
				From:     pamv1alpha1.NamespacesFromSelector,
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"pam": "allowed"}},
			}
			c.Spec.Grants = []pamv1alpha1.SPSGrant{{NamespaceSelector: c.Spec.AllowedNamespaces.Selector}}
		})))
		policy := builder.RDPConnectionPolicy("a",
			builder.InNamespace(other.namespace), builder.Connection("sps", home.namespace))
		home.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotPermitted)
		change(ctx, builder.Namespace(other.namespace), func(n *corev1.Namespace) { n.Labels["pam"] = "allowed" })
		eventuallyReady(ctx, policy)
		change(ctx, builder.Namespace(other.namespace), func(n *corev1.Namespace) { delete(n.Labels, "pam") })
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotPermitted)
	})

	It("is a namespace that the connection does not allow", func(ctx context.Context) {
		home, other := newSite(ctx, simsps.Options{}), newBareSite(ctx, simsps.Options{})
		policy := builder.RDPConnectionPolicy("a",
			builder.InNamespace(other.namespace), builder.Connection("sps", home.namespace))
		home.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(message(ctx, policy)).To(ContainSubstring("allowedNamespaces"))
		Expect(home.sps.Stats().TransactionsOpened).To(BeZero())
		change(ctx, home.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
			c.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}
		})
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotPermitted)
		Eventually(func() string { return message(ctx, policy) }).Should(ContainSubstring("its owner can change grants"))
		change(ctx, home.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
			c.Spec.Grants = []pamv1alpha1.SPSGrant{{Namespaces: []string{other.namespace}}}
		})
		eventuallyReady(ctx, policy)
		change(ctx, home.connection(ctx), func(c *pamv1alpha1.SPSConnection) { c.Spec.AllowedNamespaces = nil })
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		Eventually(func() string { return message(ctx, policy) }).Should(HavePrefix("deletion waits, until "))
		Expect(ready(ctx, policy)()).To(Equal("False ConnectionNotPermitted"))
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.DeletionPolicy = pamv1alpha1.DeletionPolicyOrphan
		})
		eventuallyGone(ctx, policy)
	})

	It("is a connection that was deleted first: the object goes, and says what it leaves", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(k8s.Delete(ctx, s.connection(ctx))).To(Succeed())
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotReady)
		Expect(message(ctx, policy)).To(ContainSubstring("SPSConnection " + s.namespace + "/sps does not exist"))
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Eventually(func() string { return fmt.Sprint(told(ctx, policy)()) }).Should(And(
			ContainSubstring(policy.Status.Key), ContainSubstring("may be left on")))
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})

	It("is an appliance that is silent while an object is deleted: it is released in time", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		s.spsFault(fault.Rule{Name: "down", Drop: fault.DropBefore})
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Eventually(func() string { return fmt.Sprint(told(ctx, policy)()) }).Should(ContainSubstring("may be left on"))
	})

	It("is a change of somebody else in our transaction: nothing of it is committed", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.sps.Faults().OnRequest(func(r *http.Request) {
			if r.Method == http.MethodGet && r.URL.Path == "/api/transaction/changes" {
				s.sps.Faults().OnRequest(nil)
				s.sps.PutIntoTransactions("policies/backup_policies", "", map[string]any{"name": "foreign"})
			}
		})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.named("policies/backup_policies", "foreign")).To(BeEmpty())
		Expect(s.sps.Stats().Commits).To(Equal(1))
	})
})
