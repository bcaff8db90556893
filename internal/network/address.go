// SPDX-License-Identifier: Apache-2.0

package network

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// class is the kind of an address; empty is an ordinary one.
type class string

// Classes that may only be connected to if allowed explicitly.
const (
	ordinary    class = ""
	loopback    class = "a loopback address"
	linkLocal   class = "a link-local address"
	unspecified class = "an unspecified address"
	multicast   class = "a multicast or broadcast address"
	metadata    class = "a cloud metadata service"
	apiServer   class = "the API server of the cluster"
)

// special maps prefixes to classes. The first match wins.
var special = []struct {
	prefix netip.Prefix
	class  class
}{
	{netip.MustParsePrefix("127.0.0.0/8"), loopback},
	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal},
	{netip.MustParsePrefix("fe80::/10"), linkLocal},
	{netip.MustParsePrefix("0.0.0.0/8"), unspecified},
	{netip.MustParsePrefix("::/128"), unspecified},
	{netip.MustParsePrefix("224.0.0.0/4"), multicast},
	{netip.MustParsePrefix("240.0.0.0/4"), multicast}, // reserved, 255.255.255.255 among them
	{netip.MustParsePrefix("ff00::/8"), multicast},
	{netip.MustParsePrefix("fd00:ec2::/32"), metadata},
	{netip.MustParsePrefix("fd20:ce::/32"), metadata},
	{netip.MustParsePrefix("100.100.100.200/32"), metadata},
	{netip.MustParsePrefix("168.63.129.16/32"), metadata},
	{netip.MustParsePrefix("192.0.0.192/32"), metadata},
}

// embedding lists the IPv6 prefixes whose addresses lead to an IPv4 address within them, and which of their bytes form
// it.
var embedding = []struct {
	prefix netip.Prefix
	bytes  [4]int
	// inverted is set if its bits are inverted.
	inverted bool
}{
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), bytes: last4},              // IPv4-translated (RFC 2765)
	{prefix: netip.MustParsePrefix("::/96"), bytes: last4},                        // IPv4-compatible (RFC 4291)
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), bytes: last4},                 // NAT64 (RFC 6052)
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), bytes: last4},               // NAT64 of a site (RFC 8215)
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), bytes: [4]int{6, 7, 9, 10}}, // the same, with 48 bits of prefix
	{prefix: netip.MustParsePrefix("2002::/16"), bytes: [4]int{2, 3, 4, 5}},       // 6to4 (RFC 3056)
	{prefix: netip.MustParsePrefix("2001::/32"), bytes: [4]int{4, 5, 6, 7}},       // Teredo (RFC 4380): its server
	{prefix: netip.MustParsePrefix("2001::/32"), bytes: last4, inverted: true},    // and its client
}

var last4 = [4]int{12, 13, 14, 15}

// isatap are the first four of the last eight bytes of an ISATAP address (RFC 5214), with or without the bit for a
// global address.
var isatap = [][4]byte{{0, 0, 0x5e, 0xfe}, {2, 0, 0x5e, 0xfe}}

// translations returns an address and those that it is translated to. A mapped IPv4 address is that IPv4 address.
func translations(address netip.Addr) []netip.Addr {
	address = address.Unmap().WithZone("")
	out := []netip.Addr{address}
	if !address.Is6() || address == netip.IPv6Unspecified() || address == netip.IPv6Loopback() {
		return out
	}
	all := address.As16()
	within := func(at [4]int, inverted bool) {
		var four [4]byte
		for i, from := range at {
			four[i] = all[from]
			if inverted {
				four[i] = ^four[i]
			}
		}
		out = append(out, netip.AddrFrom4(four))
	}
	for _, e := range embedding {
		if e.prefix.Contains(address) {
			within(e.bytes, e.inverted)
		}
	}
	// Only one of the two NAT64 forms applies to a site; it is the other one.
	if len(out) == 3 && out[1] == netip.IPv4Unspecified() {
		out = slices.Delete(out, 1, 2)
	}
	if slices.Contains(isatap, [4]byte(all[8:12])) {
		within(last4, false)
	}
	return out
}

// classOf returns the class of an address.
func classOf(address netip.Addr) class {
	for _, s := range special {
		if s.prefix.Contains(address) {
			return s.class
		}
	}
	return ordinary
}

// literal parses a host that is an address: in the usual form, and in the forms that many systems' C library takes for
// an IPv4 address, with fewer than four parts, in octal and in hexadecimal.
func literal(host string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(host); err == nil {
		return address, true
	}
	parts := strings.Split(host, ".")
	if host == "" || len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 64)
		if err != nil || strings.ContainsAny(part, "_+") || strings.HasPrefix(strings.ToLower(part), "0b") ||
			strings.HasPrefix(strings.ToLower(part), "0o") {
			return netip.Addr{}, false
		}
		left := 4 - i // bytes not filled yet
		switch last := i == len(parts)-1; {
		case last && n < 1<<(8*left):
			value = value<<(8*left) | n
		case !last && n < 256:
			value = value<<8 | n
		default:
			return netip.Addr{}, false
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}
