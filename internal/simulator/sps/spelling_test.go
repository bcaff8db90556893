// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func TestOneSpellingIsKept(t *testing.T) {
	c := start(t, "8.0", func(s *sps.Switches) { s.NormaliseSpelling = sps.Normalisations() }).logIn()
	body := policy(t, "bu\u0308ro")
	body["network"] = object{
		"clients": []any{"2001:DB8:0:0::/32", "10.30.255.28/24", "10.30.255.29/24", "::ffff:192.0.2.1"},
		"targets": []any{"::FFFF:10.0.0.7/104"}, "ports": []any{3389},
	}
	body["server_address"] = object{
		"selection": "inband", "dns_server": "DNS.Example.com.", "dns_suffixes": []any{"EXAMPLE.com."},
		"domains": []any{object{"domain": object{"selection": "domain", "value": "*.B\u00dcCHER.example."}, "port": 3389}},
	}
	body["source_address"] = object{"selection": "fix", "address": "2001:DB8::0:1"}
	body["web_gateway_authentication"] = object{
		"enabled": true, "groups": []any{"Rene\u0301e"}, "require_same_ip": true,
	}
	body["access_control"] = []any{object{
		"authorizer": "Rene\u0301e", "permission": "audit", "require_different_ip": true,
		"require_different_username": false, "subject": object{"selection": "only", "group": "Rene\u0301e"},
	}}
	got := c.must(http.MethodGet, connections+"/"+c.create(connections, body), nil)
	for _, want := range []struct {
		path  []string
		value any
	}{
		{[]string{"name"}, "b\u00fcro"},
		{[]string{"network", "clients"}, []any{"2001:db8::/32", "10.30.255.0/24", "192.0.2.1"}},
		{[]string{"network", "targets"}, []any{"10.0.0.0/8"}},
		{[]string{"server_address", "dns_server"}, "dns.example.com"},
		{[]string{"server_address", "dns_suffixes"}, []any{"example.com"}},
		{[]string{"server_address", "domains"}, []any{object{
			"domain": object{"selection": "domain", "value": "*.b\u00fccher.example"}, "port": 3389.0,
		}}},
		{[]string{"source_address", "address"}, "2001:db8::1"},
		{[]string{"web_gateway_authentication", "groups"}, []any{"Ren\u00e9e"}},
		{[]string{"access_control"}, []any{object{
			"authorizer": "Ren\u00e9e", "permission": "audit", "require_different_ip": true,
			"require_different_username": false, "subject": object{"selection": "only", "group": "Ren\u00e9e"},
		}}},
	} {
		if diff := cmp.Diff(want.value, dig(got, append([]string{"body"}, want.path...)...)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", want.path, diff)
		}
	}
	c.refusedWith(400, "SemanticError", http.MethodPost, connections, policy(t, "b\u00fcro")) // the name is taken
	bad := policy(t, "bad")
	bad["network"] = "none"
	c.refusedWith(400, "SyntacticError", http.MethodPost, connections, bad)
}

func TestEachNormalisationForItself(t *testing.T) {
	tests := map[string]struct{ sent, want []any }{
		sps.NormaliseCase:      {[]any{"A.Example.", "2001:DB8::"}, []any{"a.example.", "2001:DB8::"}},
		sps.NormaliseDot:       {[]any{"A.Example."}, []any{"A.Example"}},
		sps.NormaliseNFC:       {[]any{"Bu\u0308cher.example."}, []any{"B\u00fccher.example."}},
		sps.NormaliseAddresses: {[]any{"2001:DB8:0::0", "A."}, []any{"2001:db8::", "A."}},
		sps.NormaliseHostBits:  {[]any{"A."}, []any{"A."}},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			c := start(t, "8.0", func(s *sps.Switches) { s.NormaliseSpelling = []string{what} }).logIn()
			body := policy(t, "p")
			body["server_address"] = object{"selection": "inband", "domains": []any{}, "dns_suffixes": tt.sent}
			got := c.must(http.MethodGet, connections+"/"+c.create(connections, body), nil)
			if diff := cmp.Diff(tt.want, dig(got, "body", "server_address", "dns_suffixes")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestACommitChecksAgain has two concurrent transactions, each valid on its own.
func TestACommitChecksAgain(t *testing.T) {
	tests := map[string]struct {
		prepare func(one, two *client)
		says    string
	}{
		"a name that somebody else took meanwhile": {says: "another object with the name", prepare: func(one, two *client) {
			one.create(groups, object{"name": "g", "members": []string{}})
			two.create(groups, object{"name": "g", "members": []string{}})
		}},
		"a password that somebody else used meanwhile": {says: "already in use", prepare: func(one, two *client) {
			key := one.password("p")
			spare := one.create(users, object{"name": "spare", "password": key})
			one.commit()
			for name, c := range map[string]*client{"a": one, "b": two} { // each takes it from spare
				c.must(http.MethodDelete, users+"/"+spare, nil)
				c.create(users, object{"name": name, "password": key})
			}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := start(t, "8.0", func(s *sps.Switches) { s.OverlappingCommit = sps.OverlapLastWriterWins })
			one, two := b.logIn().in(t), b.logIn().in(t)
			tt.prepare(one, two)
			one.commit()
			answer := two.refusedWith(400, "SemanticError", http.MethodPut, transaction, object{"status": "commit"})
			if text, _ := dig(answer, "error", "message").(string); !strings.Contains(text, tt.says) {
				t.Errorf("message %q", text)
			}
		})
	}
}

func TestAnalyticsPoliciesAreElsewhereIn60(t *testing.T) {
	for version, paths := range map[string][2]string{
		"6.0": {"analytics", "policies/analytics"}, "7.0": {"policies/analytics", "analytics"},
	} {
		c := start(t, version, nil).logIn()
		c.must(http.MethodGet, configuration+"/"+paths[0], nil)
		c.refusedWith(404, "NotFound", http.MethodGet, configuration+"/"+paths[1], nil)
	}
}

func TestTheUserAtTheServerIsAList(t *testing.T) {
	b := start(t, "8.0", nil)
	b.sps.StartSession(sps.AuditSession{ServerUser: "root"})
	c := b.logIn()
	user := func() any {
		items, _ := c.must(http.MethodGet, sessions+"?fields=*&q=user.server_username:root", nil)["items"].([]any)
		if len(items) != 1 {
			t.Fatalf("%d sessions", len(items))
		}
		return dig(items[0], "body", "user", "server_username")
	}
	if diff := cmp.Diff([]any{"root"}, user()); diff != "" {
		t.Error(diff)
	}
	b.sps.SetSwitches(func(s *sps.Switches) { s.ServerUsernameText = true })
	if diff := cmp.Diff(any("root"), user()); diff != "" {
		t.Error(diff)
	}
}
