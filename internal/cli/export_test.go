// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

var _ = Describe("kubectl pam export and unmanaged", Ordered, func() {
	var s *site
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		s.byHand("rdp_finance", `{"network": {"clients": ["10.1.0.0/16"], "targets": ["10.2.0.0/16"], "ports": [3389]}}`)
		s.byHand("rdp_other", `{"network": {"clients": ["10.3.0.0/16"], "targets": ["10.4.0.0/16"], "ports": [3390]}}`)
		s.create(ctx, s.policy("fine"))
		s.ready(ctx, "rdpcp/fine")
	})

	It("lists what no object stands for", func(ctx context.Context) {
		r := s.pam(ctx, "unmanaged", "--connection", "sps", "--kinds", "rdpcp")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(MatchRegexp(`(?m)^KIND +NAME ON APPLIANCE +WOULD BE$`))
		Expect(r.Out).To(MatchRegexp(`(?m)^RDPConnectionPolicy +rdp_finance +rdpcp/rdp-finance$`))
		Expect(r.Out).NotTo(ContainSubstring("fine\n  "))
		var d struct {
			Kind  string
			Items []struct{ Kind, Name, NameOnAppliance string }
		}
		r = s.pam(ctx, "unmanaged", "--connection", "sps", "--kinds", "rdpcp", "-o", "json")
		Expect(json.Unmarshal([]byte(r.Out), &d)).To(Succeed())
		Expect(d.Kind).To(Equal("Unmanaged"))
		Expect(d.Items).To(ConsistOf(HaveField("NameOnAppliance", "rdp_finance"), HaveField("NameOnAppliance", "rdp_other")))
	})

	It("comes back by adopt, which writes nothing, and leaves no export behind", func(ctx context.Context) {
		folder, writes := filepath.Join(GinkgoT().TempDir(), "export"), s.sps.Stats().Writes
		r := s.pam(ctx, "export", "--connection", "sps", "--names", "rdp_*", "-d", folder)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(Equal("✔ 2 files in " + folder + ": 2 RDPConnectionPolicies\n"))
		Expect(r.Err).To(ContainSubstring("next: kubectl pam adopt -f " + folder))
		files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(files).To(HaveLen(2))
		again := s.pam(ctx, "export", "--connection", "sps", "--names", "rdp_*", "-d", folder)
		Expect(again.Code).To(Equal(2))
		Expect(again.Err).To(ContainSubstring("choose an empty folder, or add --overwrite"))
		Expect(s.pam(ctx, "export", "--connection", "sps", "--names", "rdp_*", "-d", folder, "--overwrite").Code).To(BeZero())

		r = s.pam(ctx, "adopt", "-f", folder)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(Equal("✔ 2 adopted, 0 refused\n"))
		Expect(s.sps.Stats().Writes).To(Equal(writes))
		r = s.pam(ctx, "unmanaged", "--connection", "sps", "--kinds", "rdpcp")
		Expect(r.Out).To(BeEmpty())
		Expect(r.Err).To(ContainSubstring("everything on sps has its object"))
		left := &pamv1alpha1.ApplianceExportList{}
		Eventually(func(g Gomega) {
			g.Expect(k8s.List(ctx, left, client.InNamespace(s.namespace))).To(Succeed())
			g.Expect(left.Items).To(BeEmpty())
		}).Should(Succeed())
	})

	It("writes a stream", func(ctx context.Context) {
		r := s.pam(ctx, "export", "--connection", "sps", "--kinds", "rdpcp", "--target-namespace", "elsewhere", "-o", "yaml")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(And(HavePrefix("---\n"), ContainSubstring("namespace: elsewhere")))
		file := filepath.Join(GinkgoT().TempDir(), "all.yaml")
		Expect(os.WriteFile(file, []byte(r.Out), 0o600)).To(Succeed())
		Expect(s.pam(ctx, "adopt", "-f", file, "--dry-run").Out).To(ContainSubstring("3 objects would be applied"))
	})

	It("offers no next step where there is nothing to export", func(ctx context.Context) {
		folder := filepath.Join(GinkgoT().TempDir(), "none")
		r := s.pam(ctx, "export", "--connection", "sps", "--names", "no-such-*", "-d", folder)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(ContainSubstring("nothing was found to export"))
		Expect(r.Err).NotTo(ContainSubstring("next:"))
	})

	It("refuses half a question, and says no for a connection that is not there", func(ctx context.Context) {
		Expect(s.pam(ctx, "export", "--connection", "sps").Code).To(Equal(2))
		Expect(s.pam(ctx, "export", "-o", "yaml").Code).To(Equal(2))
		Expect(s.pam(ctx, "export", "--connection", "sps", "-o", "yaml", "--kinds", "as").Code).To(Equal(2))
		Expect(s.pam(ctx, "unmanaged").Code).To(Equal(2))
		Expect(s.pam(ctx, "unmanaged", "--connection", "missing", "--timeout", "3s").Code).To(Equal(124))
	})
})
