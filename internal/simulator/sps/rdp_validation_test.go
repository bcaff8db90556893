// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// with puts a value at a path in a body; deleted removes the member instead.
func with(body object, path string, value any) object {
	names := strings.Split(path, ".")
	at := body
	for _, name := range names[:len(names)-1] {
		at, _ = at[name].(object)
	}
	if last := names[len(names)-1]; value == deleted {
		delete(at, last)
	} else {
		at[last] = value
	}
	return body
}

var deleted = any("a member that is to be removed")

// edit is one deviation of a policy from the vendor's sample.
type edit struct {
	path  string
	value any
}

func TestPoliciesThatTheContractForbids(t *testing.T) {
	const syntactic, semantic = "SyntacticError", "SemanticError"
	tests := map[string]struct {
		edit
		kind    string
		message string
	}{
		"a missing policy": {
			edit{"policies.usermapping_policy", deleted}, syntactic,
			"policies.usermapping_policy: is missing",
		},
		"an unknown member further down": {edit{"network.via", "x"}, syntactic, "network.via: is not a member"},
		"a text where a flag belongs":    {edit{"active", "yes"}, syntactic, "active: must be true or false"},
		"a number where a text belongs":  {edit{"name", 5}, syntactic, "name: must be a string"},
		"an object where a list belongs": {
			edit{"access_control", object{}}, syntactic,
			"access_control: must be a list",
		},
		"a list where an object belongs": {edit{"network", []int{}}, syntactic, "network: must be an object"},
		"a fraction of a port": {
			edit{"network.ports", []float64{1.5}}, syntactic,
			"network.ports[0]: must be an integer",
		},
		"an off form with more members": {
			edit{"rate_limit", object{"enabled": false, "value": 5}}, syntactic,
			"rate_limit.value: is not a member",
		},
		"an on form with fewer members": {
			edit{"rate_limit", object{"enabled": true}}, syntactic,
			"rate_limit.value: is missing",
		},
		"legacy with a certificate": {
			edit{"transport_security.selection", "legacy"}, syntactic,
			"transport_security.certificate: is not a member",
		},
		"a flag as text": {
			edit{"indexing.enabled", "true"}, syntactic,
			"indexing.enabled: must be true or false",
		},
		"an empty name": {edit{"name", ""}, semantic, "name:"},
		"an unknown selection": {
			edit{"server_address", object{"selection": "guess"}}, semantic,
			"server_address.selection:",
		},
		"a network that is none": {
			edit{"network.targets", []string{"10.0.0.0/40"}}, semantic,
			"network.targets[0]:",
		},
		"a name as fixed address": {
			edit{"server_address.address", "host.example"}, semantic,
			"server_address.address:",
		},
		"an empty name server": {
			edit{"server_address", object{"selection": "inband", "domains": []object{}, "dns_server": ""}}, semantic,
			"server_address.dns_server:",
		},
		"a name server that is null": {
			edit{"server_address", object{"selection": "inband", "domains": []object{}, "dns_server": nil}}, syntactic,
			"server_address.dns_server:",
		},
		"a permission that is none": {edit{"access_control", []object{{
			"authorizer": "a", "permission": "all", "require_different_ip": true, "require_different_username": true,
			"subject": object{"selection": "everybody"},
		}}}, semantic, "access_control[0].permission:"},
		"a reference into the wrong place": {
			edit{"policies.backup_policy", "-20200"}, semantic,
			"policies.backup_policy: there is no object",
		},
		"a plugin itself, not its settings": {
			edit{"policies.aa_plugin", "3310425545a8440c1b2d7a"}, semantic,
			"policies.aa_plugin:",
		},
		"the name of another policy": {edit{"name", "taken"}, semantic, "name: there is another object"},
	}
	b := start(t, "8.0", nil)
	b.sps.Put("rdp/connections", "", policy(t, "taken"))
	c := b.logIn()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := with(policy(t, "new"), tt.path, tt.value)
			answer := c.in(t).refusedWith(400, tt.kind, http.MethodPost, connections, body)
			if got, _ := dig(answer, "error", "message").(string); !strings.Contains(got, tt.message) {
				t.Errorf("message %q, want %q in it", got, tt.message)
			}
		})
	}
}

func TestRetentionIsLimitedByTheGlobalOptions(t *testing.T) {
	c := start(t, "8.0", nil).logIn()
	c.must(http.MethodPut, configuration+"/rdp/options", object{
		"channel_database_cleanup": object{"enabled": true, "days": 100}, "service": object{"enabled": false},
	})
	c.refusedWith(400, "SemanticError", http.MethodPost, connections, policy(t, "a"))
}

func TestPluginReferenceOf60(t *testing.T) {
	c := start(t, "6.0", nil).logIn()
	c.open()
	c.create(connections, with(policy(t, "a"), "policies.aa_plugin", "3310425545a8440c1b2d7a"))
}

func TestMembersThatAVersionAddsAndRemoves(t *testing.T) {
	b := start(t, "8.0", func(s *sps.Switches) {
		s.RequiredMembers, s.RemovedMembers = []string{"override_log_level"}, []string{"channel_database_cleanup"}
	})
	b.sps.Put("rdp/connections", "template", policy(t, "template"))
	c := b.logIn()
	c.refusedWith(400, "SyntacticError", http.MethodPost, connections, policy(t, "a"))
	copied, _ := bare(c.must(http.MethodGet, connections+"/template", nil)["body"]).(object)
	if copied["override_log_level"] == nil || copied["channel_database_cleanup"] != nil {
		t.Fatalf("GET shows the members of another version: %v", copied)
	}
	c.create(connections, with(copied, "name", "a"))
}

func TestLenientAppliance(t *testing.T) {
	c := start(t, "8.0", func(s *sps.Switches) { s.Strict = false }).logIn()
	c.create(connections, with(with(policy(t, "a"), "colour", "red"), "rate_limit", deleted))
	c.refusedWith(400, "SyntacticError", http.MethodPost, connections, with(policy(t, "b"), "active", 1))
}

func TestPositionIsTheOrderOfCreation(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.logIn()
	first := c.create(connections, policy(t, "first"))
	c.create(connections, policy(t, "second"))
	c.must(http.MethodPut, connections+"/"+first, with(policy(t, "first"), "active", false))
	c.commit()
	names := func() string {
		var out []string
		for _, o := range b.sps.Objects("rdp/connections") {
			name, _ := o.Body["name"].(string)
			out = append(out, name)
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "first second" {
		t.Errorf("order: %s", got)
	}
	if !b.sps.Move("rdp/connections", first, 9) || names() != "second first" {
		t.Errorf("order after the move: %s", names())
	}
	if b.sps.Move("rdp/connections", "nothing", 0) {
		t.Error("an object that does not exist was moved")
	}
}
