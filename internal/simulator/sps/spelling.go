// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Values of Switches.NormaliseSpelling: how an appliance may rewrite what it receives.
const (
	NormaliseCase      = "Case"      // host and domain names in lower case
	NormaliseDot       = "Dot"       // without a trailing dot
	NormaliseNFC       = "NFC"       // names in this Unicode normalization form
	NormaliseAddresses = "Addresses" // addresses compressed, IPv4-mapped ones as IPv4
	NormaliseHostBits  = "HostBits"  // networks without host bits
	NormaliseRepeats   = "Repeats"   // each network once
)

// Normalisations are all values.
func Normalisations() []string {
	return []string{
		NormaliseCase, NormaliseDot, NormaliseNFC, NormaliseAddresses, NormaliseHostBits, NormaliseRepeats,
	}
}

// normaliser rewrites what a client sends into the spelling that this appliance stores. A value of the wrong type is
// left for the rules to refuse.
type normaliser []string

func (n normaliser) does(what string) bool { return slices.Contains(n, what) }

func (n normaliser) normalise(collection string, body map[string]any) {
	respell(body, "name", n.name)
	if collection != connectionsCollection {
		return
	}
	n.network(objectIn(body, "network"))
	server := objectIn(body, "server_address")
	for _, member := range []string{"address", "network", "dns_server", "dns_suffixes"} {
		respell(server, member, n.host)
	}
	for _, member := range []string{"domains", "exception_domains"} {
		for _, domain := range objectsIn(server[member]) {
			respell(objectIn(domain, "domain"), "value", n.host)
		}
	}
	respell(objectIn(body, "source_address"), "address", n.host)
	respell(objectIn(body, "remote_desktop_gateway", "local_authentication", "value"), "domain", n.host)
	respell(objectIn(body, "web_gateway_authentication"), "groups", n.name)
	for _, rule := range objectsIn(body["access_control"]) {
		respell(rule, "authorizer", n.name)
		respell(objectIn(rule, "subject"), "group", n.name)
	}
}

// network applies to the sets of addresses that a policy covers.
func (n normaliser) network(network map[string]any) {
	for _, member := range []string{"clients", "targets"} {
		respell(network, member, n.set)
		if list, isList := network[member].([]any); isList && n.does(NormaliseRepeats) {
			network[member] = distinct(list)
		}
	}
}

// name is the spelling of a name of an object, a user or a group.
func (n normaliser) name(text string) string {
	if n.does(NormaliseNFC) {
		return norm.NFC.String(text)
	}
	return text
}

// set is the spelling of a network whose host bits are meaningless.
func (n normaliser) set(text string) string {
	if p, err := netip.ParsePrefix(text); err == nil && n.does(NormaliseHostBits) {
		text = p.Masked().String()
	}
	return n.address(text)
}

// address is the spelling of an address or a network.
func (n normaliser) address(text string) string {
	if !n.does(NormaliseAddresses) {
		return text
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().String()
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return text
	}
	if mapped := 96; p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.String()
}

// host is the spelling of an address, a network or a domain name.
func (n normaliser) host(text string) string {
	if isNetwork(text) {
		return n.address(text)
	}
	text = n.name(text)
	if n.does(NormaliseCase) {
		text = strings.ToLower(text)
	}
	if n.does(NormaliseDot) {
		text = strings.TrimSuffix(text, ".")
	}
	return text
}

// respell rewrites a text, or each text in a list.
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

func distinct(list []any) []any {
	out := []any{}
	for _, value := range list {
		if text, isText := value.(string); !isText || !slices.Contains(out, any(text)) {
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

func objectIn(v any, path ...string) map[string]any {
	object, _ := inside(v, path...).(map[string]any)
	return object
}
