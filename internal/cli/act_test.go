// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/text/encoding/unicode"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("kubectl pam terminate", Ordered, func() {
	var s *site
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		s.create(ctx, s.policy("fine"))
		s.ready(ctx, "rdpcp/fine")
	})

	It("asks first, and does nothing without an answer", func(ctx context.Context) {
		live := s.sps.StartSession(simsps.AuditSession{})
		r := s.pam(ctx, "terminate", live.ID, "--connection", "sps")
		Expect(r.Code).To(Equal(2), r.String())
		Expect(r.Err).To(ContainSubstring("nobody can be asked here: add --yes"))
		r = terminal{asked: true, in: "n\n"}.pam(ctx, "-n", s.namespace, "terminate", live.ID, "--connection", "sps")
		Expect(r.Code).To(Equal(1))
		Expect(r.Err).To(ContainSubstring("Close the session " + live.ID + " through spsc/sps? [y/N] "))
		Expect(s.pam(ctx, "status", "st").Out).To(BeEmpty())
	})

	It("closes one session", func(ctx context.Context) {
		live := s.sps.StartSession(simsps.AuditSession{})
		r := terminal{asked: true, in: "yes\n"}.pam(ctx, "-n", s.namespace, "terminate", live.ID, "--connection", "sps")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(steady(r.Out)).To(MatchRegexp(`^✔ st/terminate-\w{5}  Completed  \(AGE\)\n$`))
		Expect(r.Err).To(HaveSuffix("✔ 1 session closed\n"))
	})

	It("closes those of a policy, whose connection it finds", func(ctx context.Context) {
		policy := s.policy("fine")
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
		for range 2 {
			s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: policy.Status.Key})
		}
		r := s.pam(ctx, "terminate", "--policy", "fine", "--yes", "-o", "json")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Err).To(ContainSubstring("2 sessions closed"))
		var d struct {
			APIVersion, Kind string
			Items            []struct {
				Result string
				Ready  bool
			}
		}
		Expect(json.Unmarshal([]byte(r.Out), &d)).To(Succeed())
		Expect(d.Kind).To(Equal("Terminate"))
		Expect(d.Items).To(HaveLen(1))
		Expect(d.Items[0].Ready).To(BeTrue())
	})

	It("fails for a session that is not there, and refuses half a question", func(ctx context.Context) {
		Expect(s.pam(ctx, "terminate").Code).To(Equal(2))
		Expect(s.pam(ctx, "terminate", "x").Code).To(Equal(2))
		Expect(s.pam(ctx, "terminate", "x", "--policy", "fine").Code).To(Equal(2))
		Expect(s.pam(ctx, "terminate", "--policy", "nobody").Code).To(Equal(2))
		r := s.pam(ctx, "terminate", "--policy", "fine", "--connection", "other")
		Expect(r.Err).To(ContainSubstring("leave out --connection"))
	})

	It("only says what it would do with --dry-run", func(ctx context.Context) {
		live := s.sps.StartSession(simsps.AuditSession{})
		for _, mode := range []string{"client", "server"} {
			r := s.pam(ctx, "terminate", live.ID, "--connection", "sps", "--dry-run="+mode)
			Expect(r.Code).To(BeZero(), r.String())
			Expect(r.Out).To(ContainSubstring("would be closed"))
		}
		Expect(s.sps.Sessions()).To(ContainElement(HaveField("ID", live.ID)))
	})
})

