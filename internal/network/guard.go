// SPDX-License-Identifier: Apache-2.0

// Package network decides where the operator may connect to. The author of a connection names a host, and sees parts of
// its answer: without a guard this would give access to the network of the operator's Pod.
package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Flag is the flag that allows addresses.
const Flag = "--allowed-targets"

// RefusedError means that an address must not be connected to. It is the same whether or not anything listens there.
type RefusedError struct {
	// Host is the requested host, as it was written.
	Host string
	// Why is what the address is, or that it is not an allowed one.
	Why string
}

// Error returns what was refused, and who can change that.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the operator does not connect to %s: %s; the administrator of the operator can allow it with %s",
		e.Host, e.Why, Flag)
}

const (
	notListed = "it is not among the allowed hosts and addresses"
	dialWait  = 10 * time.Second
	keepAlive = 30 * time.Second
)

// Guard allows connections to permitted addresses only. It is safe for concurrent use.
type Guard struct {
	targets []target
	// servers are the addresses of the API server, as dialled.
	servers []netip.AddrPort
	names   []string // of the API server, host:port
	// proxy returns the proxy of a request.
	proxy func(*http.Request) (*url.URL, error)
}

// New returns a guard for targets in the flag's syntax: host names, in which * stands for any letters, addresses and
// CIDRs, each with or without a port. Without targets everything is allowed except the classes that need explicit
// permission. Servers are the API server's host:port; their names are resolved once.
func New(ctx context.Context, targets []string, servers ...string) (*Guard, error) {
	g := &Guard{proxy: http.ProxyFromEnvironment}
	for _, text := range targets {
		t, err := parseTarget(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Flag, err)
		}
		g.targets = append(g.targets, t)
	}
	for _, server := range servers {
		g.addServer(ctx, server)
	}
	return g, nil
}

func (g *Guard) addServer(ctx context.Context, server string) {
	host, port, err := splitHostPort(server)
	if err != nil {
		return
	}
	host = canonical(host)
	g.names = append(g.names, net.JoinHostPort(host, strconv.Itoa(int(port))))
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return // then only its name is refused
	}
	for _, address := range addresses {
		g.servers = append(g.servers, netip.AddrPortFrom(address.Unmap().WithZone(""), port))
	}
}

// Dial connects to host:port if the host, or the address that it resolves to, is allowed. The address is checked at the
// moment of connecting: a name may resolve to another one every time.
func (g *Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address", address)
	}
	host = canonical(host)
	if g.isProxy(host, port) {
		return (&net.Dialer{Timeout: dialWait, KeepAlive: keepAlive}).DialContext(ctx, network, address)
	}
	if err := g.checkName(host, port); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{
		Timeout: dialWait, KeepAlive: keepAlive,
		ControlContext: func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			return g.checkAddress(host, resolved)
		},
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return nil, refused // without the address, which the wrapping error shows
	}
	return conn, err
}

// Proxy returns the proxy for a request. A proxy resolves the name itself, so only the name can be checked; if there
// are targets it must be one of them.
func (g *Guard) Proxy(req *http.Request) (*url.URL, error) {
	proxy, err := g.proxy(req)
	if err != nil || proxy == nil {
		return nil, err
	}
	host, port := canonical(req.URL.Hostname()), portOf(req.URL)
	if err := g.checkName(host, port); err != nil {
		return nil, err
	}
	if address, ok := literal(host); ok {
		return proxy, g.check(host, netip.AddrPortFrom(address, port))
	}
	if isLocal(host) {
		return nil, &RefusedError{Host: host, Why: "it is " + string(loopback)}
	}
	if len(g.targets) > 0 && !g.named(host, port) {
		return nil, &RefusedError{Host: host, Why: notListed}
	}
	return proxy, nil
}

// checkName refuses the API server by name. Everything else is decided by address.
func (g *Guard) checkName(host string, port uint16) error {
	at := net.JoinHostPort(host, strconv.Itoa(int(port)))
	for _, name := range g.names {
		if name == at && !g.exact(host, port) {
			return &RefusedError{Host: host, Why: "it is " + string(apiServer)}
		}
	}
	return nil
}

func (g *Guard) checkAddress(host, resolved string) error {
	address, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return &RefusedError{Host: host, Why: "its address cannot be read"}
	}
	return g.check(host, address)
}

// check decides about an address. Every address that it is translated to must be allowed as well.
func (g *Guard) check(host string, address netip.AddrPort) error {
	for _, translated := range translations(address.Addr()) {
		endpoint := netip.AddrPortFrom(translated, address.Port())
		if is := g.classOf(endpoint); is != ordinary && !g.allowsClass(host, endpoint, is) {
			return &RefusedError{Host: host, Why: "it is " + string(is)}
		}
	}
	if len(g.targets) == 0 || g.named(host, address.Port()) {
		return nil
	}
	endpoint := netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port())
	for _, t := range g.targets {
		if t.contains(endpoint) {
			return nil
		}
	}
	return &RefusedError{Host: host, Why: notListed}
}

func (g *Guard) classOf(endpoint netip.AddrPort) class {
	for _, server := range g.servers {
		if server == endpoint {
			return apiServer
		}
	}
	return classOf(endpoint.Addr())
}

// allowsClass reports whether an address of a class is allowed explicitly: by a target within the class or, for the API
// server, by its name or address with its port.
func (g *Guard) allowsClass(host string, endpoint netip.AddrPort, is class) bool {
	if is == apiServer && g.exact(host, endpoint.Port()) {
		return true
	}
	for _, t := range g.targets {
		switch {
		case !t.contains(endpoint):
		case is == apiServer && t.single() && t.port != 0:
			return classOf(endpoint.Addr()) == ordinary || t.within(classOf(endpoint.Addr()))
		case is != apiServer && t.within(is):
			return true
		}
	}
	return false
}

// named reports whether a target names the host.
func (g *Guard) named(host string, port uint16) bool {
	for _, t := range g.targets {
		if t.names(host, port) {
			return true
		}
	}
	return false
}

// exact reports whether a target names the host and the port, without any *.
func (g *Guard) exact(host string, port uint16) bool {
	for _, t := range g.targets {
		if t.port == port && !strings.Contains(t.name, "*") && t.names(host, port) {
			return true
		}
	}
	return false
}

// isProxy reports whether the environment configures this address as a proxy.
func (g *Guard) isProxy(host string, port uint16) bool {
	for _, scheme := range []string{"https", "http"} {
		req := &http.Request{URL: &url.URL{Scheme: scheme, Host: "proxied.invalid"}}
		if proxy, err := g.proxy(req); err == nil && proxy != nil &&
			canonical(proxy.Hostname()) == host && portOf(proxy) == port {
			return true
		}
	}
	return false
}
