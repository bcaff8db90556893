// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/test/builder"
)

// interruption is what Ctrl-C does to a command.
var interruption = frame.Interrupted(syscall.SIGINT)

var _ = Describe("kubectl pam diff", Ordered, func() {
	var s *site
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		s.byHand("theirs", `{"network": {"clients": ["0.0.0.0/0"], "targets": ["10.9.0.0/16"], "ports": [3389, 3390]}}`)
		s.create(ctx, s.policy("theirs", builder.Client("0.0.0.0/0"), builder.Target("10.9.0.0/16"), builder.Port(3389)),
			s.policy("fine"))
		s.ready(ctx, "rdpcp/fine")
		Eventually(func() string { return s.pam(ctx, "status").Out }).Should(ContainSubstring("AdoptionRefused"))
	})

	It("shows fields like a unified diff, and why they stay", func(ctx context.Context) {
		r := s.pam(ctx, "diff", "rdpcp/theirs")
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Err).To(BeEmpty())
		Expect(steady(r.Out)).To(Equal(`rdpcp/theirs  (theirs on sps, key ID)
--- appliance
+++ spec
@@ network @@
-  ports: [3389,3390]
+  ports: [3389]
1 field differs. Not repaired: adoptionPolicy is IfIdentical.
`))
	})

	It("is silent about what does not differ", func(ctx context.Context) {
		r := s.pam(ctx, "diff", "rdpcp/fine")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(BeEmpty())
		Expect(r.Err).To(Equal("✔ 1 object: no difference\n"))
	})

	It("prints documents", func(ctx context.Context) {
		var d struct {
			APIVersion, Kind string
			Items            []struct {
				Name, NameOnAppliance string
				Compared              bool
				Count                 int
				Fields                []struct{ Path, Spec, Appliance string }
			}
		}
		r := s.pam(ctx, "diff", "-o", "json")
		Expect(r.Code).To(Equal(1))
		Expect(json.Unmarshal([]byte(r.Out), &d)).To(Succeed())
		Expect(d.Kind).To(Equal("Diff"))
		Expect(d.Items).To(HaveLen(2))
		Expect(d.Items[1].Fields).To(HaveLen(1))
		Expect(d.Items[1].Fields[0].Appliance).To(Equal("[3389,3390]"))
	})

	It("does not know about what was not compared", func(ctx context.Context) {
		s.create(ctx, s.policy("lost", builder.Connection("missing", "")))
		Eventually(func() run { return s.pam(ctx, "diff", "rdpcp/lost") }).Should(And(
			HaveField("Code", 2), HaveField("Err", ContainSubstring("rdpcp/lost could not be compared"))))
	})

	It("says that an observer is one", func(ctx context.Context) {
		s.create(ctx, s.policy("seen", builder.Manage(pamv1alpha1.ManagementPolicyObserve),
			builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.PolicyName = "theirs" }), builder.Port(3391)))
		Eventually(func() string { return s.pam(ctx, "diff", "rdpcp/seen").Out }).Should(
			ContainSubstring("managementPolicy is Observe"))
	})

	It("refuses kinds that are not compared", func(ctx context.Context) {
		r := s.pam(ctx, "diff", "spsc/sps")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring("spsc/sps is not compared with an appliance"))
	})
})
