// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

func normalising(w *simsps.Switches) { w.NormaliseSpelling = simsps.Normalisations() }

var _ = onEverySPS("An RDPConnectionPolicy whose values have several spellings", func() {
	It("takes over what an administrator spelled otherwise, and writes nothing", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.byHand("watched", `{
			"network": {"clients": ["2001:db8::/32", "10.30.255.0/24"], "targets": ["192.0.2.1"], "ports": [3389]},
			"server_address": {"selection": "inband", "dns_server": "dns.example.com", "dns_suffixes": ["example.com"],
				"domains": [{"domain": {"selection": "domain", "value": "*.example.com"}, "port": 3389}]},
			"web_gateway_authentication": {"enabled": true, "require_same_ip": false, "groups": ["b\u00fcro"]}}`)
		policy := s.policy("a", policyName("watched"), specOf(`{
			network: {clients: [10.30.255.28/24, "2001:DB8:0:0::/32"], targets: ["192.0.2.1/32"]},
			serverAddress: {type: Inband, inband: {domains: [{type: Domain, value: "*.Example.COM."}],
				exceptionDomains: [], dnsServer: DNS.example.com., dnsSuffixes: [EXAMPLE.com]}},
			webGatewayAuthentication: {mode: Enabled, groups: ["bu\u0308ro"]}}`))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(policy.Status.Origin).To(Equal(pamv1alpha1.OriginAdopted))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
	})

	It("remarks upon a group that is none of the appliance's, and is in sync all the same", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.sps.Put("aaa/local_database/groups", "", map[string]any{"name": "auditors", "members": []any{}})
		policy := s.policy("a", specOf(`{accessControl: [{authorizer: audtors, permission: Audit}]}`))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(message(ctx, policy)).To(ContainSubstring(
			`spec.accessControl[0].authorizer: the appliance has no local group "audtors"; similar names: auditors`))
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.AccessControl[0].Authorizer = "auditors" })
		eventuallyReady(ctx, policy)
		Expect(message(ctx, policy)).To(Equal("the appliance equals the spec"))
	})

	It("tells networks that addresses are mapped into by their host bits", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.byHand("watched", `{"server_address": {"selection": "nat", "network": "10.20.30.0/24"}}`)
		policy := s.policy("a", policyName("watched"), specOf(`{serverAddress: {type: NAT, nat: {network: 10.20.30.40/24}}}`))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonAdoptionRefused)
		Expect(message(ctx, policy)).To(ContainSubstring("differs in serverAddress.nat.network"))
	})

	It("is in sync after one write, whatever the appliance makes of its spelling", func(ctx context.Context) {
		const number, rounds = 20, 4
		for round := range rounds {
			s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
				w.NormaliseSpelling = drawNormalisations(round)
			}})
			By(fmt.Sprint("normalising ", s.sps.Switches().NormaliseSpelling))
			s.staysInSync(ctx, round*number, number)
		}
	})

	It("is written as it is spelled once something else than the spelling differs", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", specOf(`{network: {targets: ["2001:db8::/32"]}}`))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.Network.Targets = []string{"2001:DB8::5/32"}
		})
		eventuallyReady(ctx, policy)
		Expect(s.sps.Stats().Writes).To(Equal(1))
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Network.Clients = []string{"2001:DB8::6"} })
		eventuallyReady(ctx, policy)
		Expect(s.body(policy)).To(HaveKeyWithValue("network", map[string]any{
			"clients": []any{"2001:DB8::6"}, "targets": []any{"2001:DB8::5/32"}, "ports": []any{3389.0},
		}))
	})

	It("is one policy with another whose name differs in its form of Unicode only", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: normalising})
		first := s.policy("a", policyName("bu\u0308ro"))
		s.create(ctx, first)
		eventuallyReady(ctx, first)
		second := s.policy("b", policyName("b\u00fcro"), builder.Adopt(pamv1alpha1.AdoptionPolicyAlways), builder.Port(1))
		s.create(ctx, second)
		eventuallyReason(ctx, second, pamv1alpha1.ReasonConflict)
		Expect(s.sps.Stats().Writes).To(Equal(1))
		Expect(k8s.Delete(ctx, second)).To(Succeed())
		eventuallyGone(ctx, second)
		Expect(s.sps.Objects(rdpConnections)).To(HaveLen(1))
	})
})

var _ = onEverySPS("LocalUser and LocalUserGroup with names beyond ASCII", func() {
	It("are in sync on an appliance that writes them in a form of its own", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
			normalising(w)
			w.MembersShape = simsps.MembersNames
		}})
		s.create(ctx, s.secret())
		user := builder.LocalUser("user", append(s.in("sps"), builder.PasswordFrom("alice"),
			builder.With(func(u *pamv1alpha1.LocalUser) { u.Spec.UserName = "jo\u0308rg" }))...)
		group := s.group("group", groupName("bu\u0308ro"), builder.With(func(g *pamv1alpha1.LocalUserGroup) {
			g.Spec.Members = []pamv1alpha1.GroupMember{{User: "jo\u0308rg"}}
		}))
		s.create(ctx, user)
		eventuallyReady(ctx, user)
		s.create(ctx, group)
		eventuallyReady(ctx, group)
		writes := s.sps.Stats().Writes
		s.sps.Put("policies/backup_policies", "", map[string]any{"name": "unrelated"})
		s.checkedAgain(ctx)
		eventuallyReady(ctx, user)
		eventuallyReady(ctx, group)
		Expect(s.sps.Stats().Writes).To(Equal(writes))
	})
})

