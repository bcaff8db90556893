// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = onEverySPS("LocalUserGroup", func() {
	for _, shape := range []string{simsps.MembersNames, simsps.MembersKeys, simsps.MembersRefs} {
		It("has exactly the members of its spec, where they are shown as "+shape, func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.MembersShape = shape }})
			bob, carol := s.userByHand("bob"), s.userByHand("carol")
			alice := s.alice(ctx)
			group := s.group("staff", builder.Members("bob"), builder.MemberRefs("alice"))
			s.create(ctx, group)
			eventuallyReady(ctx, group)
			eventuallyReady(ctx, alice)
			members := s.member(spsGroups, group.Status.Key, "members")
			Expect(members()).To(ConsistOf(bob, alice.Status.Key))
			Expect(group.Status.Members).To(Equal([]string{"alice", "bob"}))

			s.edit(ctx, spsGroups, group.Status.Key, map[string]any{"members": []any{carol}})
			Eventually(members).Should(ConsistOf(bob, alice.Status.Key))
			change(ctx, group, func(g *pamv1alpha1.LocalUserGroup) { g.Spec.Members = []pamv1alpha1.GroupMember{} })
			eventuallyReady(ctx, group)
			Expect(members()).To(BeEmpty())
			Expect(k8s.Delete(ctx, group)).To(Succeed())
			eventuallyGone(ctx, group)
			Expect(s.named(spsGroups, "staff")).To(BeEmpty())
		})

		It("never loses a member with membership Additive, where they are shown as "+shape, func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.MembersShape = shape }})
			bob, carol := s.userByHand("bob"), s.userByHand("carol")
			key := s.sps.Put(spsGroups, "", map[string]any{"name": "staff", "members": []any{carol}})
			group := s.group("staff", builder.Members("bob"), builder.Adopt(pamv1alpha1.AdoptionPolicyAlways))
			group.Spec.Membership = pamv1alpha1.MembershipAdditive
			s.create(ctx, group)
			eventuallyReady(ctx, group)
			Expect(s.member(spsGroups, key, "members")()).To(ConsistOf(carol, bob))
			s.edit(ctx, spsGroups, key, map[string]any{"members": []any{}})
			Eventually(s.member(spsGroups, key, "members")).Should(ConsistOf(bob))
		})
	}

	It("is not created while it is suspended, and neither is a user", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := builder.LocalUser("alice", append(s.in("sps"), builder.PasswordFrom("alice"), builder.Suspended())...)
		group := s.group("staff", builder.Suspended())
		s.create(ctx, s.secret(), user, group)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonSuspended)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonSuspended)
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		change(ctx, user, func(u *pamv1alpha1.LocalUser) { u.Spec.Suspend = nil })
		change(ctx, group, func(g *pamv1alpha1.LocalUserGroup) { g.Spec.Suspend = nil })
		eventuallyReady(ctx, user)
		eventuallyReady(ctx, group)
	})

	It("leaves the members alone if the spec has none", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		bob := s.userByHand("bob")
		group := s.group("staff")
		s.create(ctx, group)
		eventuallyReady(ctx, group)
		opened := s.sps.Stats().TransactionsOpened
		s.edit(ctx, spsGroups, group.Status.Key, map[string]any{"members": []any{bob}})
		Eventually(func() []string {
			_ = ready(ctx, group)()
			return group.Status.Members
		}).Should(ConsistOf("bob"))
		Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened))
	})

	It("shows a difference of members by their names", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		bob := s.userByHand("bob")
		s.userByHand("alice")
		s.sps.Put(spsGroups, "", map[string]any{"name": "staff", "members": []any{bob}})
		group := s.group("staff", builder.Members("alice"), builder.Manage(pamv1alpha1.ManagementPolicyObserve))
		s.create(ctx, group)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonDriftDetected)
		Expect(group.Status.Drift).To(ConsistOf(
			pamv1alpha1.DriftedField{Path: "members", Desired: "[alice]", Actual: "[bob]"}))
	})

	It("waits for a LocalUser and is woken by it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		group := s.group("staff", builder.MemberRefs("alice"))
		s.create(ctx, group)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, group)).To(ContainSubstring("LocalUser " + s.namespace + "/alice does not exist"))
		user := builder.LocalUser("alice", append(s.in("sps"), builder.PasswordFrom("alice"))...)
		s.create(ctx, user)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonProgressing)
		s.create(ctx, s.secret())
		eventuallyReady(ctx, group)
		Expect(group.Status.Members).To(ConsistOf("alice"))
	})

	It("does not refer to a user of another appliance", func(ctx context.Context) {
		s, other := newSite(ctx, simsps.Options{}), newBareSite(ctx, simsps.Options{})
		s.create(ctx, s.spsConnection("other", builder.URL(other.running.URL("sps")), builder.With(
			func(c *pamv1alpha1.SPSConnection) {
				c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
			})))
		user := builder.LocalUser("alice",
			builder.InNamespace(s.namespace), builder.Connection("other", ""), builder.PasswordFrom("alice"))
		s.create(ctx, s.secret(), user)
		eventuallyReady(ctx, user)
		group := s.group("staff", builder.MemberRefs("alice"))
		s.create(ctx, group)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonInvalidSpec)
		Expect(message(ctx, group)).To(ContainSubstring("another appliance"))
	})

	It("names the users that are near a name that does not exist", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		bob := s.userByHand("bobby")
		group := s.group("staff", builder.Members("boby"))
		s.create(ctx, group)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, group)).To(And(ContainSubstring("spec.members[0]"), ContainSubstring("bobby")))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		s.edit(ctx, spsUsers, bob, map[string]any{"name": "boby"})
		eventuallyReady(ctx, group)
	})

	It("does not touch a group that comes with the appliance", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		group := s.group("http-write", builder.Members(), builder.Adopt(pamv1alpha1.AdoptionPolicyAlways))
		s.create(ctx, group)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonInvalidSpec)
		Expect(k8s.Delete(ctx, group)).To(Succeed())
		eventuallyGone(ctx, group)
		Expect(s.named(spsGroups, "http-write")).To(HaveLen(1))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
	})

	It("is waited for by a policy that names it as authorizer, and cannot go while it does", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.AccessControl = []pamv1alpha1.AccessControlRule{{
				AuthorizerRef: &pamv1alpha1.LocalReference{Name: "auditors"}, Permission: pamv1alpha1.AccessPermissionAudit,
			}}
		}))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonReferenceNotFound)
		group := s.group("auditors", builder.MemberRefs("alice"))
		s.create(ctx, group)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonProgressing)
		s.alice(ctx)
		eventuallyReady(ctx, policy)

		Expect(k8s.Delete(ctx, group)).To(Succeed())
		eventuallyReason(ctx, group, pamv1alpha1.ReasonDeletionBlocked)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		change(ctx, group, func(g *pamv1alpha1.LocalUserGroup) { g.Annotations = map[string]string{wakes: "again"} })
		eventuallyGone(ctx, group)
	})
})

// group makes a group that goes through the connection sps.
func (s *site) group(name string, options ...builder.Option) *pamv1alpha1.LocalUserGroup {
	return builder.LocalUserGroup(name, append(s.in("sps"), options...)...)
}
