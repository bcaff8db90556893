// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// normalise gives what a client sends the one spelling that this appliance keeps: names in NFC, host and domain names
// in lower case and without a dot at the end, addresses compressed, networks without host bits and each of them once.
// What is no text where one belongs stays as it is, for the rules to refuse.
func normalise(collection string, body map[string]any) {
	respell(body, "name", norm.NFC.String)
	if collection != connectionsCollection {
		return
	}
	normaliseNetworks(body)
	network, _ := body["network"].(map[string]any)
	for _, member := range []string{"clients", "targets"} {
		respell(network, member, addressSpelling)
		if list, isList := network[member].([]any); isList {
			network[member] = distinct(list)
		}
	}
	server, _ := body["server_address"].(map[string]any)
	for _, member := range []string{"address", "network", "dns_server", "dns_suffixes"} {
		respell(server, member, hostSpelling)
	}
	for _, member := range []string{"domains", "exception_domains"} {
		for _, domain := range objectsIn(server[member]) {
			inner, _ := domain["domain"].(map[string]any)
			respell(inner, "value", hostSpelling)
		}
	}
	source, _ := body["source_address"].(map[string]any)
	respell(source, "address", hostSpelling)
	respell(insideObject(body, "remote_desktop_gateway", "local_authentication", "value"), "domain", hostSpelling)
	web, _ := body["web_gateway_authentication"].(map[string]any)
	respell(web, "groups", norm.NFC.String)
	for _, rule := range objectsIn(body["access_control"]) {
		respell(rule, "authorizer", norm.NFC.String)
		subject, _ := rule["subject"].(map[string]any)
		respell(subject, "group", norm.NFC.String)
	}
}

// respell writes a text, or each of a list of texts, in another spelling.
func respell(object map[string]any, member string, spelling func(string) string) {
	switch value := object[member].(type) {
	case string:
		object[member] = spelling(value)
	case []any:
		for i, element := range value {
			if text, isText := element.(string); isText {
				value[i] = spelling(text)
			}
		}
	}
}

// hostSpelling is the spelling of an address, a network or a domain name.
func hostSpelling(text string) string {
	if short := addressSpelling(text); short != text || strings.ContainsRune(text, ':') {
		return short
	}
	return strings.ToLower(strings.TrimSuffix(norm.NFC.String(text), "."))
}

// addressSpelling is the spelling of an address or a network; an IPv4 address is one, however it is written.
func addressSpelling(text string) string {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().String()
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		if mapped := 96; p.Addr().Is4In6() && p.Bits() >= mapped {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
		}
		return p.String()
	}
	return text
}

func distinct(list []any) []any {
	var out []any
	for _, value := range list {
		if !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	return out
}

func objectsIn(value any) []map[string]any {
	list, _ := value.([]any)
	var out []map[string]any
	for _, element := range list {
		if object, isObject := element.(map[string]any); isObject {
			out = append(out, object)
		}
	}
	return out
}

func insideObject(v any, path ...string) map[string]any {
	object, _ := inside(v, path...).(map[string]any)
	return object
}
