// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// foreignFinalizer is one that any author of an object may set, and that nobody takes away.
const foreignFinalizer = "test.pam-operator.io/stays"

// stays keeps a deleted object in the cluster until the spec is over.
func stays(o client.Object) {
	controllerutil.AddFinalizer(o, foreignFinalizer)
	DeferCleanup(func(ctx context.Context) {
		Expect(client.IgnoreNotFound(k8s.Patch(ctx, o,
			client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))).To(Succeed())
	})
}

// letGo says that nothing holds a deleted object but the finalizer of somebody else.
func letGo(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Eventually(func() []string {
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		return o.GetFinalizers()
	}).Should(ConsistOf(foreignFinalizer))
}

var _ = Describe("An author with the shipped roles (red team)", func() {
	merge := func(ctx context.Context, d *developer, o client.Object, patch string) {
		GinkgoHelper()
		Expect(d.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
	}

	It("does not set the password of a user that was taken over as identical", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		key := s.userByHand("viewer")
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{})
		s.create(ctx, builder.Secret("password", map[string]string{"password": canaryIntruderPassword},
			builder.InNamespace(d.namespace)))
		was := s.member(spsUsers, key, "password")()
		user := builder.LocalUser("viewer", d.through(s)...)
		d.makes(ctx, user)
		eventuallyReady(ctx, user)

		merge(ctx, d, user, `{"spec":{"passwordSecretRef":{"name":"password","key":"password"}}}`)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonAdoptionRefused)
		Expect(s.member(spsUsers, key, "password")()).To(Equal(was))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		merge(ctx, d, user, `{"spec":{"adoptionPolicy":"Always"}}`)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(s.member(spsUsers, key, "password")()).To(Equal(was))

		s.permits(ctx, d, pamv1alpha1.SPSGrant{Adoption: pamv1alpha1.AdoptionPolicyAlways})
		eventuallyReady(ctx, user)
		Expect(s.member(spsUsers, key, "password")()).NotTo(Equal(was))
		merge(ctx, d, user, `{"spec":{"adoptionPolicy":null}}`) // what was set once is managed
		eventuallyReady(ctx, user)
	})

	DescribeTable("does not get the rights of a group whose members it does not name",
		func(ctx context.Context, membership pamv1alpha1.Membership, members []pamv1alpha1.GroupMember) {
			s := newSite(ctx, simsps.Options{})
			bob := s.userByHand("bob")
			s.userByHand("mallory")
			key := s.sps.Put(spsGroups, "", map[string]any{"name": "secops", "members": []any{bob}})
			d := s.developer(ctx)
			s.permits(ctx, d, pamv1alpha1.SPSGrant{})
			group := builder.LocalUserGroup("secops", d.through(s)...)
			group.Spec.Membership, group.Spec.Members = membership, members
			d.makes(ctx, group)
			eventuallyReason(ctx, group, pamv1alpha1.ReasonAdoptionRefused)
			Expect(message(ctx, group)).To(ContainSubstring("the spec does not name all of its members"))
			merge(ctx, d, group, `{"spec":{"membership":"Additive","members":[{"user":"mallory"}]}}`)
			eventuallyReason(ctx, group, pamv1alpha1.ReasonAdoptionRefused)
			Expect(s.member(spsGroups, key, "members")()).To(ConsistOf(bob))

			merge(ctx, d, group, `{"spec":{"membership":"Exact","members":[{"user":"bob"}]}}`)
			eventuallyReady(ctx, group)
			Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		},
		Entry("by leaving them out", pamv1alpha1.MembershipExact, nil),
		Entry("by adding to them", pamv1alpha1.MembershipAdditive, []pamv1alpha1.GroupMember{}),
	)

	It("does not take over what another object manages by having been there first", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{})
		squatter := builder.RDPConnectionPolicy("rdp-finance", d.through(s, builder.Suspended())...)
		d.makes(ctx, squatter)
		eventuallyReason(ctx, squatter, pamv1alpha1.ReasonSuspended)
		policy := s.policy("b", policyName("rdp-finance"))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)

		merge(ctx, d, squatter, `{"spec":{"suspend":false}}`)
		eventuallyReason(ctx, squatter, pamv1alpha1.ReasonConflict)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { builder.Port(3390)(p) })
		eventuallyReady(ctx, policy)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "rdp-finance")).To(Or(BeEmpty(), ConsistOf(Not(
			HaveField("Key", policy.Status.Key)))))
	})

	It("does not keep a name by a finalizer of its own", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{})
		orphan := builder.OnDeletion(pamv1alpha1.DeletionPolicyOrphan)
		squatter := builder.RDPConnectionPolicy("rdp-finance", d.through(s, orphan, stays)...)
		d.makes(ctx, squatter)
		eventuallyReady(ctx, squatter)
		Expect(d.Delete(ctx, squatter)).To(Succeed())
		letGo(ctx, squatter)
		policy := s.policy("b", policyName("rdp-finance"))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
	})

	It("does not keep a place of a connection by a finalizer of its own", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{}, activeSessions(1))
		gone := s.activeSession(ctx, "gone", stays)
		Expect(editor(ctx, s.namespace).Delete(ctx, gone)).To(Succeed())
		letGo(ctx, gone)
		Expect(s.atServer(gone).Status).To(BeElementOf(ended))
		s.activeSession(ctx, "next")
	})

	DescribeTable("learns that a session cannot begin at the end of all times, and nothing is sent",
		func(ctx context.Context, year int, more ...builder.Option) {
			s := newServerSite(ctx, simnps.Options{})
			last := metav1.Date(year, 12, 31, 23, 59, 0, 0, time.UTC)
			session := s.session(ctx, "late", append(more, builder.With(func(o *pamv1alpha1.ActivitySession) {
				o.Spec.StartTime = &last
			}))...)
			eventuallyReason(ctx, session, pamv1alpha1.ReasonInvalidSpec)
			Expect(message(ctx, session)).To(ContainSubstring("spec.startTime: at most 8760h"))
			Expect(s.nps.Stats().Creates).To(BeZero())
			Expect(editor(ctx, s.namespace).Delete(ctx, session)).To(Succeed())
			eventuallyGone(ctx, session)
		},
		Entry("with the last minute of what a status can hold", 9999),
		Entry("with an end after it", 9999, builder.Duration(time.Hour)),
		Entry("in some years", time.Now().Year()+2),
	)
})
