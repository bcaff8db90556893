// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

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
})
