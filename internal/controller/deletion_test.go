// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("Deletion", func() {
	DescribeTable("of a user, a group that has it and a policy that names the group leaves nothing, in any order",
		func(ctx context.Context, first, second, third int) {
			s := newSite(ctx, simsps.Options{})
			user := s.alice(ctx)
			group := builder.LocalUserGroup("staff", append(s.in("sps"), builder.MemberRefs("alice"))...)
			policy := s.policy("a", builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
				p.Spec.AccessControl = []pamv1alpha1.AccessControlRule{{
					AuthorizerRef: &pamv1alpha1.LocalReference{Name: "staff"}, Permission: pamv1alpha1.AccessPermissionAudit,
				}}
			}))
			s.create(ctx, group, policy)
			all := []client.Object{user, group, policy}
			for _, o := range all {
				eventuallyReady(ctx, o)
			}
			for _, i := range []int{first, second, third} {
				Expect(k8s.Delete(ctx, all[i])).To(Succeed())
			}
			for _, o := range all {
				eventuallyGone(ctx, o)
			}
			Expect(s.named(spsUsers, "alice")).To(BeEmpty())
			Expect(s.named(spsGroups, "staff")).To(BeEmpty())
			Expect(s.named(rdpConnections, "a")).To(BeEmpty())
		},
		Entry("user, group, policy", 0, 1, 2), Entry("user, policy, group", 0, 2, 1), Entry("group, user, policy", 1, 0, 2),
		Entry("group, policy, user", 1, 2, 0), Entry("policy, user, group", 2, 0, 1), Entry("policy, group, user", 2, 1, 0),
	)

	It("erases what it stands for although somebody removed the finalizer, which comes back", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user, policy := s.alice(ctx), s.policy("a")
		s.create(ctx, policy)
		for _, o := range []client.Object{user, policy} {
			eventuallyReady(ctx, o)
			change(ctx, o, func(o client.Object) { o.SetFinalizers(nil) })
			Eventually(func() []string {
				Expect(k8s.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
				return o.GetFinalizers()
			}).Should(ConsistOf(pamv1alpha1.Finalizer))
			Expect(k8s.Delete(ctx, o)).To(Succeed())
			eventuallyGone(ctx, o)
		}
		Expect(s.named(spsUsers, "alice")).To(BeEmpty())
		Expect(s.named(rdpConnections, "a")).To(BeEmpty())
	})

	It("that the appliance refuses is shown, and goes on soon after the cause is fixed", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		group := builder.LocalUserGroup("staff", append(s.in("sps"), builder.Members())...)
		s.create(ctx, group)
		eventuallyReady(ctx, group)
		policy := s.byHand("by hand", `{"access_control": [{"authorizer": "staff", "permission": "audit",
			"require_different_ip": true, "require_different_username": true, "subject": {"selection": "everybody"}}]}`)
		Expect(k8s.Delete(ctx, group)).To(Succeed())
		eventuallyReason(ctx, group, pamv1alpha1.ReasonDeletionBlocked)
		s.remove(ctx, rdpConnections, policy)
		eventuallyGone(ctx, group)
		Expect(s.named(spsGroups, "staff")).To(BeEmpty())
	})

	DescribeTable("while something is suspended waits and says so, unless the object is to stay on the appliance",
		func(ctx context.Context, suspended string, suspend func(context.Context, *site, *pamv1alpha1.RDPConnectionPolicy)) {
			s := newSite(ctx, simsps.Options{})
			waiting, orphan := s.policy("a"), s.policy("b", builder.OnDeletion(pamv1alpha1.DeletionPolicyOrphan))
			s.create(ctx, waiting, orphan)
			for _, o := range []*pamv1alpha1.RDPConnectionPolicy{waiting, orphan} {
				eventuallyReady(ctx, o)
				suspend(ctx, s, o)
			}
			Expect(k8s.Delete(ctx, orphan)).To(Succeed())
			eventuallyGone(ctx, orphan)
			Expect(k8s.Delete(ctx, waiting)).To(Succeed())
			note := MatchRegexp("^deletion waits, until [0-9TZ:-]+ at most: the " + suspended +
				" is suspended: resume it, or set deletionPolicy: Orphan$")
			Eventually(func() string { return message(ctx, waiting) }).Should(note)
			Eventually(told(ctx, waiting)).Should(HaveKeyWithValue(message(ctx, waiting), pamv1alpha1.ReasonSuspended))
			change(ctx, waiting, func(p *pamv1alpha1.RDPConnectionPolicy) {
				p.Spec.DeletionPolicy = pamv1alpha1.DeletionPolicyOrphan
			})
			eventuallyGone(ctx, waiting)
			Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
			Expect(s.named(rdpConnections, "b")).To(HaveLen(1))
		},
		Entry("the object", "object", func(ctx context.Context, _ *site, p *pamv1alpha1.RDPConnectionPolicy) {
			change(ctx, p, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Suspend = new(true) })
			eventuallyReady(ctx, p) // nothing differs
		}),
		Entry("the connection", "connection", func(ctx context.Context, s *site, _ *pamv1alpha1.RDPConnectionPolicy) {
			change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = new(true) })
			eventuallyReason(ctx, s.connection(ctx), pamv1alpha1.ReasonSuspended)
		}),
	)

	It("of a connection waits for the objects that need it, and for no others", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		conn := s.connection(ctx)
		Eventually(func() []string { return s.connection(ctx).Finalizers }).Should(ContainElement(pamv1alpha1.Finalizer))
		Expect(k8s.Delete(ctx, conn)).To(Succeed())
		Eventually(func() string { return fmt.Sprint(told(ctx, conn)()) }).Should(And(
			ContainSubstring("deletion waits"), ContainSubstring(s.namespace+"/a")))
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.DeletionPolicy = pamv1alpha1.DeletionPolicyOrphan
		})
		eventuallyGone(ctx, conn)

		s.create(ctx, s.spsConnection("unused"))
		unused := builder.SPSConnection("unused", builder.InNamespace(s.namespace))
		eventuallyReady(ctx, unused)
		Expect(unused.Finalizers).To(BeEmpty())
	})
})
