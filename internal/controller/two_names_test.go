// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// underAnotherName makes a connection to the site's appliance under another name.
func (s *site) underAnotherName(ctx context.Context) *pamv1alpha1.SPSConnection {
	GinkgoHelper()
	conn := s.spsConnection("other", builder.URL(strings.Replace(s.running.URL("sps"), "127.0.0.1", "localhost", 1)))
	s.create(ctx, conn)
	eventuallyReady(ctx, conn)
	return conn
}

// through makes a policy of the name a, which takes over whatever is there.
func (s *site) through(connection, name string, active bool) *pamv1alpha1.RDPConnectionPolicy {
	p := builder.RDPConnectionPolicy(name,
		append(s.in(connection), policyName("a"), builder.Adopt(pamv1alpha1.AdoptionPolicyAlways))...)
	p.Spec.Active = &active
	return p
}

// aSecondLater waits until what is created now is younger than what was created before: creation times have seconds.
func aSecondLater(o client.Object) {
	GinkgoHelper()
	Eventually(func() time.Duration { return time.Since(o.GetCreationTimestamp().Time) }).
		Should(BeNumerically(">", 1100*time.Millisecond))
}

var _ = onSPS("One appliance under two names", []string{"6.0", "8.0"}, func() {
	It("is owned by the older object, and by nobody in turn", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		older := s.through("sps", "older", true)
		s.create(ctx, older)
		eventuallyReady(ctx, older)
		conn := s.underAnotherName(ctx)
		aSecondLater(older)
		younger := s.through("other", "younger", false)
		s.create(ctx, younger)
		eventuallyReason(ctx, younger, pamv1alpha1.ReasonConflict)
		Expect(message(ctx, younger)).To(And(ContainSubstring("/older, which is older"),
			ContainSubstring("reaches this same appliance as "+s.running.URL("sps"))))
		eventuallyReady(ctx, older)
		Expect(s.sps.Stats().Commits).To(Equal(1))

		// That it was taken over before anybody knew does not give it a right to it either.
		change(ctx, conn, func(c *pamv1alpha1.SPSConnection) { c.Labels = map[string]string{"known": "yes"} })
		Eventually(func() error {
			if err := k8s.Get(ctx, client.ObjectKeyFromObject(younger), younger); err != nil {
				return err
			}
			younger.Status.Key, younger.Status.Origin = older.Status.Key, pamv1alpha1.OriginAdopted
			return k8s.Status().Update(ctx, younger)
		}).Should(Succeed())
		change(ctx, younger, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Finalizers = []string{pamv1alpha1.Finalizer} })
		Expect(k8s.Delete(ctx, younger)).To(Succeed())
		eventuallyGone(ctx, younger)
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
		Expect(s.sps.Stats().Commits).To(Equal(1))
	})

	It("is owned by the older object, also if that adopted what is there without a write", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.byHand("a", `{}`)
		older := s.policy("older", policyName("a"))
		s.create(ctx, older)
		eventuallyReady(ctx, older)
		Expect(older.Status.Origin).To(Equal(pamv1alpha1.OriginAdopted))
		second := s.spsConnection("second")
		s.create(ctx, second)
		eventuallyReady(ctx, second)
		s.underAnotherName(ctx)
		aSecondLater(older)
		for _, connection := range []string{"second", "other"} {
			younger := s.through(connection, "through-"+connection, false)
			s.create(ctx, younger)
			eventuallyReason(ctx, younger, pamv1alpha1.ReasonConflict)
		}
		Expect(ready(ctx, older)()).To(Equal("True Synced"))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
	})

	It("is shown on its connections, once it has changed before both", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		conn := s.underAnotherName(ctx)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Eventually(func() string { s.checkedAgain(ctx); return message(ctx, conn) }).
			Should(ContainSubstring("the same appliance that other connections reach as " + s.running.URL("sps")))
		user := builder.LocalUser("operator", s.in("other")...)
		s.create(ctx, user)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonInvalidSpec)
	})
})

