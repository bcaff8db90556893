// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
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

var _ = onEverySPS("SPSConnection", func() {
	It("shows the appliance's version and configuration", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		c := s.connection(ctx)
		Expect(c.Status.Version).To(HavePrefix(spsVersion))
		Expect(c.Status.ConfigHash).To(Equal(s.sps.Stats().ConfigHash))
		s.byHand("new", `{}`)
		Eventually(func() string { return s.connection(ctx).Status.ConfigHash }).Should(Equal(s.sps.Stats().ConfigHash))
	})

	It("does not disturb its dependents when its spec changes and it still works", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) { c.Spec.Commit.Message = "another message" })
		eventuallyReady(ctx, s.connection(ctx))
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(false) })
		eventuallyReady(ctx, policy)
		Expect(told(ctx, policy)()).NotTo(ContainElement(pamv1alpha1.ReasonConnectionNotReady))
	})

	It("tries wrong credentials once, and recovers once the Secret is fixed", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		s.password(ctx, "wrong")
		s.create(ctx, s.spsConnection("sps"))
		c := s.connection(ctx)
		eventuallyReason(ctx, c, pamv1alpha1.ReasonUnauthorized)
		policies := []*pamv1alpha1.RDPConnectionPolicy{s.policy("a"), s.policy("b")}
		for _, p := range policies {
			s.create(ctx, p)
			eventuallyReason(ctx, p, pamv1alpha1.ReasonConnectionNotReady)
			Expect(message(ctx, p)).To(ContainSubstring(pamv1alpha1.ReasonUnauthorized))
		}
		change(ctx, c, func(c *pamv1alpha1.SPSConnection) { c.Spec.Commit.Message = "try again" })
		eventuallyReason(ctx, c, pamv1alpha1.ReasonUnauthorized)
		Expect(s.sps.Stats().FailedLogIns).To(Equal(1))

		s.password(ctx, "wrong again")
		Eventually(func() int { return s.sps.Stats().FailedLogIns }).Should(Equal(2))
		s.password(ctx, canarySPSPassword)
		for _, p := range policies {
			eventuallyReady(ctx, p)
		}
		Expect(s.sps.Stats().FailedLogIns).To(Equal(2))
	})

	It("waits for its Secret and its CA, and says which one is missing", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotReady)
		Expect(message(ctx, policy)).To(ContainSubstring("SPSConnection " + s.namespace + "/sps does not exist"))

		c := s.spsConnection("sps", builder.TrustedCA("later"), builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.CredentialsSecretRef.Name = "later"
		}))
		s.create(ctx, c)
		eventuallyReason(ctx, c, pamv1alpha1.ReasonConnectionNotReady)
		Expect(message(ctx, c)).To(ContainSubstring("ConfigMap " + s.namespace + "/later does not exist"))
		s.create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "later"}, Data: map[string]string{"ca.crt": s.ca},
		})
		Eventually(func() string { return message(ctx, c) }).Should(
			ContainSubstring("Secret " + s.namespace + "/later does not exist"))
		s.create(ctx, builder.Secret("later", map[string]string{"username": "operator"}, builder.InNamespace(s.namespace)))
		Eventually(func() string { return message(ctx, c) }).Should(ContainSubstring("has no key password"))
		change(ctx, builder.Secret("later", nil, builder.InNamespace(s.namespace)), func(o *corev1.Secret) {
			o.Data["password"] = []byte(canarySPSPassword)
		})
		eventuallyReady(ctx, c)
		eventuallyReady(ctx, policy)
	})

	It("is not ready while its Secret is not marked for it, and sends nothing of it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		c := s.connection(ctx)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "app"}}
		secret.Data = map[string][]byte{"username": []byte("operator"), "password": []byte(canarySPSPassword)}
		s.create(ctx, secret)
		logIns := s.sps.Stats().LogIns
		change(ctx, c, func(c *pamv1alpha1.SPSConnection) { c.Spec.CredentialsSecretRef.Name = "app" })
		eventuallyReason(ctx, c, pamv1alpha1.ReasonConnectionNotReady)
		Expect(message(ctx, c)).To(ContainSubstring("Secret " + s.namespace + "/app is not marked for this use, so it is " +
			"not read: label it pam-operator.io/read-by=SPSConnection"))
		Expect(s.sps.Stats().LogIns + s.sps.Stats().FailedLogIns).To(Equal(logIns))
		change(ctx, secret, func(o *corev1.Secret) { builder.ReadBy("SPSConnection")(o) })
		eventuallyReady(ctx, c)
		change(ctx, secret, func(o *corev1.Secret) { o.Labels = nil })
		eventuallyReason(ctx, c, pamv1alpha1.ReasonConnectionNotReady)
	})

	It("does not accept a certificate that nobody trusts", func(ctx context.Context) {
		s, other := newBareSite(ctx, simsps.Options{}), newBareSite(ctx, simsps.Options{})
		c := s.spsConnection("sps", builder.URL(other.running.URL("sps")))
		s.create(ctx, c)
		eventuallyReason(ctx, c, pamv1alpha1.ReasonUnreachable)
		Expect(message(ctx, c)).To(ContainSubstring("certificate"))
		Expect(other.sps.Stats().LogIns + other.sps.Stats().FailedLogIns).To(BeZero())
		change(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca"}},
			func(o *corev1.ConfigMap) { o.Data["ca.crt"] += other.ca })
		Eventually(func() int { return other.sps.Stats().LogIns + other.sps.Stats().FailedLogIns }).ShouldNot(BeZero())
	})

	It("refuses a CA bundle that is none", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		change(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca"}},
			func(o *corev1.ConfigMap) { o.Data["ca.crt"] = "no certificate" })
		s.create(ctx, s.spsConnection("sps"))
		c := s.connection(ctx)
		eventuallyReason(ctx, c, pamv1alpha1.ReasonInvalidSpec)
		change(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca"}},
			func(o *corev1.ConfigMap) { o.Data["ca.crt"] = s.ca })
		eventuallyReady(ctx, c)
	})

	It("is loud about a certificate that is not verified", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		s.create(ctx, s.spsConnection("sps", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
		})))
		c := s.connection(ctx)
		eventuallyReady(ctx, c)
		Expect(holds(ctx, c, pamv1alpha1.ConditionInsecureTLS)()).To(BeTrue())
		change(ctx, c, func(c *pamv1alpha1.SPSConnection) { c.Spec.TLS = s.spsConnection("x").Spec.TLS })
		Eventually(holds(ctx, c, pamv1alpha1.ConditionInsecureTLS)).Should(BeFalse())
		eventuallyReady(ctx, c)
	})

	It("warns about an appliance whose configuration another one overwrites", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		c := s.connection(ctx)
		s.sps.SetSwitches(func(o *simsps.Switches) { o.Roles = []string{"search-local", "managed-host"} })
		s.checkedAgain(ctx)
		Eventually(holds(ctx, c, pamv1alpha1.ConditionManagedHost)).Should(BeTrue())
		Expect(ready(ctx, c)()).To(Equal("True Synced"))
		Expect(message(ctx, c)).To(ContainSubstring("spec.url has to lead to that node"))
		s.sps.SetSwitches(func(o *simsps.Switches) { o.Roles = []string{"central-management"} })
		s.checkedAgain(ctx)
		Eventually(holds(ctx, c, pamv1alpha1.ConditionManagedHost)).Should(BeFalse())
	})

	It("logs in with a certificate instead of a password", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		pair, err := s.running.CA().ClientCertificate("operator")
		Expect(err).NotTo(HaveOccurred())
		s.create(ctx, builder.Secret("x509", map[string]string{
			corev1.TLSCertKey: string(pair.CertificatePEM), corev1.TLSPrivateKeyKey: string(pair.PrivateKeyPEM),
		}, builder.InNamespace(s.namespace)), s.spsConnection("sps", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.CredentialsSecretRef.Name = "x509"
		})))
		eventuallyReady(ctx, s.connection(ctx))
	})

	DescribeTable("waits for an appliance that gives no usable answer, and heals",
		func(ctx context.Context, rule fault.Rule) {
			s := newSite(ctx, simsps.Options{})
			policy := s.policy("a")
			s.create(ctx, policy)
			eventuallyReady(ctx, policy)
			rule.Name = "broken"
			s.spsFault(rule)
			s.look(ctx)
			c := s.connection(ctx)
			eventuallyReason(ctx, c, pamv1alpha1.ReasonUnreachable)
			eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotReady)
			Expect(holds(ctx, c, pamv1alpha1.ConditionReconciling)()).To(BeTrue())
			s.sps.Faults().Remove("broken")
			eventuallyReady(ctx, c)
			eventuallyReady(ctx, policy)
			Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
		},
		Entry("no answer", fault.Rule{Drop: fault.DropBefore}),
		Entry("half a body", fault.Rule{Path: "^/api/info", Drop: fault.DropHalf}),
		Entry("a page of a proxy", fault.Rule{
			Status: http.StatusOK, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html>maintenance</html>",
		}),
		Entry("an error of the appliance", fault.Rule{Status: http.StatusInternalServerError, Body: "{}"}),
		Entry("an error of its front end", fault.Rule{Status: http.StatusBadGateway, Body: "<html>bad gateway</html>"}),
	)
})

// password puts a password into the Secret of the connection sps.
func (s *site) password(ctx context.Context, password string) {
	GinkgoHelper()
	change(ctx, builder.SPSCredentialsSecret("", "", builder.InNamespace(s.namespace)), func(o *corev1.Secret) {
		o.Data["password"] = []byte(password)
	})
}
