// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestDefaultRDPConnection(t *testing.T) {
	t.Parallel()
	want := body(t, `{
		"name": "", "active": true, "access_control": [], "log_audit_trail_downloads": true,
		"channel_database_cleanup": {"enabled": false},
		"indexing": {"enabled": true, "policy": "-50000", "priority": 3},
		"network": {"clients": [], "targets": [], "ports": [3389]},
		"policies": {
			"aa_plugin": null, "analytics_policy": null, "archive_cleanup_policy": null, "audit_policy": null,
			"backup_policy": null, "channel_policy": null, "credential_store": null, "ldap_server": null,
			"settings": null, "usermapping_policy": null
		},
		"rate_limit": {"enabled": false}, "remote_desktop_gateway": {"enabled": false},
		"server_address": {"selection": "original"}, "server_certificate_check": {"enabled": false},
		"source_address": {"selection": "box_address"},
		"transport_security": {
			"selection": "tls", "legacy_fallback": false, "certificate": {"selection": "self_signed"}
		},
		"web_gateway_authentication": {"enabled": false}
	}`)
	got := sps.DefaultRDPConnection()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	scribble(got)
	if diff := cmp.Diff(want, sps.DefaultRDPConnection()); diff != "" {
		t.Errorf("the defaults can be changed from outside:\n%s", diff)
	}
}

func TestTheDefaultHasTheMembersOfTheSample(t *testing.T) {
	t.Parallel()
	want, got := sample(t).Body, sps.DefaultRDPConnection()
	for _, path := range [][]string{nil, {"policies"}, {"network"}} {
		a, b := map[string]any(want), map[string]any(got)
		for _, name := range path {
			a, _ = a[name].(map[string]any)
			b, _ = b[name].(map[string]any)
		}
		for name := range a {
			if _, ok := b[name]; !ok {
				t.Errorf("%v: %s is missing", path, name)
			}
		}
		if len(a) == 0 || len(a) != len(b) {
			t.Errorf("%v: %d members, want %d", path, len(b), len(a))
		}
	}
}

// rdp is a policy with the members of all protocols.
func rdp(common sps.ConnectionPolicy) sps.RDPConnection {
	return sps.RDPConnection{ConnectionPolicy: common}
}

