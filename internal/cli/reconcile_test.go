// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("kubectl pam reconcile", Ordered, func() {
	var s *site
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		s.byHand("theirs", `{"network": {"clients": ["0.0.0.0/0"], "targets": ["10.9.0.0/16"], "ports": [3390]}}`)
		s.create(ctx, s.policy("fine"), s.policy("theirs", builder.Port(3389)))
		s.ready(ctx, "rdpcp/fine")
	})

	It("waits until the operator has looked", func(ctx context.Context) {
		r := s.pam(ctx, "reconcile", "rdpcp/fine")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(steady(r.Out)).To(MatchRegexp(`^✔ rdpcp/fine  Synced  \(AGE\)\n$`))
		Expect(steady(r.Err)).To(Equal("◌ asked at TIME; the appliance is read again\n"))
		policy := s.policy("fine")
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
		stamp := policy.Annotations[pamv1alpha1.AnnotationReconcileRequestedAt]
		Expect(policy.Status.HandledReconcileRequest).To(Equal(stamp))
	})

	It("reconciles a connection with all that goes through it", func(ctx context.Context) {
		r := s.pam(ctx, "reconcile", "--connection", "nps")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(ContainSubstring("✔ npsc/nps  Synced"))
	})

	It("answers no at once for what needs somebody", func(ctx context.Context) {
		r := s.pam(ctx, "reconcile", "rdpcp/theirs", "--timeout", "10m", "-o", "json")
		Expect(r.Code).To(Equal(1), r.String())
		var d struct {
			Kind  string
			Items []struct {
				Name, Result, Reason string
				Ready                bool
			}
		}
		Expect(json.Unmarshal([]byte(r.Out), &d)).To(Succeed())
		Expect(d.Kind).To(Equal("Reconcile"))
		Expect(d.Items[0].Reason).To(Equal("AdoptionRefused"))
	})

	It("gives up after --timeout", func(ctx context.Context) {
		s.create(ctx, s.policy("lost", builder.Connection("missing", "")))
		r := s.pam(ctx, "reconcile", "rdpcp/lost", "--timeout", "2s")
		Expect(r.Code).To(Equal(124), r.String())
	})

	It("changes nothing with --dry-run, and does not wait with --wait=false", func(ctx context.Context) {
		for _, flag := range []string{"--dry-run", "--dry-run=server"} {
			policy := s.policy("theirs")
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
			before := policy.Annotations
			Expect(s.pam(ctx, "reconcile", "rdpcp/theirs", flag).Code).To(BeZero(), flag)
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
			Expect(policy.Annotations).To(Equal(before), flag)
		}
		Expect(s.pam(ctx, "reconcile", "rdpcp/theirs", "--wait=false").Code).To(BeZero())
	})

	It("wants to be told what", func(ctx context.Context) {
		Expect(s.pam(ctx, "reconcile").Code).To(Equal(2))
		Expect(s.pam(ctx, "reconcile", "rdpcp/nobody").Code).To(Equal(2))
	})

	It("is the first half of diff --refresh", func(ctx context.Context) {
		r := s.pam(ctx, "diff", "rdpcp/theirs", "--refresh")
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Err).To(ContainSubstring("the appliance is read again"))
		Expect(r.Out).To(ContainSubstring("@@ network @@"))
	})
})

var _ = Describe("kubectl pam suspend and resume", Ordered, func() {
	var s *site
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		s.create(ctx, s.policy("fine"))
		s.ready(ctx, "rdpcp/fine")
	})

	It("suspends with a reason, and resumes", func(ctx context.Context) {
		r := s.pam(ctx, "suspend", "spsc/sps", "--reason", "firmware upgrade")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(Equal("spsc/sps suspended\n"))
		Eventually(func() string { return s.pam(ctx, "status", "spsc/sps").Out }).Should(And(
			ContainSubstring("‖ Suspended"), ContainSubstring("firmware upgrade")))
		r = s.pam(ctx, "resume", "spsc/sps", "--wait")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(MatchRegexp(`^✔ spsc/sps  Synced  \(`))
		connection := builder.SPSConnection("sps", builder.InNamespace(s.namespace))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(connection), connection)).To(Succeed())
		Expect(connection.Annotations).NotTo(HaveKey(pamv1alpha1.AnnotationSuspendReason))
	})

	It("changes nothing with --dry-run, and prints documents", func(ctx context.Context) {
		Expect(s.pam(ctx, "suspend", "rdpcp/fine", "--dry-run").Out).To(Equal("rdpcp/fine suspended (dry run)\n"))
		Expect(s.pam(ctx, "suspend", "rdpcp/fine", "--dry-run=server", "-o", "json").Out).To(
			And(ContainSubstring(`"kind": "Suspend"`), ContainSubstring(`"dryRun": true`)))
		Expect(s.pam(ctx, "status", "rdpcp/fine", "--exit-code").Code).To(BeZero())
	})

	It("leaves alone what Flux applies, unless forced to", func(ctx context.Context) {
		s.create(ctx, s.policy("flux", builder.Label("kustomize.toolkit.fluxcd.io/name", "apps"),
			builder.Label("kustomize.toolkit.fluxcd.io/namespace", "flux-system")))
		r := s.pam(ctx, "suspend", "rdpcp/flux")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring(
			"rdpcp/flux belongs to the Flux Kustomization flux-system/apps: set spec.suspend: true in Git"))
		Expect(s.pam(ctx, "suspend", "rdpcp/flux", "--force").Code).To(BeZero())
	})

	It("wants names, not kinds", func(ctx context.Context) {
		Expect(s.pam(ctx, "suspend", "rdpcp").Code).To(Equal(2))
		Expect(s.pam(ctx, "suspend").Code).To(Equal(2))
	})
})
