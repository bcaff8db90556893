// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = onEverySPS("An RDPConnectionPolicy and what others do on its appliance", func() {
	It("leaves alone what the spec does not mention", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
			w.OptionalMembers = append(w.OptionalMembers, "future_member")
		}})
		policy := s.policy("a", builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		s.edit(ctx, rdpConnections, policy.Status.Key, map[string]any{
			"rate_limit": map[string]any{"enabled": true, "value": 7}, "future_member": map[string]any{"level": 5.0},
		})
		want := s.body(policy)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(false) })
		eventuallyReady(ctx, policy)
		want["active"] = false
		Expect(cmp.Diff(want, s.body(policy))).To(BeEmpty())
	})

	It("repairs a change by hand, and says so in an Event", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		want := s.body(policy)
		s.edit(ctx, rdpConnections, policy.Status.Key, map[string]any{"name": "renamed", "network": map[string]any{
			"clients": []any{"0.0.0.0/0"}, "targets": []any{"0.0.0.0/0"}, "ports": []any{1},
		}})
		Eventually(func() string { return cmp.Diff(want, s.body(policy)) }).Should(BeEmpty())
		Eventually(told(ctx, policy)).Should(HaveKeyWithValue(
			"written again, because the appliance differed in policyName, network.ports", pamv1alpha1.ReasonDriftDetected))
		eventuallyReady(ctx, policy)
		Expect(policy.Status.Drift).To(BeEmpty())
	})

	It("only reports a change by hand with managementPolicy Observe", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		key := s.byHand("watched", `{"network": {"clients": ["0.0.0.0/0"], "targets": ["0.0.0.0/0"], "ports": [3390]}}`)
		policy := s.policy("a",
			policyName("watched"), builder.Port(3390), builder.Manage(pamv1alpha1.ManagementPolicyObserve))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		writes := s.sps.Stats().Writes

		s.edit(ctx, rdpConnections, key, map[string]any{"network": map[string]any{
			"clients": []any{"0.0.0.0/0"}, "targets": []any{"0.0.0.0/0"}, "ports": []any{22},
		}})
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonDriftDetected)
		want := []pamv1alpha1.DriftedField{{Path: "network.ports", Desired: "[3390]", Actual: "[22]"}}
		Expect(cmp.Diff(want, policy.Status.Drift)).To(BeEmpty())
		Expect(holds(ctx, policy, pamv1alpha1.ConditionDriftDetected)()).To(BeTrue())

		s.remove(ctx, rdpConnections, key)
		Eventually(func() string { return message(ctx, policy) }).Should(ContainSubstring("does not exist"))
		Expect(holds(ctx, policy, pamv1alpha1.ConditionDriftDetected)()).To(BeTrue())
		Expect(s.sps.Stats().Writes).To(Equal(writes))

		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
	})

	It("shows what another policy is referred to by its name", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		key := s.byHand("watched", `{}`)
		policies, ok := s.sps.Objects(rdpConnections)[0].Body["policies"].(map[string]any)
		Expect(ok).To(BeTrue())
		policy := s.policy("a", policyName("watched"), builder.Manage(pamv1alpha1.ManagementPolicyObserve),
			builder.References(pamv1alpha1.PolicyReferences{Channel: &pamv1alpha1.ApplianceReference{Name: "all"}}))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		other := s.sps.Put("rdp/channel_policies", "", map[string]any{"name": "restricted"})
		policies["channel_policy"] = other
		s.edit(ctx, rdpConnections, key, map[string]any{"policies": policies})
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonDriftDetected)
		want := []pamv1alpha1.DriftedField{{Path: "policies.channel", Desired: `"all"`, Actual: `"restricted"`}}
		Expect(cmp.Diff(want, policy.Status.Drift)).To(BeEmpty())
	})

	It("does not take over what it only observed, if adoptionPolicy forbids it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		key := s.byHand("watched", `{}`)
		policy := s.policy("a", policyName("watched"), builder.Port(1), builder.Manage(pamv1alpha1.ManagementPolicyObserve))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonDriftDetected)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.ManagementPolicy = "" })
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonAdoptionRefused)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		_, there := s.sps.Object(rdpConnections, key)
		Expect(there).To(BeTrue())
		Expect(s.sps.Stats().Writes).To(BeZero())
	})

	It("shows its place in the order of evaluation", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.byHand("first", `{}`)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(policy.Status.Position).To(HaveValue(BeEquivalentTo(2)))
		Expect(s.sps.Move(rdpConnections, policy.Status.Key, 0)).To(BeTrue())
		s.look(ctx)
		Eventually(func() *int32 {
			_ = ready(ctx, policy)()
			return policy.Status.Position
		}).Should(HaveValue(BeEquivalentTo(1)))
	})

	It("is made again after somebody deleted it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		former := policy.Status.Key
		s.remove(ctx, rdpConnections, former)
		Eventually(func() string {
			_ = ready(ctx, policy)()
			return policy.Status.Key
		}).ShouldNot(Equal(former))
		eventuallyReady(ctx, policy)
		s.expectBody(policy, `{}`, "made again")
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})

	It("does not take over what somebody made in its place", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.Adopt(pamv1alpha1.AdoptionPolicyNever))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Suspend = new(true) })
		eventuallyReady(ctx, policy)
		s.remove(ctx, rdpConnections, policy.Status.Key)
		theirs := s.byHand("a", `{"active": false}`)
		s.look(ctx)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonAdoptionRefused)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Suspend = nil })
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonAdoptionRefused)
		Expect(s.member(rdpConnections, theirs, "active")()).To(BeFalse())
	})

	It("makes a thousand passes over what does not differ without a transaction or a write", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		const number, passes = 100, 1000
		policies := make([]*pamv1alpha1.RDPConnectionPolicy, 0, number)
		for i := range number {
			policies = append(policies, s.policy(fmt.Sprintf("p%d", i), builder.Port(3390)))
			s.create(ctx, policies[i])
		}
		versions := map[string]string{}
		for _, p := range policies {
			eventuallyReady(ctx, p)
			versions[p.Name] = p.ResourceVersion
		}
		s.checkedAgain(ctx) // what the batch itself caused is over
		before, begun := s.sps.Stats(), passesOf("rdpconnectionpolicy")
		Eventually(func() float64 {
			s.sps.Put("policies/backup_policies", "", map[string]any{"name": "unrelated"}) // everybody looks again
			s.checkedAgain(ctx)
			return passesOf("rdpconnectionpolicy") - begun
		}).WithTimeout(4 * patience).Should(BeNumerically(">=", passes))

		after := s.sps.Stats()
		Expect(after.TransactionsOpened).To(Equal(before.TransactionsOpened))
		Expect(after.Writes).To(Equal(before.Writes))
		for _, p := range policies {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
			Expect(p.ResourceVersion).To(Equal(versions[p.Name]), p.Name)
		}
	})

	It("shares a transaction with changes that come at the same time", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		s.create(ctx, s.spsConnection("sps", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.Commit.Window = &metav1.Duration{Duration: time.Second}
		})))
		eventuallyReady(ctx, s.connection(ctx))
		const number = 20
		policies := make([]*pamv1alpha1.RDPConnectionPolicy, 0, number)
		for i := range number {
			policies = append(policies, s.policy(fmt.Sprintf("p%d", i)))
			s.create(ctx, policies[i])
		}
		for _, p := range policies {
			eventuallyReady(ctx, p)
		}
		Expect(s.sps.Stats().Commits).To(Equal(1))
		Expect(s.sps.Objects(rdpConnections)).To(HaveLen(number))
		Eventually(func() *pamv1alpha1.CommitRecord { return s.connection(ctx).Status.LastCommit }).Should(
			HaveField("Changes", HaveValue(BeEquivalentTo(number))))
		Eventually(func() *int32 { return s.connection(ctx).Status.Dependents }).Should(HaveValue(BeEquivalentTo(number)))
	})

	It("recognises what it made when the answer to the commit was lost", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.spsFault(lostCommit)
		policy := s.policy("a", builder.Adopt(pamv1alpha1.AdoptionPolicyNever))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
		Expect(s.sps.Stats().Commits).To(Equal(1))
	})

	It("recognises what it made even if the appliance is locked after the answer was lost", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		s.create(ctx, s.spsConnection("sps", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.DriftCheckInterval = &metav1.Duration{Duration: time.Hour}
		})))
		eventuallyReady(ctx, s.connection(ctx))
		s.spsFault(lostCommit)
		s.sps.Faults().OnRequest(lockAtCommit(s.sps))
		policy := s.policy("a", builder.Adopt(pamv1alpha1.AdoptionPolicyNever))
		s.create(ctx, policy)
		// It asks again and finds the lock, unless the connection happens to look in between and sees what was committed.
		Eventually(ready(ctx, policy)).Should(Or(Equal("False Locked"), Equal("True Synced")))
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
		s.sps.Faults().OnRequest(nil)
		s.sps.Unlock()
		eventuallyReady(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})
})

// passesOf is how many passes a controller has made so far, as its metric says.
func passesOf(controller string) float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	total := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == controller {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}