var _ = Describe("Two appliances that call themselves the same", func() {
	It("are two, although one shows the objects of the other", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		older := s.through("sps", "older", true)
		s.create(ctx, older)
		eventuallyReady(ctx, older)

		// Restored from the same backup, and gone on by itself since.
		clone := simsps.New(simsps.Options{Users: map[string]string{"operator": canarySPSPassword}})
		original, _ := s.sps.Object(rdpConnections, older.Status.Key)
		clone.Put(rdpConnections, original.Key, original.Body)
		clone.Put(spsGroups, "", map[string]any{"name": "since", "members": []any{}})
		serving, stop := context.WithCancel(context.WithoutCancel(ctx))
		DeferCleanup(stop)
		running, err := simulator.Serve(serving, simulator.Config{
			CA: s.running.CA(), Listeners: []simulator.Listener{{Name: "clone", Handler: clone.Handler()}},
		})
		Expect(err).NotTo(HaveOccurred())
		conn := s.spsConnection("clone", builder.URL(running.URL("clone")))
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)

		aSecondLater(older)
		younger := s.through("clone", "younger", false)
		s.create(ctx, younger)
		eventuallyReady(ctx, younger)
		eventuallyReady(ctx, older)
		Expect(s.member(rdpConnections, older.Status.Key, "active")()).To(BeTrue())
		theirs, _ := clone.Object(rdpConnections, younger.Status.Key)
		Expect(theirs.Body).To(HaveKeyWithValue("active", false))
		Expect(k8s.Delete(ctx, younger)).To(Succeed())
		eventuallyGone(ctx, younger)
		Expect(clone.Objects(rdpConnections)).To(BeEmpty())
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})
})

var _ = Describe("A server that repeats what an appliance says", func() {
	It("is not that appliance, because it has not its private key", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		serving, stop := context.WithCancel(context.WithoutCancel(ctx))
		DeferCleanup(stop)
		running, err := simulator.Serve(serving, simulator.Config{
			Listeners: []simulator.Listener{{Name: "echo", Handler: s.sps.Handler()}},
		})
		Expect(err).NotTo(HaveOccurred())
		s.create(ctx, s.spsConnection("echo", builder.URL(running.URL("echo")),
			builder.With(func(c *pamv1alpha1.SPSConnection) {
				c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
			})))
		squatter := s.through("echo", "squatter", true)
		s.create(ctx, squatter)
		eventuallyReady(ctx, squatter)

		aSecondLater(squatter)
		rightful := s.through("sps", "rightful", true)
		s.create(ctx, rightful)
		eventuallyReady(ctx, rightful)
		Expect(rightful.Status.Key).To(Equal(squatter.Status.Key))
	})
})

var _ = Describe("An object that somebody else writes again and again", func() {
	It("is given up with Conflict, and written again with the next spec", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.Port(3390))
		policy.Spec.Active = new(true)
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		key := policy.Status.Key
		undo := func() { s.edit(ctx, rdpConnections, key, map[string]any{"active": false}) }
		for i := range 6 {
			undo()
			// Ready is still true of the time before; only the record says that the repair was confirmed.
			Eventually(func() int {
				Expect(k8s.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
				return len(policy.Status.Repairs)
			}).Should(Equal(i + 1))
			eventuallyReady(ctx, policy)
		}
		undo()
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConflict)
		Expect(message(ctx, policy)).To(And(ContainSubstring("written 6 times within an hour"),
			ContainSubstring("changed again each time; now the appliance differs in active"),
			ContainSubstring("as soon as the spec changes")))
		Expect(policy.Status.Repairs).To(HaveLen(6))
		Expect(policy.Status.Drift).To(HaveLen(1))
		commits := s.sps.Stats().Commits
		s.checkedAgain(ctx)
		s.checkedAgain(ctx)
		Expect(s.sps.Stats().Commits).To(Equal(commits))

		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Network.Ports = []int32{3391} })
		eventuallyReady(ctx, policy)
		Expect(s.member(rdpConnections, key, "active")()).To(BeTrue())
		Expect(policy.Status.Repairs).To(BeEmpty())
	})
})