func TestRDPConnectionOnTheWire(t *testing.T) {
	t.Parallel()
	key := func(k sps.NullableKey) *sps.NullableKey { return &k }
	tests := map[string]struct {
		in   sps.RDPConnection
		want string
	}{
		"nothing is managed": {want: `{}`},
		"empty lists are sent": {
			in: rdp(sps.ConnectionPolicy{
				AccessControl:            []sps.AccessRule{},
				Network:                  &sps.Network{Clients: []string{}},
				WebGatewayAuthentication: &sps.WebGatewayAuthentication{Enabled: true, Groups: []string{}},
			}),
			want: `{"access_control":[],"network":{"clients":[]},"web_gateway_authentication":{"enabled":true,"groups":[]}}`,
		},
		"a policy, none, and one that is not managed": {
			in:   rdp(sps.ConnectionPolicy{Policies: &sps.PolicyReferences{AuditPolicy: key("k"), LDAPServer: key("")}}),
			want: `{"policies":{"audit_policy":"k","ldap_server":null}}`,
		},
		"access control": {
			in: rdp(sps.ConnectionPolicy{AccessControl: []sps.AccessRule{
				{
					Authorizer: "security", Permission: sps.PermissionAudit, RequireDifferentIP: true,
					Subject: sps.AccessSubject{Selection: sps.SubjectOnly, Group: new("root_only")},
				},
				{Authorizer: "x", Permission: sps.PermissionAuthorize, Subject: sps.AccessSubject{Selection: sps.SubjectEverybody}},
			}}),
			want: `{"access_control":[
				{"authorizer":"security","permission":"audit","require_different_ip":true,
				 "require_different_username":false,"subject":{"selection":"only","group":"root_only"}},
				{"authorizer":"x","permission":"authorize","require_different_ip":false,
				 "require_different_username":false,"subject":{"selection":"everybody"}}]}`,
		},
		"the server's address": {
			in: rdp(sps.ConnectionPolicy{ServerAddress: &sps.ServerAddress{
				Selection: sps.ServerAddressFixed, Address: new("10.30.255.70"), Port: new(3389),
			}}),
			want: `{"server_address":{"selection":"fix","address":"10.30.255.70","port":3389}}`,
		},
		"the client names the server": {
			in: rdp(sps.ConnectionPolicy{ServerAddress: &sps.ServerAddress{
				Selection: sps.ServerAddressInband, DNSServer: key("10.0.0.1"), DNSSuffixes: []string{"example.com"},
				Domains: []sps.InbandDomain{
					{Domain: sps.DomainMatch{Selection: sps.DomainMatchDomain, Value: "*.example"}, Port: new(3389)},
				},
				ExceptionDomains: []sps.InbandDomain{},
			}}),
			want: `{"server_address":{"selection":"inband","dns_server":"10.0.0.1","dns_suffixes":["example.com"],
				"domains":[{"domain":{"selection":"domain","value":"*.example"},"port":3389}],"exception_domains":[]}}`,
		},
		"the client names the server, by names that the appliance resolves as it does its own": {
			in: rdp(sps.ConnectionPolicy{ServerAddress: &sps.ServerAddress{
				Selection: sps.ServerAddressInband, DNSServer: key(""), DNSSuffixes: []string{},
			}}),
			want: `{"server_address":{"selection":"inband","dns_server":null,"dns_suffixes":null}}`,
		},
		"NAT and a fixed source": {
			in: rdp(sps.ConnectionPolicy{
				ServerAddress: &sps.ServerAddress{Selection: sps.ServerAddressNAT, Network: new("10.20.30.0/24")},
				SourceAddress: &sps.SourceAddress{Selection: sps.SourceAddressFixed, Address: new("10.1.1.1")},
			}),
			want: `{"server_address":{"selection":"nat","network":"10.20.30.0/24"},
				"source_address":{"selection":"fix","address":"10.1.1.1"}}`,
		},
		"certificates": {
			in: sps.RDPConnection{
				TransportSecurity: &sps.TransportSecurity{
					Selection: sps.TransportTLS, LegacyFallback: new(false),
					Certificate: &sps.TLSCertificate{Selection: sps.CertificateFixed, X509Identity: new("i")},
				},
				ServerCertificateCheck: &sps.ServerCertificateCheck{Enabled: true, TrustedCA: new("t")},
			},
			want: `{"transport_security":{"selection":"tls","legacy_fallback":false,
				"certificate":{"selection":"fix","x509_identity":"i"}},
				"server_certificate_check":{"enabled":true,"trusted_ca":"t"}}`,
		},
		"a gateway with one certificate and Active Directory": {
			in: sps.RDPConnection{RemoteDesktopGateway: &sps.RemoteDesktopGateway{
				Enabled: true, HostCertificationMethod: sps.SingleHostCertificate("i"),
				LocalAuthentication: &sps.LocalAuthentication{Selection: sps.LocalAuthenticationActiveDirectory},
			}},
			want: `{"remote_desktop_gateway":{"enabled":true,
				"host_certification_method":{"selection":"single","value":"i"},
				"local_authentication":{"selection":"active_directory","value":null}}}`,
		},
		"a gateway that signs and has users of its own": {
			in: sps.RDPConnection{RemoteDesktopGateway: &sps.RemoteDesktopGateway{
				Enabled: true,
				HostCertificationMethod: sps.SignedHostCertificate(sps.HostSigning{
					SigningCA: "c", CommonName: key(""),
				}),
				LocalAuthentication: &sps.LocalAuthentication{
					Selection: sps.LocalAuthenticationUserDatabase,
					Value:     &sps.LocalUserDatabase{Domain: "example", Database: "d"},
				},
			}},
			want: `{"remote_desktop_gateway":{"enabled":true,
				"host_certification_method":{"selection":"signing","value":{"signing_ca":"c","common_name":null}},
				"local_authentication":{"selection":"local_user_database",
					"value":{"domain":"example","local_user_database":"d"}}}}`,
		},
		"what is off is bare": {
			in: sps.RDPConnection{
				ConnectionPolicy: sps.ConnectionPolicy{
					ChannelDatabaseCleanup: &sps.ChannelDatabaseCleanup{}, Indexing: &sps.Indexing{}, RateLimit: &sps.RateLimit{},
					WebGatewayAuthentication: &sps.WebGatewayAuthentication{},
					ServerAddress:            &sps.ServerAddress{Selection: sps.ServerAddressOriginal},
				},
				RemoteDesktopGateway: &sps.RemoteDesktopGateway{}, ServerCertificateCheck: &sps.ServerCertificateCheck{},
				TransportSecurity: &sps.TransportSecurity{Selection: sps.TransportLegacy},
			},
			want: `{"channel_database_cleanup":{"enabled":false},"indexing":{"enabled":false},
				"rate_limit":{"enabled":false},"remote_desktop_gateway":{"enabled":false},
				"server_certificate_check":{"enabled":false},"web_gateway_authentication":{"enabled":false},
				"transport_security":{"selection":"legacy"},"server_address":{"selection":"original"}}`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := sps.ToBody(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(body(t, tc.want), got); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnUpdateOfTheSample takes the steps of an update (read, dereference, overlay), and nothing else changes.
func TestAnUpdateOfTheSample(t *testing.T) {
	t.Parallel()
	current := sps.Dereference(sample(t).Body)
	current["new_in_9"] = map[string]any{"x": json.Number("1.0")}
	managed, err := sps.ToBody(sps.ConnectionPolicy{
		Active: new(false), ChannelDatabaseCleanup: &sps.ChannelDatabaseCleanup{},
		Network: &sps.Network{Ports: []int{3390}},
	})
	if err != nil {
		t.Fatal(err)
	}
	complete := sps.Overlay(sps.DefaultRDPConnection(), managed, nil)
	updated := sps.Overlay(current, managed, complete)
	want := []sps.Difference{
		{Path: "active", Desired: "true", Actual: "false"},
		{Path: "channel_database_cleanup.days", Desired: "550"},
		{Path: "channel_database_cleanup.enabled", Desired: "true", Actual: "false"},
		{Path: "network.ports", Desired: "[3389]", Actual: "[3390]"},
	}
	if diff := cmp.Diff(want, sps.Diff(current, updated, nil)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := sps.Diff(managed, updated, nil); len(got) != 0 {
		t.Errorf("still different: %v", got)
	}
}
