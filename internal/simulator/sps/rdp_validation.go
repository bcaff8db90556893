// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"math"
	"net/netip"
	"slices"
	"strings"
)

// connectionsCollection holds the RDP connection policies.
const connectionsCollection = "rdp/connections"

// connectionRule is the member table of an RDP connection policy (docs/vendors/sps.md 5, 6.0.4), modified by the
// switches.
func connectionRule(s Switches) rule {
	members := []field{
		required("name", filledText()),
		required("active", flag()),
		required("access_control", list{accessRule()}),
		required("channel_database_cleanup", switchable(required("days", integer(1, math.MaxInt32)))),
		required("indexing", switchable(
			required("policy", ref{"policies/indexing"}), required("priority", integer(0, 5)))),
		required("log_audit_trail_downloads", flag()),
		required("network", record{fields: []field{
			required("clients", list{network()}), required("ports", list{port()}), required("targets", list{network()}),
		}}),
		required("policies", policiesRule(s.AAPluginCollection, s.AnalyticsCollection)),
		required("rate_limit", switchable(required("value", integer(1, math.MaxInt32)))),
		required("remote_desktop_gateway", switchable(gatewayFields()...)),
		required("server_address", serverAddressRule()),
		required("server_certificate_check", switchable(required("trusted_ca", ref{"policies/trusted_ca_lists"}))),
		required("source_address", selection(map[string][]field{
			"box_address": nil, "original": nil, "fix": {required("address", address())},
		})),
		required("transport_security", transportSecurityRule()),
		required("web_gateway_authentication", switchable(
			optional("groups", list{groupName{}}), required("require_same_ip", flag()))),
	}
	members = slices.DeleteFunc(members, func(f field) bool { return slices.Contains(s.RemovedMembers, f.name) })
	for _, name := range s.RequiredMembers {
		members = append(members, required(name, anything{}))
	}
	for _, name := range s.OptionalMembers {
		if !slices.Contains(s.RequiredMembers, name) {
			members = append(members, optional(name, anything{}))
		}
	}
	return versioned{record{fields: members}, s.RequiredMembers, s.RemovedMembers}
}

// versioned shows a policy as this version would, whichever version it was stored under.
type versioned struct {
	record
	added, removed []string
}

func (v versioned) show(value any) any {
	out, isObject := v.record.show(value).(map[string]any)
	if !isObject {
		return value
	}
	for _, name := range v.added {
		if _, present := out[name]; !present {
			out[name] = fields{"enabled": false}
		}
	}
	for _, name := range v.removed {
		delete(out, name)
	}
	return out
}

func accessRule() rule {
	group := []field{required("group", groupName{})}
	return record{fields: []field{
		required("authorizer", groupName{}),
		required("permission", enum("audit", "authorize", "audit_and_authorize")),
		required("require_different_ip", flag()),
		required("require_different_username", flag()),
		required("subject", selection(map[string][]field{"everybody": nil, "only": group, "except": group})),
	}}
}

// policiesRule requires all ten members; seven may be null.
func policiesRule(aaPlugins, analytics string) rule {
	return record{fields: []field{
		required("aa_plugin", nullable{ref{aaPlugins}}),
		required("analytics_policy", nullable{ref{analytics}}),
		required("archive_cleanup_policy", nullable{ref{"policies/archive_cleanup_policies"}}),
		required("audit_policy", ref{"policies/audit_policies"}),
		required("backup_policy", nullable{ref{"policies/backup_policies"}}),
		required("channel_policy", ref{"rdp/channel_policies"}),
		required("credential_store", nullable{ref{"policies/credentialstores"}}),
		required("ldap_server", nullable{ref{"policies/ldap_servers"}}),
		required("settings", ref{"rdp/settings_policies"}),
		required("usermapping_policy", nullable{ref{"policies/usermapping_policies"}}),
	}}
}

func gatewayFields() []field {
	signing := record{fields: []field{
		required("signing_ca", ref{"policies/signing_cas"}), required("common_name", nullable{filledText()}),
	}}
	database := record{fields: []field{
		required("domain", anyText()), required("local_user_database", ref{"policies/user_databases"}),
	}}
	return []field{
		required("host_certification_method", selection(map[string][]field{
			"single": {required("value", ref{certificatesCollection})}, "signing": {required("value", signing)},
		})),
		required("local_authentication", selection(map[string][]field{
			"active_directory": {required("value", null())}, "local_user_database": {required("value", database)},
		})),
	}
}

func serverAddressRule() rule {
	target := selection(map[string][]field{
		"address": {required("value", network())},
		"domain":  {required("value", filledText())},
	})
	domain := record{fields: []field{required("domain", target), required("port", port())}}
	return selection(map[string][]field{
		"original": nil,
		"nat":      {required("network", network())},
		"fix":      {required("address", address()), required("port", port())},
		"inband": {
			required("domains", list{domain}),
			optional("exception_domains", list{domain}),
			optional("dns_server", text("an address or a host name", isHost)),
			optional("dns_suffixes", nullable{list{filledText()}}),
		},
	})
}

func transportSecurityRule() rule {
	certificate := selection(map[string][]field{
		"self_signed": nil,
		"fix":         {required("x509_identity", ref{certificatesCollection})},
		"generate":    {required("signing_ca", ref{"policies/signing_cas"})},
	})
	return selection(map[string][]field{
		"legacy": nil,
		"tls":    {required("legacy_fallback", flag()), required("certificate", certificate)},
	})
}

func port() rule { return integer(1, 65535) }

func address() rule {
	return text("an IP address", func(s string) bool {
		_, err := netip.ParseAddr(s)
		return err == nil
	})
}

// network is an address or a CIDR whose host bits may be set, as in the vendor's sample.
func network() rule {
	return text("an IP address or network", isNetwork)
}

func isNetwork(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

func isHost(s string) bool { return s != "" && !strings.ContainsAny(s, " /\\\"'") }

// checkRetention refuses metadata that would outlive its audit trails (docs/vendors/sps.md 5,
// channel_database_cleanup).
func checkRetention(t *tree, body map[string]any) error {
	days, isNumber := inside(body, "channel_database_cleanup", "days").(float64)
	if !isNumber {
		return nil
	}
	if key, isText := inside(body, "policies", "archive_cleanup_policy").(string); isText {
		archive := place{"policies/archive_cleanup_policies", key}
		if limit, set := inside(t.body(archive), "retention_days").(float64); set && days > limit {
			return semanticError("channel_database_cleanup.days: must not exceed the %v days of the archive policy", limit)
		}
	}
	options := t.body(place{collection: "rdp/options"})
	if limit, set := inside(options, "channel_database_cleanup", "days").(float64); set && days > limit {
		return semanticError("channel_database_cleanup.days: must not exceed the %v days of the RDP options", limit)
	}
	return nil
}

// inside follows members into a JSON value; nil if one is missing.
func inside(v any, path ...string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}
