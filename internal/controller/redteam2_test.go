// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// ownServer is an appliance that a developer runs, and the connection to it: it can show and say whatever they want.
func (d *developer) ownServer(ctx context.Context, s *site, options simsps.Options) *simsps.Appliance {
	GinkgoHelper()
	options.Users = map[string]string{"operator": canarySPSPassword}
	theirs := simsps.New(options)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(stop)
	running, err := simulator.Serve(serving, simulator.Config{
		Listeners: []simulator.Listener{{Name: "own", Handler: theirs.Handler()}},
	})
	Expect(err).NotTo(HaveOccurred())
	in := builder.InNamespace(d.namespace)
	conn := s.spsConnection("own", in, builder.URL(running.URL("own")),
		builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
			c.Spec.DriftCheckInterval = &metav1.Duration{Duration: time.Hour}
		}))
	s.create(ctx, builder.SPSCredentialsSecret("operator", canarySPSPassword, in))
	d.makes(ctx, conn)
	eventuallyReady(ctx, conn)
	return theirs
}

// reader makes the account reader of the appliance, which may use its REST API.
func (s *site) reader() {
	password := s.sps.Put("passwords", "", map[string]any{"plain": "readers-password"})
	key := s.sps.Put(spsUsers, "", map[string]any{
		"name": "reader", "password": password, "password_created": 1700000000,
	})
	group := "" // that of those who may use the REST API may be there already
	if there := s.named(spsGroups, "api"); len(there) > 0 {
		group = there[0].Key
	}
	s.sps.Put(spsGroups, group, map[string]any{"name": "api", "members": []any{key}})
}

// squats has an older object of a name on a developer's own server, under the key that the appliance has it under.
func (d *developer) squats(ctx context.Context, s *site, theirs *simsps.Appliance, name, key string) {
	GinkgoHelper()
	original, ok := s.sps.Object(rdpConnections, key)
	Expect(ok).To(BeTrue())
	theirs.Put(rdpConnections, key, original.Body)
	squatter := builder.RDPConnectionPolicy(name, builder.InNamespace(d.namespace), builder.Connection("own", ""),
		builder.Adopt(pamv1alpha1.AdoptionPolicyAlways), builder.Port(3391))
	d.makes(ctx, squatter)
	eventuallyReady(ctx, squatter)
	Expect(squatter.Status.Key).To(Equal(key))
	Eventually(func() *pamv1alpha1.CommitRecord {
		own := builder.SPSConnection("own", builder.InNamespace(d.namespace))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(own), own)).To(Succeed())
		return own.Status.LastCommit
	}).ShouldNot(BeNil())
	aSecondLater(squatter)
}

var _ = Describe("An author with a connection of their own (red team)", func() {
	always := builder.Adopt(pamv1alpha1.AdoptionPolicyAlways)

	It("does not keep a name by adopting it, with an account that turns out to be read-only", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.ReadOnlyUsers = []string{"reader"} }})
		s.reader()
		s.byHand("rdp-finance", `{}`)
		d := s.developer(ctx)
		in := builder.InNamespace(d.namespace)
		s.create(ctx, builder.SPSCredentialsSecret("reader", "readers-password", in), &corev1.ConfigMap{
			ObjectMeta: builder.Namespace("ca", in).ObjectMeta, Data: map[string]string{"ca.crt": s.ca},
		})
		own := s.spsConnection("own", in)
		d.makes(ctx, own)
		eventuallyReady(ctx, own)
		squatter := builder.RDPConnectionPolicy("rdp-finance", in, builder.Connection("own", ""))
		d.makes(ctx, squatter)
		eventuallyReady(ctx, squatter)
		Expect(squatter.Status.Origin).To(Equal(pamv1alpha1.OriginAdopted))

		aSecondLater(squatter)
		policy := s.policy("b", policyName("rdp-finance"), always, builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConflict)
		s.edit(ctx, rdpConnections, squatter.Status.Key, map[string]any{"active": false})
		change(ctx, squatter, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(true) })
		eventuallyReason(ctx, squatter, pamv1alpha1.ReasonUnauthorized)
		request(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "rdp-finance")).To(BeEmpty())
	})

	It("does not hold up the objects of others by a server that does not say who it is", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		key := s.byHand("rdp-finance", `{}`)
		d := s.developer(ctx)
		theirs := d.ownServer(ctx, s, simsps.Options{})
		d.squats(ctx, s, theirs, "rdp-finance", key)
		Expect(theirs.Faults().Set(fault.Rule{Name: "info", Path: "/api/info", Status: 404})).To(Succeed())

		policy := s.policy("b", policyName("rdp-finance"), always, builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { builder.Port(3392)(p) })
		eventuallyReady(ctx, policy)
	})

	It("does not keep what others delete on an appliance, by a server without config_hash", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		key := s.byHand("rdp-finance", `{}`)
		d := s.developer(ctx)
		theirs := d.ownServer(ctx, s, simsps.Options{Configure: func(w *simsps.Switches) { w.ConfigHash = false }})
		d.squats(ctx, s, theirs, "rdp-finance", key)
		policy := s.policy("b", policyName("rdp-finance"), always, builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "rdp-finance")).To(BeEmpty())
	})
})
