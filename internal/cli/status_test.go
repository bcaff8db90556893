// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("kubectl pam status", Ordered, func() {
	var s *site
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		s.byHand("theirs", `{"network": {"clients": ["10.0.0.0/8"], "targets": ["10.9.0.0/16"], "ports": [3390]}}`)
		s.create(ctx, s.policy("fine"), s.policy("theirs", builder.Port(3389)))
		s.ready(ctx, "rdpcp/fine")
		Eventually(func() string { return s.pam(ctx, "status").Out }).Should(ContainSubstring("AdoptionRefused"))
	})

	It("shows the objects below their connections, and who has to act", func(ctx context.Context) {
		r := s.pam(ctx, "status")
		Expect(r.Code).To(BeZero(), r.String())
		// The manager of this suite holds no lease, unless another spec makes one.
		Expect(r.Err).To(BeElementOf("", "! no manager seems to lead: kubectl pam check\n"))
		Expect(steady(r.Out)).To(MatchRegexp(`(?m)^├─ rdpcp/fine +✔ Synced +AGE$`))
		Expect(r.Out).To(MatchRegexp(`(?m)^└─ rdpcp/theirs +✖ AdoptionRefused`))
		Expect(r.Out).To(ContainSubstring("author: kubectl pam diff rdpcp/theirs -n " + s.namespace))
		Expect(r.Out).To(ContainSubstring("4 objects: 3 ready, 1 needs its author."))
	})

	It("fits 80 and 120 columns, in ASCII too", func(ctx context.Context) {
		for _, width := range []string{"80", "120"} {
			r := terminal{env: map[string]string{"COLUMNS": width, "LANG": "C"}}.pam(ctx, "-n", s.namespace, "status")
			Expect(r.Out).To(MatchRegexp("(?m)^`- rdpcp/theirs +x AdoptionRefused"), width)
			Expect(r.Out).To(MatchRegexp(`^([ -~]{0,` + width + `}\n)*$`))
			Expect(r.Out).To(ContainSubstring("author: kubectl pam diff rdpcp/theirs -n "+s.namespace+"\n"), "is never cut")
			Expect(r.Out).NotTo(MatchRegexp(`[^ -~\n]`))
		}
	})

	It("colours only where it is told to, and never says anything by colour alone", func(ctx context.Context) {
		Expect(s.pam(ctx, "status").Out).NotTo(ContainSubstring("\x1b"))
		Expect(s.pam(ctx, "status", "--color=always").Out).To(ContainSubstring("\x1b[31m✖ AdoptionRefused"))
	})

	It("prints documents with a version, whose summary counts", func(ctx context.Context) {
		var d struct {
			APIVersion, Kind string
			Items            []struct {
				Kind, Name, Namespace, State, Status, Actor, Reason string
				Ready, Observed                                     bool
				Connection                                          map[string]string
			}
			Summary struct {
				Objects, Ready int
				Needs          map[string]int
			}
		}
		r := s.pam(ctx, "status", "-o", "json")
		Expect(json.Unmarshal([]byte(r.Out), &d)).To(Succeed())
		Expect(d.APIVersion).To(Equal("cli.pam-operator.io/v1alpha1"))
		Expect(d.Kind).To(Equal("Status"))
		Expect(d.Summary.Objects).To(Equal(4))
		Expect(d.Summary.Needs).To(Equal(map[string]int{"author": 1}))
		last := d.Items[2]
		Expect(last.Name).To(Equal("theirs"))
		Expect(last.Status).To(Equal("Failed"))
		Expect(last.Connection).To(Equal(map[string]string{
			"kind": "SPSConnection", "namespace": s.namespace, "name": "sps",
		}))
		var fromYAML any
		Expect(yaml.Unmarshal([]byte(s.pam(ctx, "status", "-o", "yaml").Out), &fromYAML)).To(Succeed())
		Expect(s.pam(ctx, "status", "rdpcp", "-o", "name").Out).To(Equal(
			"rdpconnectionpolicy.pam-operator.io/fine\nrdpconnectionpolicy.pam-operator.io/theirs\n"))
	})

	It("answers by its exit code", func(ctx context.Context) {
		Expect(s.pam(ctx, "status", "--exit-code").Code).To(Equal(1))
		Expect(s.pam(ctx, "status", "rdpcp/fine", "--exit-code").Code).To(BeZero())
		Expect(s.pam(ctx, "status", "rdpconnectionpolicy.pam-operator.io/fine").Code).To(BeZero())
		Expect(s.pam(ctx, "status", "RDPCP", "fine").Code).To(BeZero())
	})

	It("stops waiting at once for what needs somebody", func(ctx context.Context) {
		r := s.pam(ctx, "status", "--wait", "--timeout", "10m")
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Out).To(ContainSubstring("AdoptionRefused"))
	})

	It("stops waiting at once for what is suspended", func(ctx context.Context) {
		s.create(ctx, s.policy("held", builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.Suspend = new(true)
		})))
		r := s.pam(ctx, "status", "rdpcp/held", "--wait", "--timeout", "10m")
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Out).To(ContainSubstring("‖ Suspended"))
	})

	It("gives up waiting after --timeout, and says how far it was", func(ctx context.Context) {
		s.create(ctx, s.policy("lost", builder.Connection("missing", "")))
		r := s.pam(ctx, "status", "rdpcp/lost", "--wait", "--timeout", "2s")
		Expect(r.Code).To(Equal(124), r.String())
		Expect(r.Err).To(ContainSubstring("not ready: 1 object: 1 in progress."))
		Expect(s.pam(ctx, "status", "rdpcp/lost").Out).To(ContainSubstring("there is no such connection"))
		s.create(ctx, s.policy("slip", builder.Connection("spss", "")))
		Expect(s.pam(ctx, "status", "rdpcp/slip").Out).To(
			ContainSubstring("there is no such connection; similar names: sps"))
	})

	It("shows changes until it is interrupted", func(ctx context.Context) {
		watching, stop := context.WithCancelCause(ctx)
		ended := make(chan run, 1)
		go func() { ended <- s.pam(watching, "status", "rdpcp/seen", "rdpcp/fine", "-w") }()
		s.create(ctx, s.policy("seen"))
		s.ready(ctx, "rdpcp/seen")
		Eventually(func(g Gomega) {
			stop(interruption)
			r := <-ended
			ended <- r
			g.Expect(r.Code).To(Equal(130))
			g.Expect(r.Out).To(ContainSubstring("rdpcp/fine Synced"))
		}).Should(Succeed())
	})

	It("refuses what contradicts itself, and says where the help is", func(ctx context.Context) {
		for _, wrong := range [][]string{
			{"--wait", "--watch"}, {"--timeout", "1s"}, {"-A", "rdpcp/fine"}, {"-o", "xml"}, {"rdpc/x"}, {"rdpcp/"},
			{"--nonsense"}, {"rdpcp/fine", "--connection", "sps"}, {"rdpcp/UPPER"},
		} {
			r := s.pam(ctx, append([]string{"status"}, wrong...)...)
			Expect(r.Code).To(Equal(2), "%v: %s", wrong, r)
			Expect(r.Err).To(HavePrefix("error: "), "%v", wrong)
			Expect(r.Out).To(BeEmpty())
		}
		Expect(s.pam(ctx, "status", "rdpc/x").Err).To(ContainSubstring("did you mean rdpcp?"))
		Expect(s.pam(ctx, "status", "--nonsense").Err).To(ContainSubstring("See 'kubectl pam status --help'."))
	})

	It("does not know what is not there", func(ctx context.Context) {
		r := s.pam(ctx, "status", "rdpcp/nobody")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring(`"nobody" not found`))
		Expect(s.pam(ctx, "status", "rdpcp/nobody", "--wait").Code).To(Equal(2))
		r = pam(ctx, "-n", "empty", "status")
		Expect(r.Code).To(BeZero())
		Expect(r.Err).To(ContainSubstring("there are no objects of pam-operator in namespace empty"))
	})

	It("does not hang without an API server", func(ctx context.Context) {
		r := pam(ctx, "--server", "https://127.0.0.1:1", "--insecure-skip-tls-verify", "status")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring("connection refused"))
	})
})