var _ = Describe("kubectl pam adopt", Ordered, func() {
	var s *site
	var folder string
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		folder = GinkgoT().TempDir()
		s.byHand("same", `{"network": {"clients": ["10.1.0.0/16"], "targets": ["10.2.0.0/16"], "ports": [3389]}}`)
		s.byHand("other", `{"network": {"clients": ["10.1.0.0/16"], "targets": ["10.2.0.0/16"], "ports": [3390]}}`)
		for _, name := range []string{"same", "other"} {
			text, err := builder.Manifest(builder.RDPConnectionPolicy(name, builder.InNamespace(s.namespace),
				builder.Connection("sps", ""), builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
					p.Spec = pamv1alpha1.RDPConnectionPolicySpec{ConnectionPolicySpec: pamv1alpha1.ConnectionPolicySpec{
						ConnectionRef: pamv1alpha1.ConnectionReference{Name: "sps"},
						Network:       &pamv1alpha1.PolicyNetwork{Ports: []int32{3389}},
					}}
				})))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(folder, name+".yaml"), []byte(text), 0o600)).To(Succeed())
		}
	})

	It("applies a folder, and says what was refused; nothing is committed", func(ctx context.Context) {
		r := s.pam(ctx, "adopt", "-f", folder, "--dry-run=server")
		Expect(r.Out).To(Equal("2 objects would be applied (server dry run)\n"))
		opened := s.sps.Stats().TransactionsOpened
		r = s.pam(ctx, "adopt", "-f", folder)
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Out).To(HavePrefix("✖ 1 adopted, 1 refused\n"))
		Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened))
		Expect(r.Out).To(MatchRegexp(`(?m)^rdpcp/other +✖ AdoptionRefused`))
		Expect(r.Err).To(ContainSubstring("next: kubectl pam diff"))
		var d struct {
			Kind  string
			Items []struct{ Name, Result string }
		}
		again := s.pam(ctx, "adopt", "-f", folder, "-o", "json")
		Expect(again.Code).To(Equal(1))
		Expect(json.Unmarshal([]byte(again.Out), &d)).To(Succeed())
		Expect(d.Kind).To(Equal("Adopt"))
		Expect(d.Items).To(HaveLen(2))
	})

	It("takes over in spite of a difference only after it has shown it and asked", func(ctx context.Context) {
		r := terminal{asked: true, in: "\n"}.pam(ctx, "-n", s.namespace, "adopt", "rdpcp/other")
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Err).To(And(ContainSubstring("-  ports: [3390]\n+  ports: [3389]"),
			ContainSubstring("Change the appliance to what the spec of 1 object says? [y/N]")))
		r = s.pam(ctx, "adopt", "rdpcp/other", "--yes")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(HavePrefix("✔ 1 adopted, 0 refused\n"))
	})

	It("reads an export as PowerShell writes it, all of it", func(ctx context.Context) {
		s := newSite(ctx)
		var all strings.Builder
		for _, name := range []string{"first", "second"} {
			s.byHand(name, `{"network": {"clients": ["10.5.0.0/16"], "targets": ["10.6.0.0/16"], "ports": [3389]}}`)
			all.WriteString("---\n" + s.manifest("RDPConnectionPolicy", name, ""))
		}
		text := strings.ReplaceAll(all.String(), "\n", "\r\n")
		raw, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
		Expect(err).NotTo(HaveOccurred())
		r := terminal{in: raw}.pam(ctx, "-n", s.namespace, "adopt", "-f", "-")
		Expect(r.Out).To(HavePrefix("✔ 2 adopted, 0 refused\n"), r.String())
	})

	It("waits for what was applied by the same command", func(ctx context.Context) {
		s := newSite(ctx)
		alice := s.sps.Put("aaa/local_database/users", "", map[string]any{"name": "alice"})
		s.sps.Put("aaa/local_database/groups", "", map[string]any{"name": "auditors", "members": []any{alice}})
		s.create(ctx, builder.LocalUserGroup("auditors", builder.InNamespace(s.namespace), builder.Connection("sps", ""),
			builder.MemberRefs("alice"), builder.With(func(g *pamv1alpha1.LocalUserGroup) {
				g.Spec.ManagementPolicy = pamv1alpha1.ManagementPolicyObserve
			})))
		s.in(ctx, "lug/auditors", "ReferenceNotFound") // for longer than it is waited for
		unchanged := s.manifest("LocalUserGroup", "auditors",
			"  managementPolicy: Observe\n  members: [{userRef: {name: alice}}]\n")
		both := terminal{in: unchanged + "---\n" + s.manifest("LocalUser", "alice", "")}
		r := both.pam(ctx, "-n", s.namespace, "adopt", "-f", "-", "--force")
		Expect(r.Out).To(HavePrefix("✔ 2 adopted, 0 refused\n"), r.String())
	})

	It("creates nothing, and goes on without what it may not apply", func(ctx context.Context) {
		s := newSite(ctx)
		s.byHand("there", `{"network": {"clients": ["10.7.0.0/16"], "targets": ["10.8.0.0/16"], "ports": [3389]}}`)
		theirs := s.policy("theirs", adoption(pamv1alpha1.AdoptionPolicyNever), builder.Suspended())
		Expect(k8s.Create(ctx, theirs, client.FieldOwner("git"))).To(Succeed())
		all := s.manifest("RDPConnectionPolicy", "there", "") +
			"---\n" + s.manifest("RDPConnectionPolicy", "gone", "  adoptionPolicy: Always\n") +
			"---\n" + s.manifest("RDPConnectionPolicy", "theirs", "  adoptionPolicy: IfIdentical\n") +
			"---\n" + s.manifest("RDPConnectionPolicy", "wrong", "  network: {ports: [99999]}\n")
		r := terminal{in: all}.pam(ctx, "-n", s.namespace, "adopt", "-f", "-", "--yes")
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Out).To(HavePrefix("✖ 1 adopted, 2 refused, 1 not on the appliance\n"))
		Expect(r.Out).To(And(
			MatchRegexp(`(?m)^rdpcp/gone +✖ NotOnAppliance +the appliance has no "gone", and nothing was created`),
			MatchRegexp(`(?m)^rdpcp/theirs +✖ NotApplied +it is there already`),
			MatchRegexp(`(?m)^rdpcp/wrong +✖ NotApplied +spec.network.ports`)))
		for _, o := range s.sps.Objects("rdp/connections") {
			Expect(o.Body).NotTo(HaveKeyWithValue("name", "gone"))
		}
	})

	It("refuses an object that is in the files twice", func(ctx context.Context) {
		twice := s.manifest("RDPConnectionPolicy", "same", "")
		r := terminal{in: twice + "---\n" + twice}.pam(ctx, "-n", s.namespace, "adopt", "-f", "-")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring("both have " + s.namespace + "/rdpcp/same"))
	})

	It("refuses what cannot be adopted", func(ctx context.Context) {
		wrong := filepath.Join(GinkgoT().TempDir(), "x.yaml")
		Expect(os.WriteFile(wrong, []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n"), 0o600)).To(Succeed())
		r := s.pam(ctx, "adopt", "-f", wrong)
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring(`v1 Secret "x" cannot be adopted`))
		Expect(s.pam(ctx, "adopt").Code).To(Equal(2))
		Expect(s.pam(ctx, "adopt", "spsc/sps").Code).To(Equal(2))
		Expect(s.pam(ctx, "adopt", "-f", "/nonexistent").Code).To(Equal(2))
	})
})

// manifest is an object that goes through the site's appliance.
func (s *site) manifest(kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: pam-operator.io/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: %s}\n"+
		"spec:\n  connectionRef: {name: sps}\n%s", kind, name, s.namespace, spec)
}