// drawNormalisations is what an appliance makes of what it is sent: at first everything.
func drawNormalisations(round int) []string {
	if round == 0 {
		return simsps.Normalisations()
	}
	return rapid.SliceOfDistinct(rapid.SampledFrom(simsps.Normalisations()), rapid.ID[string]).Example(round)
}

// staysInSync creates policies, which must be in sync after one write each, and stay so when all of them look again.
func (s *site) staysInSync(ctx context.Context, seed, number int) {
	GinkgoHelper()
	policies := make([]*pamv1alpha1.RDPConnectionPolicy, number)
	for i := range policies {
		spec := specOf(rapid.Custom(drawSpelledSpec).Example(seed + i))
		policies[i] = s.policy(fmt.Sprintf("p%d", i), spec, policyName(fmt.Sprintf("Bu\u0308ro-%d", i)))
		s.create(ctx, policies[i])
	}
	for _, policy := range policies {
		eventuallyReady(ctx, policy)
	}
	Expect(s.sps.Stats().Writes).To(Equal(number))
	opened := s.sps.Stats().TransactionsOpened
	for _, policy := range policies {
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(true) })
		eventuallyReady(ctx, policy)
	}
	s.sps.Put("policies/backup_policies", "", map[string]any{"name": "unrelated"}) // all of them look again
	s.checkedAgain(ctx)
	for _, policy := range policies {
		eventuallyReady(ctx, policy)
	}
	Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened))
}

// specOf sets what a fragment of a spec in YAML sets.
func specOf(fragment string) builder.Option {
	GinkgoHelper()
	spec, err := builder.RDPSpec(fragment)
	Expect(err).NotTo(HaveOccurred())
	return builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
		spec.ConnectionRef, spec.PolicyName = p.Spec.ConnectionRef, p.Spec.PolicyName
		spec.ManagementPolicies = p.Spec.ManagementPolicies
		p.Spec = spec
	})
}

// drawSpelledSpec draws a fragment of a spec in which everything that has several spellings has any of them.
func drawSpelledSpec(t *rapid.T) string {
	server := rapid.SampledFrom([]string{
		fmt.Sprintf(`{type: Fixed, fixed: {address: %q}}`, drawAddress(t)),
		fmt.Sprintf(`{type: NAT, nat: {network: %q}}`, drawNetwork(t)),
		fmt.Sprintf(`{type: Inband, inband: {domains: [{type: Domain, value: %q}, {type: Address, value: %q}],
			exceptionDomains: %s, dnsServer: %q, dnsSuffixes: %s}}`, "*."+drawDomain(t), drawNetwork(t),
			rapid.SampledFrom([]string{"[]", fmt.Sprintf("[{type: Domain, value: %q}]", drawDomain(t))}).Draw(t, "exceptions"),
			rapid.SampledFrom([]string{drawDomain(t), drawAddress(t)}).Draw(t, "dns"),
			rapid.SampledFrom([]string{"[]", fmt.Sprintf("[%q]", drawDomain(t))}).Draw(t, "suffixes")),
	}).Draw(t, "server")
	return fmt.Sprintf(`{
		network: {clients: [%q, %q], targets: [%q]}, serverAddress: %s,
		sourceAddress: {type: Fixed, fixed: {address: %q}},
		accessControl: [{authorizer: %q, permission: Audit, subject: {type: Only, group: %q}}],
		webGatewayAuthentication: {mode: Enabled, groups: [%q]}}`,
		drawNetwork(t), "192.0.2.1", drawNetwork(t), server, drawAddress(t), drawName(t), drawName(t), drawName(t))
}

func drawAddress(t *rapid.T) string {
	groups := rapid.SliceOfN(rapid.SampledFrom([]uint16{0, 0, 1, 0xdb8, 0xabcd}), 8, 8).Draw(t, "groups")
	if rapid.Bool().Draw(t, "IPv4") {
		return fmt.Sprintf("%d.%d.%d.%d", 10, groups[0]%256, groups[1]%256, groups[2]%256)
	}
	texts := make([]string, 0, len(groups))
	for _, group := range groups {
		texts = append(texts, fmt.Sprintf(rapid.SampledFrom([]string{"%x", "%X", "%04x", "%04X"}).Draw(t, "form"), group))
	}
	spelled := strings.Join(texts, ":")
	if rapid.Bool().Draw(t, "short") {
		return netip.MustParseAddr(spelled).String()
	}
	return spelled
}

func drawNetwork(t *rapid.T) string {
	address := drawAddress(t)
	return fmt.Sprintf("%s/%d", address, rapid.IntRange(8, netip.MustParseAddr(address).BitLen()).Draw(t, "bits"))
}

func drawDomain(t *rapid.T) string {
	name := rapid.SampledFrom([]string{"example.com", "b\u00fccher.example", "a-b.corp"}).Draw(t, "domain")
	if rapid.Bool().Draw(t, "upper") {
		name = strings.ToUpper(name)
	}
	return drawForm(t, name) + rapid.SampledFrom([]string{"", "."}).Draw(t, "dot")
}

func drawName(t *rapid.T) string {
	return drawForm(t, rapid.SampledFrom([]string{"b\u00fcro", "Ren\u00e9e", "staff"}).Draw(t, "name"))
}

func drawForm(t *rapid.T, text string) string {
	return rapid.SampledFrom([]norm.Form{norm.NFC, norm.NFD}).Draw(t, "form").String(text)
}
