// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// target is a place that may be connected to: a name or a network, at one port or at any.
type target struct {
	name    string // in which * stands for any letters; empty for a network
	network netip.Prefix
	port    uint16 // 0 is any
}

// parseTarget reads host, host:port, an address, a CIDR, [address]:port or CIDR:port.
func parseTarget(text string) (target, error) {
	text = strings.TrimSpace(text)
	if t, ok := parseNetwork(text); ok {
		return t, nil
	}
	host, portText, hasPort := text, "", false
	if at := strings.LastIndexByte(text, ':'); at >= 0 {
		host, portText, hasPort = text[:at], text[at+1:], true
	}
	t := target{}
	if hasPort {
		port, err := strconv.ParseUint(portText, 10, 16)
		if err != nil || port == 0 {
			return target{}, fmt.Errorf("%q has a port that is no number from 1 to 65535", text)
		}
		t.port = uint16(port)
	}
	if n, ok := parseNetwork(host); ok {
		n.port = t.port
		return n, nil
	}
	t.name = canonical(host)
	if t.name == "" || strings.ContainsAny(t.name, "/:[]?\\ ") {
		return target{}, fmt.Errorf("%q is no host name, address or CIDR", text)
	}
	if _, isAddress := literal(t.name); isAddress {
		return target{}, fmt.Errorf("%q is an address that is not written as usual", text)
	}
	return t, nil
}

func parseNetwork(text string) (target, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return target{network: unmapped(prefix.Masked())}, true
	}
	if address, err := netip.ParseAddr(unbracketed(text)); err == nil {
		address = address.Unmap().WithZone("")
		return target{network: netip.PrefixFrom(address, address.BitLen())}, true
	}
	return target{}, false
}

// unbracketed is an IPv6 address as it stands alone.
func unbracketed(host string) string {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// unmapped is an IPv4 network that was written as one of mapped addresses.
func unmapped(p netip.Prefix) netip.Prefix {
	const before = 96 // bits of a mapped address
	if p.Addr().Is4In6() && p.Bits() >= before {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-before)
	}
	return p
}

// holds says that a network has the place.
func (t target) holds(place netip.AddrPort) bool {
	return t.name == "" && t.network.Contains(place.Addr()) && (t.port == 0 || t.port == place.Port())
}

// single says that the network is one address.
func (t target) single() bool { return t.name == "" && t.network.IsSingleIP() }

// within says that the network has addresses of a class only, so that it was meant to allow the class.
func (t target) within(is class) bool {
	for _, s := range special {
		if s.class == is && s.prefix.Bits() <= t.network.Bits() && s.prefix.Contains(t.network.Addr()) {
			return true
		}
	}
	return false
}

// names says that the target is a name that the host has.
func (t target) names(host string, port uint16) bool {
	if t.name == "" || t.port != 0 && t.port != port {
		return false
	}
	ok, err := path.Match(escaped.Replace(t.name), host)
	return err == nil && ok
}

// escaped keeps all but * from having a meaning.
var escaped = strings.NewReplacer("[", `\[`, "?", `\?`, `\`, `\\`)

// canonical is a host in the form in which hosts are compared: as it is looked up, in lower case and without a dot at
// its end.
func canonical(host string) string {
	host = unbracketed(host)
	if address, err := netip.ParseAddr(host); err == nil {
		return address.String()
	}
	const star = "xxanyxx" // * is no part of a name
	if ascii, err := idna.Lookup.ToASCII(strings.ReplaceAll(host, "*", star)); err == nil {
		host = strings.ReplaceAll(ascii, star, "*")
	}
	return strings.TrimRight(strings.ToLower(host), ".")
}

// isLocal says that a name means this machine wherever it is looked up.
func isLocal(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "localhost.localdomain"
}

func splitHostPort(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, uint16(n), err
}

func portOf(u *url.URL) uint16 {
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(n)
	}
	if u.Scheme == "http" {
		return 80
	}
	return 443
}
