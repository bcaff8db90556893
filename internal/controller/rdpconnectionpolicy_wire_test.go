// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = onEverySPS("What an RDPConnectionPolicy becomes on the appliance", func() {
	It("is the whole documented body, for every field and every form", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.create(ctx, builder.LocalUserGroup("auditors", append(s.in("sps"), groupName("rdp-auditors"))...))
		policies := map[string]*pamv1alpha1.RDPConnectionPolicy{}
		for i, name := range slices.Sorted(maps.Keys(builder.RDPFields)) {
			policies[name] = s.fieldPolicy(ctx, fmt.Sprintf("field-%d", i), name, spsVersion)
		}
		for name, policy := range policies {
			eventuallyReady(ctx, policy)
			s.expectBody(policy, onVersion(spsVersion, builder.RDPFields[name].Wire), name)
		}
	})

	It("follows the spec from any form of a field to any other", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.create(ctx, builder.LocalUserGroup("auditors", append(s.in("sps"), groupName("rdp-auditors"))...))
		policy := builder.RDPConnectionPolicy("walker", s.in("sps")...)
		s.create(ctx, policy)
		want, err := builder.RDPBody("walker", `{}`)
		Expect(err).NotTo(HaveOccurred())
		for _, name := range walk {
			field := builder.RDPFields[name]
			spec, err := builder.RDPSpec(onVersion(spsVersion, field.Spec))
			Expect(err).NotTo(HaveOccurred(), name)
			spec.ConnectionRef = policy.Spec.ConnectionRef
			change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec = spec })
			eventuallyReady(ctx, policy)
			whole, err := builder.RDPBody("walker", onVersion(spsVersion, field.Wire))
			Expect(err).NotTo(HaveOccurred())
			for _, member := range members(field.Spec) {
				want[member] = whole[member] // and what the spec no longer mentions stays as it was
			}
			Expect(cmp.Diff(want, s.body(policy))).To(BeEmpty(), name)
		}
	})

	It("is the sample policy of the appliance's REST reference to the letter", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "6.0"})
		policy := &pamv1alpha1.RDPConnectionPolicy{}
		Expect(yaml.UnmarshalStrict(read("rdp_demo.yaml"), policy)).To(Succeed())
		policy.Namespace, policy.Spec.ConnectionRef.Name = s.namespace, "sps"
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		want := map[string]any{}
		Expect(json.Unmarshal(read("rdp_demo.json"), &want)).To(Succeed())
		Expect(cmp.Diff(want, s.body(policy))).To(BeEmpty())
	})

	It("is in the shipped samples the same sample policy", func() {
		shipped, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", "05_rdpconnectionpolicy.yaml"))
		Expect(err).NotTo(HaveOccurred())
		var found *pamv1alpha1.RDPConnectionPolicy
		for _, document := range strings.Split(string(shipped), "\n---\n") {
			policy := &pamv1alpha1.RDPConnectionPolicy{}
			Expect(yaml.UnmarshalStrict([]byte(document), policy)).To(Succeed())
			if policy.NameOnAppliance() == "rdp_demo" {
				found = policy
			}
		}
		want := &pamv1alpha1.RDPConnectionPolicy{}
		Expect(yaml.UnmarshalStrict(read("rdp_demo.yaml"), want)).To(Succeed())
		Expect(found).NotTo(BeNil())
		Expect(cmp.Diff(want.Spec, found.Spec)).To(BeEmpty())
	})
})

// walk is a way through forms that are complete in themselves, so that nothing of the form before may show through.
var walk = []string{
	"an inband server address", "a server address by NAT", "a fixed server address", "the original server address",
	"a fixed server address at the usual port", "an inband server address without exceptions",
	"an inband server address", "an inband server address without exceptions",
	"a fixed source address", "the original source address", "the appliance's source address",
	"TLS with an uploaded certificate", "the encryption of old RDP", "TLS with generated certificates",
	"TLS with a self-signed certificate", "the encryption of old RDP", "TLS",
	"servers that are verified", "servers that are not verified",
	"a gateway with signed certificates and a user database",
	"a gateway with signed certificates in the appliance's name again", "a gateway with one certificate",
	"a gateway with signed certificates in the appliance's name", "no gateway",
	"a second log-in of some groups", "no second log-in", "a second log-in of anybody",
	"access rules", "no access rules", "a cleanup", "no cleanup", "a cleanup",
	"no indexing", "indexing", "indexing by a policy", "a rate limit", "no rate limit", "a rate limit",
	"a network", "an inactive policy", "downloads that are not logged", "policies by name", "an active policy",
}

// fieldPolicy creates a policy with the spec of one entry of RDPFields.
func (s *site) fieldPolicy(ctx context.Context, name, field, version string) *pamv1alpha1.RDPConnectionPolicy {
	GinkgoHelper()
	spec, err := builder.RDPSpec(onVersion(version, builder.RDPFields[field].Spec))
	Expect(err).NotTo(HaveOccurred(), field)
	policy := builder.RDPConnectionPolicy(name, builder.InNamespace(s.namespace))
	spec.ConnectionRef = policy.Spec.ConnectionRef
	policy.Spec = spec
	Expect(k8s.Create(ctx, policy)).To(Succeed(), field)
	return policy
}

// onVersion puts the key in that version 6.0 needs: there a policy refers to the plugin and not to an instance of it
// (docs/vendors/sps.md Q22).
func onVersion(version, text string) string {
	if version == "6.0" {
		return plugins.Replace(text)
	}
	return text
}

var plugins = strings.NewReplacer(
	"6085311125a8440de91f4b", "3310425545a8440c1b2d7a", "{name: mfa}", "{key: 3310425545a8440c1b2d7a}")

// body is what the appliance has committed of a policy.
func (s *site) body(policy client.Object) map[string]any {
	GinkgoHelper()
	keyed, ok := policy.(interface {
		PolicyStatus() *pamv1alpha1.PolicyStatus
	})
	Expect(ok).To(BeTrue())
	o, ok := s.sps.Object(rdpConnections, keyed.PolicyStatus().Key)
	Expect(ok).To(BeTrue(), "nothing has the key %q", keyed.PolicyStatus().Key)
	return o.Body
}

// expectBody demands that the appliance has the defaults and the members of wire, and nothing else.
func (s *site) expectBody(policy *pamv1alpha1.RDPConnectionPolicy, wire, why string) {
	GinkgoHelper()
	want, err := builder.RDPBody(policy.NameOnAppliance(), wire)
	Expect(err).NotTo(HaveOccurred(), why)
	Expect(cmp.Diff(want, s.body(policy))).To(BeEmpty(), why)
}

// members are the members of the wire that a fragment of a spec is about.
func members(fragment string) []string {
	GinkgoHelper()
	fields := map[string]any{}
	Expect(yaml.Unmarshal([]byte(strings.ReplaceAll(fragment, "\t", " ")), &fields)).To(Succeed())
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, capital.ReplaceAllStringFunc(name, func(c string) string { return "_" + strings.ToLower(c) }))
	}
	return names
}

var capital = regexp.MustCompile(`[A-Z]`)

func read(name string) []byte {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	Expect(err).NotTo(HaveOccurred())
	return text
}

func groupName(name string) builder.Option {
	return builder.With(func(g *pamv1alpha1.LocalUserGroup) { g.Spec.GroupName = name })
}
