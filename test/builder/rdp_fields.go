// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"encoding/json"
	"strings"

	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// RDPField is one way to fill a part of an RDPConnectionPolicySpec, and the expected result on the appliance.
type RDPField struct {
	// Spec is a fragment of the spec in YAML.
	Spec string
	// Wire holds, in JSON, the top-level members that differ from RDPDefaults.
	Wire string
}

// RDPDefaults is the expected policy on the appliance for an empty spec, without the name (docs/vendors/sps.md 5).
const RDPDefaults = `{
	"active": true,
	"access_control": [],
	"channel_database_cleanup": {"enabled": false},
	"indexing": {"enabled": true, "policy": "-50000", "priority": 3},
	"log_audit_trail_downloads": true,
	"network": {"clients": ["0.0.0.0/0"], "ports": [3389], "targets": ["0.0.0.0/0"]},
	"policies": {
		"aa_plugin": null, "analytics_policy": null, "archive_cleanup_policy": null,
		"audit_policy": "78101850949e47437dd91d", "backup_policy": null, "channel_policy": "-20200",
		"credential_store": null, "ldap_server": null, "settings": "-301", "usermapping_policy": null
	},
	"rate_limit": {"enabled": false},
	"remote_desktop_gateway": {"enabled": false},
	"server_address": {"selection": "original"},
	"server_certificate_check": {"enabled": false},
	"source_address": {"selection": "box_address"},
	"transport_security": {
		"selection": "tls", "legacy_fallback": false, "certificate": {"selection": "self_signed"}
	},
	"web_gateway_authentication": {"enabled": false}
}`

// allPolicies is the wire form of policies with every member set.
const allPolicies = `{"policies": {
	"aa_plugin": "6085311125a8440de91f4b", "analytics_policy": "-60000",
	"archive_cleanup_policy": "1854671967571b9063c4c82", "audit_policy": "78101850949e47437dd91d",
	"backup_policy": "512524636571b903540804", "channel_policy": "-20100",
	"credential_store": "505008562571b936560254", "ldap_server": "250588254571b931066482",
	"settings": "-303", "usermapping_policy": "7421683325a843fa1c0d3e"
}}`

