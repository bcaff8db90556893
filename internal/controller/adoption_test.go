// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// lostCommit carries the first commit out and loses its answer.
var lostCommit = fault.Rule{
	Name: "lost commit", Method: http.MethodPut, Path: "^/api/transaction", Times: 1, Drop: fault.DropAfter,
}

// lockAtCommit lets somebody sit down at the web page as soon as a commit has come, which itself still goes through.
func lockAtCommit(appliance *simsps.Appliance) func(*http.Request) {
	return func(r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == "/api/transaction" {
			appliance.LockBy("admin", simsps.ViaUI)
		}
	}
}

var _ = onEverySPS("Who owns an object on the appliance", func() {
	DescribeTable("what is there already is taken over as adoptionPolicy says",
		func(ctx context.Context, adoption pamv1alpha1.AdoptionPolicy, active bool, want string, stays bool) {
			s := newSite(ctx, simsps.Options{})
			key := s.byHand("theirs", `{}`)
			policy := s.policy("a", policyName("theirs"), builder.Adopt(adoption))
			policy.Spec.Active = &active
			s.create(ctx, policy)
			Eventually(ready(ctx, policy)).Should(Equal(want), func() string { return describe(policy) })
			Expect(s.named(rdpConnections, "theirs")).To(HaveLen(1))
			if want == "True Synced" {
				Expect(policy.Status.Key).To(Equal(key))
				Expect(s.member(rdpConnections, key, "active")()).To(Equal(active))
			} else {
				Expect(message(ctx, policy)).To(ContainSubstring(key))
				if !active {
					Expect(policy.Status.Drift).To(ConsistOf(And(HaveField("Path", "active"), HaveField("Actual", "true"))))
				}
				Expect(policy.Status.Origin).To(BeEmpty(), "it is not ours")
				Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
			}
			Expect(k8s.Delete(ctx, policy)).To(Succeed())
			eventuallyGone(ctx, policy)
			_, there := s.sps.Object(rdpConnections, key)
			Expect(there).To(Equal(stays))
		},
		Entry("Never, equal", pamv1alpha1.AdoptionPolicyNever, true, "False AdoptionRefused", true),
		Entry("Never, different", pamv1alpha1.AdoptionPolicyNever, false, "False AdoptionRefused", true),
		Entry("IfIdentical, equal", pamv1alpha1.AdoptionPolicyIfIdentical, true, "True Synced", false),
		Entry("IfIdentical, different", pamv1alpha1.AdoptionPolicyIfIdentical, false, "False AdoptionRefused", true),
		Entry("left out, different", pamv1alpha1.AdoptionPolicy(""), false, "False AdoptionRefused", true),
		Entry("Always, equal", pamv1alpha1.AdoptionPolicyAlways, true, "True Synced", false),
		Entry("Always, different", pamv1alpha1.AdoptionPolicyAlways, false, "True Synced", false),
	)

	DescribeTable("a new object is judged by what the appliance has, not by what was read before the object was written",
		func(ctx context.Context, there bool, meanwhile func(s *site, key string), options ...builder.Option) {
			s := newSite(ctx, simsps.Options{})
			s.create(ctx, s.spsConnection("hourly", builder.With(func(c *pamv1alpha1.SPSConnection) {
				c.Spec.DriftCheckInterval = &metav1.Duration{Duration: time.Hour}
			})))
			hourly := builder.Connection("hourly", "")
			key := ""
			if there {
				key = s.byHand("theirs", `{"active": false}`)
			}
			first := s.policy("first", hourly)
			s.create(ctx, first)
			eventuallyReady(ctx, first)

			meanwhile(s, key)
			policy := s.policy("a", append(options, hourly, policyName("theirs"))...)
			s.create(ctx, policy)
			var verdict string
			Eventually(func() string {
				verdict = ready(ctx, policy)()
				return verdict
			}).ShouldNot(BeElementOf("not yet observed", "False Progressing"))
			Expect(verdict).To(Equal("True Synced"), func() string { return describe(policy) })
		},
		Entry("made by hand since, and only observed", false,
			func(s *site, _ string) { s.byHand("theirs", `{}`) }, builder.Manage(pamv1alpha1.ManagementPolicyObserve)),
		Entry("made equal by hand since", true,
			func(s *site, key string) { s.editUnseen(rdpConnections, key, map[string]any{"active": true}) }),
		Entry("removed by hand since", true,
			func(s *site, key string) { Expect(s.sps.Remove(rdpConnections, key)).To(BeTrue()) }),
	)

	It("is the older one of two, and the other one waits and then takes its place", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		winner := s.policy("a", policyName("shared"))
		loser := s.policy("b", policyName("shared"), builder.Port(3390))
		s.create(ctx, winner)
		eventuallyReady(ctx, winner)
		s.create(ctx, loser)
		eventuallyReason(ctx, loser, pamv1alpha1.ReasonConflict)
		Expect(message(ctx, loser)).To(ContainSubstring(s.namespace + "/a"))
		s.expectBody(winner, `{}`, "the winner's")

		third := s.policy("c", policyName("shared"))
		s.create(ctx, third)
		eventuallyReason(ctx, third, pamv1alpha1.ReasonConflict)
		Expect(k8s.Delete(ctx, third)).To(Succeed())
		eventuallyGone(ctx, third)
		s.expectBody(winner, `{}`, "a loser never deletes")

		Expect(k8s.Delete(ctx, winner)).To(Succeed())
		eventuallyGone(ctx, winner)
		eventuallyReady(ctx, loser)
		Expect(s.body(loser)).To(HaveKeyWithValue("network", HaveKeyWithValue("ports", ConsistOf(3390.0))))
		Expect(s.named(rdpConnections, "shared")).To(HaveLen(1))
	})

	It("is left on the appliance with deletionPolicy Orphan, also when that is said while it is being deleted",
		func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{})
			first, second := s.policy("a", builder.OnDeletion(pamv1alpha1.DeletionPolicyOrphan)), s.policy("b")
			s.create(ctx, first, second)
			eventuallyReady(ctx, first)
			eventuallyReady(ctx, second)
			Expect(k8s.Delete(ctx, first)).To(Succeed())
			eventuallyGone(ctx, first)

			s.refuse(simsps.Refusal{Collection: rdpConnections, Message: "still in use"})
			Expect(k8s.Delete(ctx, second)).To(Succeed())
			eventuallyReason(ctx, second, pamv1alpha1.ReasonDeletionBlocked)
			Expect(message(ctx, second)).To(ContainSubstring("still in use"))
			change(ctx, second, func(p *pamv1alpha1.RDPConnectionPolicy) {
				p.Spec.DeletionPolicy = pamv1alpha1.DeletionPolicyOrphan
			})
			eventuallyGone(ctx, second)
			Expect(s.sps.Objects(rdpConnections)).To(HaveLen(2))
		})

	It("is not written while the object is suspended, and not deleted", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.Suspended())
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonSuspended)
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Suspend = nil })
		eventuallyReady(ctx, policy)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.Suspend, p.Spec.Active = new(true), new(false)
		})
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonSuspended)
		Expect(policy.Status.Drift).To(ConsistOf(HaveField("Path", "active")))
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		Eventually(func() string { return message(ctx, policy) }).Should(ContainSubstring("deletion waits"))
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Suspend = nil })
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(BeEmpty())
	})

	It("is not written while the connection is suspended, and differences are still shown", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		opened := s.sps.Stats().TransactionsOpened
		change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = new(true) })
		eventuallyReason(ctx, s.connection(ctx), pamv1alpha1.ReasonSuspended)
		Expect(message(ctx, s.connection(ctx))).To(ContainSubstring("the appliance answers"))
		s.edit(ctx, rdpConnections, policy.Status.Key, map[string]any{"name": "renamed"})
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonSuspended)
		Expect(message(ctx, policy)).To(HavePrefix("the connection is suspended"))
		Expect(policy.Status.Drift).To(ConsistOf(HaveField("Path", "policyName")))
		Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened))
		change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = nil })
		eventuallyReady(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})
})
