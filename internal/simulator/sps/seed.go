// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"time"
)

// seeded is an object that every appliance starts with.
type seeded struct {
	collection, key string
	body            map[string]any
}

func named(collection, key, name string) seeded { return seeded{collection, key, fields{"name": name}} }

// seededPolicies are the objects that RDP connection policies refer to. Their keys are those in the vendor's samples
// where known; built-in objects have negative keys. The names are those of the documentation's examples.
func seededPolicies() []seeded {
	return []seeded{
		named("rdp/channel_policies", "-20100", "terminal-only"),
		named("rdp/channel_policies", "-20200", "all"),
		named("rdp/settings_policies", "-301", "default"),
		named("rdp/settings_policies", "-303", "compatible"),
		named(analyticsCollections[0], "-60000", "default"),
		named(analyticsCollections[1], "-60000", "default"),
		{"policies/archive_cleanup_policies", "1854671967571b9063c4c82", fields{
			"name": "yearly", "include_node_id_in_path": false, "notification_event": "on_error", "retention_days": 730,
			"start_times": []any{"04:00"}, "target": fields{"selection": "none"}, "template": "protocol_connection_date",
		}},
		{"policies/audit_policies", "78101850949e47437dd91d", fields{
			"name": "default", "encryption": fields{"enabled": false}, "signing": fields{"enabled": false},
			"timestamping": fields{"selection": "local"},
		}},
		named("policies/backup_policies", "512524636571b903540804", "nightly"),
		named("policies/content_policies", "-70000", "default"),
		named("policies/credentialstores", "505008562571b936560254", "vault"),
		named("policies/indexing", "-50000", "default"),
		named("policies/ldap_servers", "250588254571b931066482", "corp"),
		named("policies/signing_cas", "53449998258a4ceba80fdc", "rdgw-ca"),
		named("policies/signing_cas", "1904188625a843f11d30a5", "session-ca"),
		named("policies/time_policies", "-80000", "7x24"),
		named("policies/trusted_ca_lists", "9106862955a844051d7bf6", "corp-ca"),
		{"policies/user_databases", "15646962145a843f758501d", fields{"name": "contractors", "users": []any{}}},
		named("policies/usermapping_policies", "7421683325a843fa1c0d3e", "standard"),
		{"plugins/aa", "3310425545a8440c1b2d7a", fields{
			"name": "mfa", "api": "1.0", "description": "a second factor", "version": "1.0.0", "path": "mfa",
		}},
		{"policies/aa_plugin_instances", "6085311125a8440de91f4b", fields{
			"name": "mfa", "plugin": "3310425545a8440c1b2d7a", "configuration": "",
		}},
		{certificatesCollection, "893b7eb7-8c6f-403a-ba3a-1d09dc4b4c7a", fields{
			"certificate": "-----BEGIN CERTIFICATE-----\nsimulated\n-----END CERTIFICATE-----\n",
		}},
	}
}

// seededDocuments are the endpoints that are themselves an object.
func seededDocuments() []seeded {
	return []seeded{
		{"aaa/acls", "", fields{"groups": []any{}}},
		{"aaa/settings", "", fields{"backend": fields{"selection": "local"}}},
		{"management/accounting", "", fields{"require_commitlog": false}},
		{"management/webinterface", "", fields{"timeout": 10}},
		{"rdp/domain_membership", "", fields{"enabled": false}},
		{"rdp/options", "", fields{
			"channel_database_cleanup": fields{"enabled": false}, "service": fields{"enabled": false},
		}},
	}
}

// seededAccounts are the account admin and some of the built-in groups (docs/vendors/sps.md 7).
func seededAccounts(adminPassword string, now time.Time) []seeded {
	const ofAdmin = "0b5a3a52-7f5c-4f8e-9a52-0d1e5a7c7c11"
	group := func(key, name string) seeded {
		return seeded{groupsCollection, key, fields{"name": name, "members": []any{}}}
	}
	return []seeded{
		{passwordsCollection, ofAdmin, fields{"plain": adminPassword}},
		{usersCollection, "103640099357f3b14f0529a", fields{
			"name": DefaultUser, "password": ofAdmin, "password_created": now.Unix(),
		}},
		group("224696054489c27f6c5710", "basic-view"),
		group("b080b1ba546232548bb1a9", "http-view"),
		group("ca2dc85730ca082ee6b5c8", "http-write"),
		group("b080b1ba546232548bb1f9", "rdp-view"),
		group("5c1d7f22546232548bb2c4", "rdp-write"),
		group("77e0a91b546232548bb30d", "search"),
		group("90b3c4d5546232548bb3e1", restGroup),
		group("ca2dc85730ca082ee6b5f8", "report"),
	}
}

// seedTree is the configuration of a new appliance.
func seedTree(adminPassword string, now time.Time) *tree {
	t := newTree()
	for _, s := range slices.Concat(seededPolicies(), seededDocuments(), seededAccounts(adminPassword, now)) {
		c := &checker{}
		body := normal(s.body)
		ruleOf(s.collection, Switches{}).check(c, "", body)
		body, secret := splitSecret(s.collection, body)
		t.put(s.collection, newObject(s.key, body, secret, c.refs))
	}
	return t
}
