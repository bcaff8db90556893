// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func guard(tb testing.TB, targets ...string) *Guard {
	tb.Helper()
	g, err := New(context.Background(), targets, "10.96.0.1:443", "127.0.0.1:6443")
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		targets []string
		host    string // empty: sps.example.com
		address string
		why     string // empty: allowed
	}{
		"an ordinary address":              {address: "10.1.2.3:443"},
		"an ordinary IPv6 address":         {address: "[2001:db8::1]:443"},
		"loopback":                         {address: "127.0.0.1:443", why: "loopback"},
		"all of loopback":                  {address: "127.255.0.9:443", why: "loopback"},
		"loopback in IPv6":                 {address: "[::1]:443", why: "loopback"},
		"loopback, mapped":                 {address: "[::ffff:127.0.0.1]:443", why: "loopback"},
		"loopback, mapped, with a zone":    {address: "[::ffff:127.0.0.1%1]:443", why: "loopback"},
		"loopback, compatible":             {address: "[::127.0.0.1]:443", why: "loopback"},
		"loopback, translated":             {address: "[::ffff:0:127.0.0.1]:443", why: "loopback"},
		"loopback by NAT64":                {address: "[64:ff9b::7f00:1]:443", why: "loopback"},
		"loopback by a site's NAT64":       {address: "[64:ff9b:1::7f00:1]:443", why: "loopback"},
		"loopback by NAT64 of 48 bits":     {address: "[64:ff9b:1:7f00:0:100::]:443", why: "loopback"},
		"loopback by 6to4":                 {address: "[2002:7f00:1::1]:443", why: "loopback"},
		"loopback by Teredo":               {address: "[2001:0:a00:1::80ff:fffe]:443", why: "loopback"},
		"loopback by ISATAP":               {address: "[2001:db8::5efe:7f00:1]:443", why: "loopback"},
		"link-local":                       {address: "169.254.169.254:80", why: "link-local"},
		"link-local by 6to4":               {address: "[2002:a9fe:a9fe::]:80", why: "link-local"},
		"link-local in IPv6, with a zone":  {address: "[fe80::1%eth0]:443", why: "link-local"},
		"unspecified":                      {address: "0.0.0.0:443", why: "unspecified"},
		"of this network":                  {address: "0.1.2.3:443", why: "unspecified"},
		"unspecified in IPv6":              {address: "[::]:443", why: "unspecified"},
		"multicast":                        {address: "224.0.0.1:443", why: "multicast"},
		"multicast in IPv6":                {address: "[ff02::1]:443", why: "multicast"},
		"broadcast":                        {address: "255.255.255.255:443", why: "broadcast"},
		"metadata of a cloud":              {address: "[fd00:ec2::254]:80", why: "metadata"},
		"the API server":                   {address: "10.96.0.1:443", why: "API server"},
		"the API server, mapped":           {address: "[::ffff:10.96.0.1]:443", why: "API server"},
		"another port of the API server's": {address: "10.96.0.1:8443"},

		"a network that is named":         {targets: []string{"10.0.0.0/8"}, address: "10.1.2.3:443"},
		"an address that is named":        {targets: []string{"10.1.2.3"}, address: "10.1.2.3:443"},
		"a port that is named":            {targets: []string{"10.1.2.3:443"}, address: "10.1.2.3:443"},
		"another port":                    {targets: []string{"10.1.2.3:443"}, address: "10.1.2.3:444", why: "not among"},
		"a network and a port":            {targets: []string{"10.0.0.0/8:443"}, address: "10.1.2.3:444", why: "not among"},
		"an IPv6 network":                 {targets: []string{"2001:db8::/32"}, address: "[2001:db8::1]:443"},
		"an IPv6 address and a port":      {targets: []string{"[2001:db8::1]:443"}, address: "[2001:db8::1]:443"},
		"a mapped network":                {targets: []string{"::ffff:10.0.0.0/104"}, address: "10.1.2.3:443"},
		"another network":                 {targets: []string{"10.0.0.0/8"}, address: "11.1.2.3:443", why: "not among"},
		"a name that is named":            {targets: []string{"sps.example.com"}, address: "11.1.2.3:443"},
		"a name in other letters":         {targets: []string{"SPS.Example.com."}, address: "11.1.2.3:443"},
		"a name by its end":               {targets: []string{"*.example.com"}, address: "11.1.2.3:443"},
		"another name":                    {targets: []string{"nps.example.com"}, address: "11.1.2.3:443", why: "not among"},
		"a name and another port":         {targets: []string{"sps.example.com:4"}, address: "1.2.3.4:443", why: "not among"},
		"a name that means loopback":      {targets: []string{"*.example.com"}, address: "127.0.0.1:443", why: "loopback"},
		"a name that means link-local":    {targets: []string{"*"}, address: "169.254.169.254:443", why: "link-local"},
		"a name that means loopback, too": {targets: []string{"*"}, address: "[64:ff9b::7f00:1]:443", why: "loopback"},
		"loopback that is named":          {targets: []string{"127.0.0.0/8"}, address: "127.0.0.1:443"},
		"everything does not name it":     {targets: []string{"0.0.0.0/0"}, address: "127.0.0.1:443", why: "loopback"},
		"everything, and an ordinary one": {targets: []string{"0.0.0.0/0"}, address: "10.0.0.1:443"},
		"the API server in a network":     {targets: []string{"10.96.0.0/16"}, address: "10.96.0.1:443", why: "API server"},
		"the API server without its port": {targets: []string{"10.96.0.1"}, address: "10.96.0.1:443", why: "API server"},
		"the API server that is named":    {targets: []string{"10.96.0.1:443"}, address: "10.96.0.1:443"},
		"one of loopback":                 {targets: []string{"127.0.0.0/8"}, address: "127.0.0.1:6443", why: "API server"},
		"one of loopback that is named":   {targets: []string{"127.0.0.1:6443"}, address: "127.0.0.1:6443"},
		"a network does not name NAT64": {
			targets: []string{"64:ff9b::/96"}, address: "[64:ff9b::7f00:1]:443", why: "loopback",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := tc.host
			if host == "" {
				host = "sps.example.com"
			}
			err := guard(t, tc.targets...).checkAddress(host, tc.address)
			refused, ok := errors.AsType[*RefusedError](err)
			switch {
			case tc.why == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.why != "" && !ok:
				t.Errorf("allowed: %v", err)
			case ok && (!strings.Contains(refused.Why, tc.why) || refused.Host != host ||
				!strings.Contains(err.Error(), Flag)):
				t.Errorf("it says %q", err)
			}
		})
	}
}

func TestTargetsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "https://sps.example.com", "10.0.0.0/33", "sps.example.com:0", "sps.example.com:65536", "sps.example.com:x",
		"[fe80::1", "a b", "sps?example.com", "127.1", "0x7f000001", "2130706433",
	} {
		if _, err := New(t.Context(), []string{text}); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// A name that a resolver may take for an address has the class of that address when a proxy would look it up.
func TestSpellingsOfAddressesBehindAProxy(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F.1", "0177.0.0.1", "017700000001",
		"0x7f.0.0.0x1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "localhost", "LOCALHOST.",
		"a.localhost", "１２７.０.０.１", "127。0。0。1", "ⓛocalhost", "[64:ff9b::7f00:1]",
	} {
		g := guard(t)
		g.proxy = func(*http.Request) (*url.URL, error) {
			return &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}, nil
		}
		_, err := g.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: host}})
		if refused, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(refused.Why, "loopback") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestNamesBehindAProxy(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		targets []string
		host    string
		allowed bool
	}{
		"any":                   {host: "sps.example.com", allowed: true},
		"one that is named":     {targets: []string{"*.example.com"}, host: "sps.example.com:8443", allowed: true},
		"one that is not named": {targets: []string{"*.example.com"}, host: "sps.example.org"},
		"one of another script": {targets: []string{"*.bücher.example"}, host: "SPS.BÜCHER.example", allowed: true},
		"the same as it is looked up": {
			targets: []string{"sps.bücher.example"}, host: "sps.xn--bcher-kva.example", allowed: true,
		},
		"an address that is named":      {targets: []string{"10.0.0.0/8"}, host: "10.1.2.3", allowed: true},
		"a name is no address":          {targets: []string{"10.0.0.0/8"}, host: "sps.example.com"},
		"an address that is not named":  {targets: []string{"10.0.0.0/8"}, host: "11.1.2.3"},
		"the API server by its address": {host: "10.96.0.1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, tc.targets...)
			proxy := &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}
			g.proxy = func(*http.Request) (*url.URL, error) { return proxy, nil }
			got, err := g.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: tc.host}})
			if tc.allowed != (err == nil && got == proxy) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// A name of a forbidden address gets the same refusal whether or not anything listens there.
func TestDialRevealsNothingAboutTheTarget(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, open, _ := net.SplitHostPort(listener.Addr().String())
	var said []string
	for range 2 {
		conn, err := guard(t).Dial(t.Context(), "tcp", net.JoinHostPort("localhost", open))
		if conn != nil {
			t.Fatal("connected")
		}
		if _, ok := errors.AsType[*RefusedError](err); !ok {
			t.Fatalf("got %v", err)
		}
		said = append(said, err.Error())
		_ = listener.Close()
	}
	if said[0] != said[1] || strings.Contains(said[0], "127.0.0.1") || !strings.Contains(said[0], "localhost") {
		t.Errorf("%q is not %q, or reveals the address", said[0], said[1])
	}
}

func TestDialConnectsToWhatIsAllowed(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := guard(t, "127.0.0.0/8").Dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// No spelling of an address gets past its class, and nothing panics.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1", "::1", "0x7f.1", "[::ffff:7f00:1]", "sps.example.com", "2002:7f00:1::", "１２７.1",
	} {
		f.Add(seed)
	}
	g, all := guard(f), guard(f, "*", "0.0.0.0/0", "::/0")
	f.Fuzz(func(t *testing.T, host string) {
		name := canonical(host)
		if name != canonical(name) {
			t.Errorf("%q is %q and then %q", host, name, canonical(name))
		}
		_, _ = parseTarget(host)
		address, ok := literal(name)
		if !ok {
			return
		}
		for _, translated := range translations(address) {
			if classOf(translated) == ordinary {
				continue
			}
			for _, g := range []*Guard{g, all} {
				if g.check(name, netip.AddrPortFrom(address, 443)) == nil {
					t.Errorf("%q is allowed and leads to %s", host, translated)
				}
			}
		}
	})
}
