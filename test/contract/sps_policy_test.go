// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// defaultPolicy is the name of a simulated appliance's settings, audit and analytics policy; see key for real ones.
const defaultPolicy = "default"

// policy is a complete RDP connection policy: the default body, what has no default, and what a case is about. It is
// suspended and uses documentation addresses, so that it does no harm on a real appliance.
func (a *appliance) policy(name string, managed sps.RDPConnection) sps.Body {
	a.Helper()
	essential := a.wire(sps.ConnectionPolicy{
		Name: &name, Active: new(false),
		Network: &sps.Network{Clients: []string{"192.0.2.0/24"}, Targets: []string{"198.51.100.7/24"}},
		Policies: &sps.PolicyReferences{
			ChannelPolicy: a.reference(sps.RDPChannelPolicies, "all"),
			Settings:      a.reference(sps.RDPSettingsPolicies, defaultPolicy),
			AuditPolicy:   a.reference(sps.AuditPolicies, defaultPolicy),
		},
	})
	complete := sps.Overlay(sps.DefaultRDPConnection(), essential, nil)
	return sps.Overlay(complete, a.wire(managed), nil)
}

// rdp is a policy with only what all protocols have.
func rdp(common sps.ConnectionPolicy) sps.RDPConnection {
	return sps.RDPConnection{ConnectionPolicy: common}
}

// reference is the key of a name as a policy refers to it.
func (a *appliance) reference(in sps.Collection, name string) *sps.NullableKey {
	a.Helper()
	return new(sps.NullableKey(a.key(in, name)))
}

// aaPlugins is the collection that this version's aa_plugin refers to.
func (a *appliance) aaPlugins() sps.Collection {
	if strings.HasPrefix(a.version, "6.0") {
		return sps.AAPlugins
	}
	return sps.AAPluginInstances
}

// analytics is the collection that this version's analytics_policy refers to.
func (a *appliance) analytics() sps.Collection {
	if strings.HasPrefix(a.version, "6.0") {
		return sps.Analytics
	}
	return sps.AnalyticsPolicies
}

func TestSPSDefaultPolicyIsAccepted(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		body := a.policy(uniqueName("default"), sps.RDPConnection{})
		key := a.create(sps.RDPConnections, body)
		a.wantBody(sps.RDPConnections, key, body)
	})
}

// TestSPSSampleOfTheVendor sends the one complete policy in the vendor's documentation, and expects it back unchanged.
func TestSPSSampleOfTheVendor(t *testing.T) {
	data, err := os.ReadFile("../../internal/sps/testdata/rdp_connection_6.0.4.json")
	if err != nil {
		t.Fatal(err)
	}
	var shown struct{ Body sps.Body }
	if err := json.Unmarshal(data, &shown); err != nil {
		t.Fatal(err)
	}
	onSimulatedSPS(t, "its keys are those of the vendor's appliance", func(a *appliance) {
		key := a.create(sps.RDPConnections, sps.Dereference(shown.Body))
		got, err := a.client.Get(a.Context(), sps.RDPConnections, key)
		a.must(err)
		if diff := cmp.Diff(shown.Body, got.Body); diff != "" {
			a.Errorf("policy (-documentation +appliance):\n%s", diff)
		}
		a.commit(func(tx *sps.Transaction) {
			a.must(tx.Replace(a.Context(), sps.RDPConnections, key, sps.Dereference(got.Body)))
			a.wantChanges(tx) // what was read is what exists
		})
	})
}

func TestSPSUpdateKeepsWhatItDoesNotKnow(t *testing.T) {
	const unknown = "override_log_level"
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		template := a.create(sps.RDPConnections, a.policy(uniqueName("template"), sps.RDPConnection{}))
		a.set(func(s *simsps.Switches) { s.RequiredMembers = []string{unknown, "from_the_future"} })
		current := a.body(sps.RDPConnections, template)
		current[unknown] = map[string]any{"enabled": true, "level": json.Number("7")}
		a.sim.Put(string(sps.RDPConnections), template, current)

		managed := a.wire(sps.ConnectionPolicy{
			Network:       &sps.Network{Ports: []int{3390}},
			ServerAddress: &sps.ServerAddress{Selection: sps.ServerAddressFixed, Address: new("192.0.2.9"), Port: new(3389)},
			Indexing:      &sps.Indexing{},
		})
		complete := a.policy("", sps.RDPConnection{})
		a.commit(func(tx *sps.Transaction) {
			a.must(tx.Replace(a.Context(), sps.RDPConnections, template, sps.Overlay(current, managed, complete)))
		})
		got := a.body(sps.RDPConnections, template)
		if diff := sps.Diff(managed, got, nil); len(diff) != 0 {
			a.Errorf("not as managed: %v", diff)
		}
		if diff := cmp.Diff(current[unknown], got[unknown]); diff != "" {
			a.Errorf("the unknown member was changed:\n%s", diff)
		}

		tx := a.begin(a.client)
		_, err := tx.Create(a.Context(), sps.RDPConnections, a.policy(uniqueName("default"), sps.RDPConnection{}))
		a.want("a refusal: members are missing", sps.IsRefused, err)
		copied := sps.Overlay(got, sps.Body{"name": uniqueName("copy")}, nil)
		a.add(tx, sps.RDPConnections, copied) // from a policy as template
		a.must(tx.Commit(a.Context(), ""))
	})
}

// within returns an object inside a body.
func within(body sps.Body, name string) map[string]any {
	object, _ := body[name].(map[string]any)
	return object
}

func TestSPSPoliciesThatAreRefused(t *testing.T) {
	tests := map[string]func(body sps.Body){
		"a member is missing":       func(b sps.Body) { delete(b, "rate_limit") },
		"a member is unknown":       func(b sps.Body) { b["colour"] = "red" },
		"a policy must not be null": func(b sps.Body) { within(b, "policies")["audit_policy"] = nil },
		"a policy does not exist":   func(b sps.Body) { within(b, "policies")["ldap_server"] = "nothing" },
		"a reference as it was read": func(b sps.Body) {
			within(b, "indexing")["policy"] = map[string]any{"key": "-50000", "meta": map[string]any{"href": "/x"}}
		},
		"a member of another form": func(b sps.Body) { within(b, "source_address")["address"] = "192.0.2.1" },
		"metadata outlives its trails": func(b sps.Body) {
			b["channel_database_cleanup"] = map[string]any{"enabled": true, "days": 731}
		},
		"a port that is none":     func(b sps.Body) { within(b, "network")["ports"] = []any{70000} },
		"a priority that is none": func(b sps.Body) { within(b, "indexing")["priority"] = 6 },
	}
	onSimulatedSPS(t, "the strictness of a real appliance is not documented", func(a *appliance) {
		archive := &sps.PolicyReferences{ArchiveCleanupPolicy: a.reference(sps.ArchiveCleanupPolicies, "yearly")}
		tx := a.begin(a.client)
		for name, spoil := range tests {
			body := a.policy(uniqueName("spoilt"), rdp(sps.ConnectionPolicy{Policies: archive}))
			spoil(body)
			_, err := tx.Create(a.Context(), sps.RDPConnections, body)
			a.want("a refusal: "+name, sps.IsRefused, err)
		}
		a.wantChanges(tx)
		a.must(tx.Rollback(a.Context()))
	})
}
