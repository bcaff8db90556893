// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// bare is a protocol without members of its own. Its kind has some, which must not get onto the wire.
var bare = newMapping(protocol[*pamv1alpha1.RDPConnectionPolicy]{
	port: 22, channels: "bare/channel_policies", settings: "bare/settings_policies",
	defaults: func() sps.Body {
		body, _ := sps.ToBody(sps.DefaultConnectionPolicy(22)) // cannot fail
		return body
	},
	references:   func(*pamv1alpha1.RDPConnectionPolicy) []reference { return nil },
	managed:      common,
	formDefaults: func(_ *pamv1alpha1.RDPConnectionPolicy, c sps.ConnectionPolicy) any { return c },
})

func common(_ *pamv1alpha1.RDPConnectionPolicy, c sps.ConnectionPolicy, _ map[string]string) any {
	return c
}

func TestAPolicyOfAnotherProtocolHasNothingOfRDP(t *testing.T) {
	t.Parallel()
	for name, field := range builder.RDPFields {
		spec, err := builder.RDPSpec(field.Spec)
		if err != nil {
			t.Fatal(err)
		}
		obj := &pamv1alpha1.RDPConnectionPolicy{Spec: spec}
		managed, err := bare.managed(obj, nil, make([]string, len(spec.AccessControl)))
		if err != nil {
			t.Fatal(err)
		}
		complete, err := bare.complete(obj, managed, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"remote_desktop_gateway", "server_certificate_check", "transport_security"} {
			if _, has := complete[member]; has {
				t.Errorf("%s: has %s", name, member)
			}
		}
		if found := sps.Diff(managed, complete, bare.comparison); len(found) > 0 {
			t.Errorf("%s: what would be created differs from the spec in %+v", name, found)
		}
	}
}

func TestANewPolicyUsesThePortAndTheCollectionsOfItsProtocol(t *testing.T) {
	t.Parallel()
	obj := builder.RDPConnectionPolicy("a")
	obj.Spec.ServerAddress = &pamv1alpha1.ServerAddress{
		Type: pamv1alpha1.ServerAddressFixed, Fixed: &pamv1alpha1.FixedServer{Address: "10.0.0.1"},
	}
	collections := map[string][]sps.Collection{}
	for _, r := range bare.references(obj, true) {
		collections[r.field] = r.collections
	}
	if diff := cmp.Diff(map[string][]sps.Collection{
		fieldChannel: {"bare/channel_policies"}, fieldSettings: {"bare/settings_policies"},
		fieldAudit: {sps.AuditPolicies},
	}, collections); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	managed, err := bare.managed(obj, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	complete, err := bare.complete(obj, managed, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := sps.ToBody(sps.ConnectionPolicy{
		Network:       &sps.Network{Clients: []string{anyNetwork}, Targets: []string{anyNetwork}, Ports: []int{22}},
		ServerAddress: &sps.ServerAddress{Selection: sps.ServerAddressFixed, Address: new("10.0.0.1"), Port: new(22)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for member, value := range want {
		if diff := cmp.Diff(value, complete[member]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", member, diff)
		}
	}
}
