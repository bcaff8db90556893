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

// target is what may be connected to: a name or a network, at one port or any.
type target struct {
	name    string // * stands for any letters; empty for a network
	network netip.Prefix
	port    uint16 // 0 is any
}

// parseTarget parses host, host:port, an address, a CIDR, [address]:port or CIDR:port.
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
			return target{}, fmt.Errorf("%q has a port that is not a number from 1 to 65535", text)
		}
		t.port = uint16(port)
	}
	if n, ok := parseNetwork(host); ok {
		n.port = t.port
		return n, nil
	}
	t.name = canonical(host)
	if t.name == "" || strings.ContainsAny(t.name, "/:[]?\\ ") {
		return target{}, fmt.Errorf("%q is not a host name, address or CIDR", text)
	}
	if _, isAddress := literal(t.name); isAddress {
		return target{}, fmt.Errorf("%q is an address in an unusual form", text)
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

// unbracketed returns an IPv6 address without its brackets.
func unbracketed(host string) string {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// unmapped returns the IPv4 network of one that was written with mapped addresses.
func unmapped(p netip.Prefix) netip.Prefix {
	const before = 96 // bits of a mapped address
	if p.Addr().Is4In6() && p.Bits() >= before {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-before)
	}
	return p
}

// contains reports whether the target is a network that contains the address and port.
func (t target) contains(endpoint netip.AddrPort) bool {
	return t.name == "" && t.network.Contains(endpoint.Addr()) && (t.port == 0 || t.port == endpoint.Port())
}

// single reports whether the network is one address.
func (t target) single() bool { return t.name == "" && t.network.IsSingleIP() }

// within reports whether the network has only addresses of a class, so that it was meant to allow the class.
func (t target) within(is class) bool {
	for _, s := range special {
		if s.class == is && s.prefix.Bits() <= t.network.Bits() && s.prefix.Contains(t.network.Addr()) {
			return true
		}
	}
	return false
}

// names reports whether the target is a name that matches the host.
func (t target) names(host string, port uint16) bool {
	if t.name == "" || t.port != 0 && t.port != port {
		return false
	}
	ok, err := path.Match(escaped.Replace(t.name), host)
	return err == nil && ok
}

// escaped removes the special meaning of every character except *.
var escaped = strings.NewReplacer("[", `\[`, "?", `\?`, `\`, `\\`)

// canonical returns a host in the form in which hosts are compared: as it is looked up, in lower case, without a
// trailing dot.
func canonical(host string) string {
	host = unbracketed(host)
	if address, err := netip.ParseAddr(host); err == nil {
		return address.String()
	}
	const star = "xxanyxx" // * is not valid in a name
	if ascii, err := idna.Lookup.ToASCII(strings.ReplaceAll(host, "*", star)); err == nil {
		host = strings.ReplaceAll(ascii, star, "*")
	}
	return strings.TrimRight(strings.ToLower(host), ".")
}

// isLocal reports whether a name means this machine wherever it is resolved.
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