// RDPFields cover every field of the spec and every form of its unions. The keys of objects are those that a simulated
// appliance starts with.
var RDPFields = map[string]RDPField{
	"nothing": {Spec: `{}`, Wire: `{}`},

	"an active policy":   {Spec: `{active: true}`, Wire: `{}`},
	"an inactive policy": {Spec: `{active: false}`, Wire: `{"active": false}`},

	"a network": {
		Spec: `{network: {clients: [10.0.0.0/8, 192.0.2.1], targets: [10.30.255.28/24], ports: [3390, 3389]}}`,
		Wire: `{"network": {"clients": ["10.0.0.0/8", "192.0.2.1"], "targets": ["10.30.255.28/24"], "ports": [3390, 3389]}}`,
	},
	"a port alone": {
		Spec: `{network: {ports: [3390]}}`,
		Wire: `{"network": {"clients": ["0.0.0.0/0"], "targets": ["0.0.0.0/0"], "ports": [3390]}}`,
	},

	"the original server address": {Spec: `{serverAddress: {type: Original}}`, Wire: `{}`},
	"a fixed server address": {
		Spec: `{serverAddress: {type: Fixed, fixed: {address: 10.30.255.70, port: 3390}}}`,
		Wire: `{"server_address": {"selection": "fix", "address": "10.30.255.70", "port": 3390}}`,
	},
	"a fixed server address at the usual port": {
		Spec: `{serverAddress: {type: Fixed, fixed: {address: 10.30.255.70}}}`,
		Wire: `{"server_address": {"selection": "fix", "address": "10.30.255.70", "port": 3389}}`,
	},
	"a server address by NAT": {
		Spec: `{serverAddress: {type: NAT, nat: {network: 10.20.30.0/24}}}`,
		Wire: `{"server_address": {"selection": "nat", "network": "10.20.30.0/24"}}`,
	},
	"an inband server address": {
		Spec: `{serverAddress: {type: Inband, inband: {
			domains: [{type: Address, value: 10.0.0.0/8, port: 3390}, {type: Domain, value: "*.example.com"}],
			exceptionDomains: [{type: Domain, value: db.example.com, port: 3391}],
			dnsServer: 192.0.2.53, dnsSuffixes: [example.com, example.net]}}}`,
		Wire: `{"server_address": {"selection": "inband",
			"domains": [
				{"domain": {"selection": "address", "value": "10.0.0.0/8"}, "port": 3390},
				{"domain": {"selection": "domain", "value": "*.example.com"}, "port": 3389}],
			"exception_domains": [{"domain": {"selection": "domain", "value": "db.example.com"}, "port": 3391}],
			"dns_server": "192.0.2.53", "dns_suffixes": ["example.com", "example.net"]}}`,
	},
	"an inband server address with the least": {
		Spec: `{serverAddress: {type: Inband, inband: {domains: [{type: Domain, value: "*"}]}}}`,
		Wire: `{"server_address": {"selection": "inband",
			"domains": [{"domain": {"selection": "domain", "value": "*"}, "port": 3389}]}}`,
	},
	"an inband server address without exceptions": {
		Spec: `{serverAddress: {type: Inband, inband: {
			domains: [{type: Domain, value: "*"}], exceptionDomains: [], dnsServer: "", dnsSuffixes: []}}}`,
		Wire: `{"server_address": {"selection": "inband",
			"domains": [{"domain": {"selection": "domain", "value": "*"}, "port": 3389}],
			"exception_domains": [], "dns_suffixes": null}}`,
	},

	"the appliance's source address": {Spec: `{sourceAddress: {type: BoxAddress}}`, Wire: `{}`},
	"the original source address": {
		Spec: `{sourceAddress: {type: Original}}`, Wire: `{"source_address": {"selection": "original"}}`,
	},
	"a fixed source address": {
		Spec: `{sourceAddress: {type: Fixed, fixed: {address: 192.0.2.7}}}`,
		Wire: `{"source_address": {"selection": "fix", "address": "192.0.2.7"}}`,
	},

	"TLS": {Spec: `{transportSecurity: {type: TLS}}`, Wire: `{}`},
	"the encryption of old RDP": {
		Spec: `{transportSecurity: {type: Legacy}}`, Wire: `{"transport_security": {"selection": "legacy"}}`,
	},
	"TLS with a fallback": {
		Spec: `{transportSecurity: {type: TLS, tls: {legacyFallback: true}}}`,
		Wire: `{"transport_security": {"selection": "tls", "legacy_fallback": true, "certificate": {
			"selection": "self_signed"}}}`,
	},
	"TLS with a self-signed certificate": {
		Spec: `{transportSecurity: {type: TLS, tls: {legacyFallback: false, certificate: {type: SelfSigned}}}}`, Wire: `{}`,
	},
	"TLS with an uploaded certificate": {
		Spec: `{transportSecurity: {type: TLS, tls: {certificate: {
			type: Fixed, fixed: {x509Identity: {key: 893b7eb7-8c6f-403a-ba3a-1d09dc4b4c7a}}}}}}`,
		Wire: `{"transport_security": {"selection": "tls", "legacy_fallback": false, "certificate": {
			"selection": "fix", "x509_identity": "893b7eb7-8c6f-403a-ba3a-1d09dc4b4c7a"}}}`,
	},
	"TLS with generated certificates": {
		Spec: `{transportSecurity: {type: TLS, tls: {certificate: {
			type: Generated, generated: {signingCA: {name: session-ca}}}}}}`,
		Wire: `{"transport_security": {"selection": "tls", "legacy_fallback": false, "certificate": {
			"selection": "generate", "signing_ca": "1904188625a843f11d30a5"}}}`,
	},

	"TLS with certificates generated by a CA's key": {
		Spec: `{transportSecurity: {type: TLS, tls: {certificate: {
			type: Generated, generated: {signingCA: {key: 1904188625a843f11d30a5}}}}}}`,
		Wire: `{"transport_security": {"selection": "tls", "legacy_fallback": false, "certificate": {
			"selection": "generate", "signing_ca": "1904188625a843f11d30a5"}}}`,
	},

	"servers that are verified": {
		Spec: `{serverCertificateCheck: {mode: Enabled, trustedCA: {name: corp-ca}}}`,
		Wire: `{"server_certificate_check": {"enabled": true, "trusted_ca": "9106862955a844051d7bf6"}}`,
	},
	"servers that are verified by a list's key": {
		Spec: `{serverCertificateCheck: {mode: Enabled, trustedCA: {key: 9106862955a844051d7bf6}}}`,
		Wire: `{"server_certificate_check": {"enabled": true, "trusted_ca": "9106862955a844051d7bf6"}}`,
	},
	"servers that are not verified": {Spec: `{serverCertificateCheck: {mode: Disabled}}`, Wire: `{}`},

	"a gateway with signed certificates and a user database": {
		Spec: `{remoteDesktopGateway: {mode: Enabled,
			hostCertification: {type: Signing, signing: {signingCA: {name: rdgw-ca}, commonName: rdgw.example.com}},
			localAuthentication: {type: LocalUserDatabase, localUserDatabase: {
				domain: example, database: {name: contractors}}}}}`,
		Wire: `{"remote_desktop_gateway": {"enabled": true,
			"host_certification_method": {"selection": "signing", "value": {
				"signing_ca": "53449998258a4ceba80fdc", "common_name": "rdgw.example.com"}},
			"local_authentication": {"selection": "local_user_database", "value": {
				"domain": "example", "local_user_database": "15646962145a843f758501d"}}}}`,
	},
	"a gateway with signed certificates in the appliance's name": {
		Spec: `{remoteDesktopGateway: {mode: Enabled,
			hostCertification: {type: Signing, signing: {signingCA: {key: 53449998258a4ceba80fdc}}},
			localAuthentication: {type: ActiveDirectory}}}`,
		Wire: `{"remote_desktop_gateway": {"enabled": true,
			"host_certification_method": {"selection": "signing", "value": {
				"signing_ca": "53449998258a4ceba80fdc", "common_name": null}},
			"local_authentication": {"selection": "active_directory", "value": null}}}`,
	},
	"a gateway with signed certificates in the appliance's name again": {
		Spec: `{remoteDesktopGateway: {mode: Enabled, localAuthentication: {type: ActiveDirectory},
			hostCertification: {type: Signing, signing: {signingCA: {name: rdgw-ca}, commonName: ""}}}}`,
		Wire: `{"remote_desktop_gateway": {"enabled": true, "host_certification_method": {"selection": "signing",
			"value": {"signing_ca": "53449998258a4ceba80fdc", "common_name": null}},
			"local_authentication": {"selection": "active_directory", "value": null}}}`,
	},
	"a gateway with one certificate": {
		Spec: `{remoteDesktopGateway: {mode: Enabled,
			hostCertification: {type: Single, single: {x509Identity: {key: 893b7eb7-8c6f-403a-ba3a-1d09dc4b4c7a}}},
			localAuthentication: {type: LocalUserDatabase, localUserDatabase: {
				domain: example, database: {key: 15646962145a843f758501d}}}}}`,
		Wire: `{"remote_desktop_gateway": {"enabled": true,
			"host_certification_method": {"selection": "single", "value": "893b7eb7-8c6f-403a-ba3a-1d09dc4b4c7a"},
			"local_authentication": {"selection": "local_user_database", "value": {
				"domain": "example", "local_user_database": "15646962145a843f758501d"}}}}`,
	},
	"no gateway": {Spec: `{remoteDesktopGateway: {mode: Disabled}}`, Wire: `{}`},

	"a second log-in of some groups": {
		Spec: `{webGatewayAuthentication: {mode: Enabled, groups: [admin, staff], requireSameIP: true}}`,
		Wire: `{"web_gateway_authentication": {"enabled": true, "groups": ["admin", "staff"], "require_same_ip": true}}`,
	},
	"a second log-in of anybody": {
		Spec: `{webGatewayAuthentication: {mode: Enabled}}`,
		Wire: `{"web_gateway_authentication": {"enabled": true, "groups": [], "require_same_ip": false}}`,
	},
	"no second log-in": {Spec: `{webGatewayAuthentication: {mode: Disabled}}`, Wire: `{}`},

	"no access rules": {Spec: `{accessControl: []}`, Wire: `{}`},
	"access rules": {
		Spec: `{accessControl: [
			{authorizer: security, permission: AuditAndAuthorize, requireDifferentIP: true, requireDifferentUsername: true,
				subject: {type: Only, group: root_only}},
			{authorizerRef: {name: auditors}, permission: Audit, subject: {type: Everybody}},
			{authorizer: approvers, permission: Authorize}]}`,
		Wire: `{"access_control": [
			{"authorizer": "security", "permission": "audit_and_authorize", "require_different_ip": true,
				"require_different_username": true, "subject": {"selection": "only", "group": "root_only"}},
			{"authorizer": "rdp-auditors", "permission": "audit", "require_different_ip": false,
				"require_different_username": false, "subject": {"selection": "everybody"}},
			{"authorizer": "approvers", "permission": "authorize", "require_different_ip": false,
				"require_different_username": false, "subject": {"selection": "everybody"}}]}`,
	},

	"a cleanup": {
		Spec: `{channelDatabaseCleanup: {mode: Enabled, days: 550}}`,
		Wire: `{"channel_database_cleanup": {"enabled": true, "days": 550}}`,
	},
	"no cleanup": {Spec: `{channelDatabaseCleanup: {mode: Disabled}}`, Wire: `{}`},

	"indexing":    {Spec: `{indexing: {mode: Enabled}}`, Wire: `{}`},
	"no indexing": {Spec: `{indexing: {mode: Disabled}}`, Wire: `{"indexing": {"enabled": false}}`},
	"indexing by a policy": {
		Spec: `{indexing: {mode: Enabled, policy: {name: default}, priority: NearRealTime}}`,
		Wire: `{"indexing": {"enabled": true, "policy": "-50000", "priority": 0}}`,
	},
	"indexing by a policy's key": {
		Spec: `{indexing: {mode: Enabled, policy: {key: "-50000"}}}`, Wire: `{}`,
	},
	"indexing with very high priority": {
		Spec: `{indexing: {mode: Enabled, priority: VeryHigh}}`,
		Wire: `{"indexing": {"enabled": true, "policy": "-50000", "priority": 1}}`,
	},
	"indexing with high priority": {
		Spec: `{indexing: {mode: Enabled, priority: High}}`,
		Wire: `{"indexing": {"enabled": true, "policy": "-50000", "priority": 2}}`,
	},
	"indexing with normal priority": {Spec: `{indexing: {mode: Enabled, priority: Normal}}`, Wire: `{}`},
	"indexing with low priority": {
		Spec: `{indexing: {mode: Enabled, priority: Low}}`,
		Wire: `{"indexing": {"enabled": true, "policy": "-50000", "priority": 4}}`,
	},
	"indexing with very low priority": {
		Spec: `{indexing: {mode: Enabled, priority: VeryLow}}`,
		Wire: `{"indexing": {"enabled": true, "policy": "-50000", "priority": 5}}`,
	},

	"downloads that are logged": {Spec: `{logAuditTrailDownloads: true}`, Wire: `{}`},
	"downloads that are not logged": {
		Spec: `{logAuditTrailDownloads: false}`, Wire: `{"log_audit_trail_downloads": false}`,
	},

	"a rate limit": {
		Spec: `{rateLimit: {mode: Enabled, connectionsPerMinute: 60}}`,
		Wire: `{"rate_limit": {"enabled": true, "value": 60}}`,
	},
	"no rate limit": {Spec: `{rateLimit: {mode: Disabled}}`, Wire: `{}`},

	"policies by name": {
		Spec: `{policies: {channel: {name: terminal-only}, settings: {name: compatible}, audit: {name: default},
			archiveCleanup: {name: yearly}, backup: {name: nightly}, credentialStore: {name: vault},
			ldapServer: {name: corp}, usermapping: {name: standard}, aaPlugin: {name: mfa}, analytics: {name: default}}}`,
		Wire: allPolicies,
	},
	"policies by key": {
		Spec: `{policies: {channel: {key: "-20100"}, settings: {key: "-303"}, audit: {key: 78101850949e47437dd91d},
			archiveCleanup: {key: 1854671967571b9063c4c82}, backup: {key: 512524636571b903540804},
			credentialStore: {key: 505008562571b936560254}, ldapServer: {key: 250588254571b931066482},
			usermapping: {key: 7421683325a843fa1c0d3e}, aaPlugin: {key: 6085311125a8440de91f4b},
			analytics: {key: "-60000"}}}`,
		Wire: allPolicies,
	},
	"policies that are none": {
		Spec: `{policies: {archiveCleanup: {type: None}, backup: {type: None}, credentialStore: {type: None},
			ldapServer: {type: None}, usermapping: {type: None}, aaPlugin: {type: None}, analytics: {type: None}}}`,
		Wire: `{}`,
	},
}

// RDPSpec parses a fragment of a spec.
func RDPSpec(fragment string) (pamv1alpha1.RDPConnectionPolicySpec, error) {
	var spec pamv1alpha1.RDPConnectionPolicySpec
	err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(fragment, "\t", " ")), &spec)
	return spec, err
}

// RDPBody is the whole expected body on the appliance: the defaults, overridden by the members of wire.
func RDPBody(name, wire string) (map[string]any, error) {
	body := map[string]any{}
	for _, text := range []string{RDPDefaults, wire} {
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			return nil, err
		}
	}
	body["name"] = name
	return body, nil
}
