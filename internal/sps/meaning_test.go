// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestMeanings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		meaning sps.Meaning
		same    []string
		other   []string
	}{
		"networks": {
			meaning: sps.NetworkMeaning,
			same:    []string{"10.30.255.28/24", "10.30.255.0/24", "::ffff:10.30.255.9/120", "::FFFF:a1e:ff00/120"},
			other:   []string{"10.30.255.0/25", "10.30.254.0/24", "10.30.255.0", "10.30.255.0/33", "x"},
		},
		"IPv6 networks": {
			meaning: sps.NetworkMeaning,
			same:    []string{"2001:db8::/32", "2001:DB8:0:0::/32", "2001:0db8:0000:0000:0000:0000:0000:0001/32"},
			other:   []string{"2001:db8::/33", "2001:db9::/32"},
		},
		"one address is the network of itself": {
			meaning: sps.NetworkMeaning,
			same:    []string{"192.0.2.1", "192.0.2.1/32", "::ffff:192.0.2.1", "::ffff:c000:201/128"},
			other:   []string{"192.0.2.2", "192.0.2.1/31"},
		},
		"a network that addresses are mapped into keeps its host bits": {
			meaning: sps.MappingMeaning,
			same:    []string{"10.20.30.40/24", "::ffff:10.20.30.40/120"},
			other:   []string{"10.20.30.0/24", "10.20.30.40/25"},
		},
		"addresses": {
			meaning: sps.AddressMeaning,
			same:    []string{"2001:db8::1", "2001:DB8:0::0:1", "2001:0db8::0001"},
			other:   []string{"2001:db8::2", "192.0.2.1", ""},
		},
		"domains": {
			meaning: sps.DomainMeaning,
			same: []string{
				"*.b\u00fccher.example", "*.B\u00dcCHER.Example.", "*.bu\u0308cher.example", "*.xn--bcher-kva.example",
			},
			other: []string{"*.bucher.example", "b\u00fccher.example", "*.b\u00fccher.example.com", ""},
		},
		"names that no name server would take": {
			meaning: sps.DomainMeaning, same: []string{"_kerberos._TCP.corp", "_kerberos._tcp.CORP."}, other: []string{"corp"},
		},
		"hosts": {
			meaning: sps.HostMeaning, same: []string{"DNS.example.com", "dns.example.com."}, other: []string{"192.0.2.53"},
		},
		"hosts by address": {meaning: sps.HostMeaning, same: []string{"::ffff:192.0.2.53", "192.0.2.53"}},
		"servers by address": {
			meaning: sps.ServersMeaning, same: []string{"10.0.0.7/8", "10.0.0.0/8"}, other: []string{"10.0.0.0/9", "*"},
		},
		"servers by name": {meaning: sps.ServersMeaning, same: []string{"*.EXAMPLE.com.", "*.example.com"}},
		"names in two forms of Unicode": {
			meaning: sps.NameMeaning,
			same:    []string{"b\u00fcro", "bu\u0308ro"},
			other:   []string{"B\u00fcro", "buro", "b\u00fcro ", "b\u00fcro\u00a0"},
		},
		"texts without case": {meaning: sps.TextMeaning, same: []string{"RDGW", "rdgw"}, other: []string{"rdgw.", ""}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range tc.same {
				if got := sps.Diff(in(tc.same[0]), in(text), sps.Comparison{"m": {Meaning: tc.meaning}}); len(got) > 0 {
					t.Errorf("%q and %q are not the same", tc.same[0], text)
				}
			}
			for _, text := range tc.other {
				if got := sps.Diff(in(tc.same[0]), in(text), sps.Comparison{"m": {Meaning: tc.meaning}}); len(got) == 0 {
					t.Errorf("%q and %q are the same", tc.same[0], text)
				}
			}
		})
	}
}

func in(text string) sps.Body { return sps.Body{"m": text} }

func TestDiffByMeaning(t *testing.T) {
	t.Parallel()
	by := sps.Comparison{
		"network.clients": {Meaning: sps.NetworkMeaning, Unordered: true},
		"domains":         {Emptiable: true},
		"domains.value":   {Meaning: sps.ServersMeaning},
		"domains.port":    {Meaning: sps.NumberMeaning},
		"dns":             {Meaning: sps.HostMeaning},
	}
	tests := map[string]struct {
		managed, actual string
		differs         bool
	}{
		"in another order, and twice": {
			managed: `{"network":{"clients":["10.0.0.1/8","2001:DB8::/32","10.0.0.0/8"]}}`,
			actual:  `{"network":{"clients":["2001:db8::/32","10.0.0.0/8"]}}`,
		},
		"one of them is another network": {
			managed: `{"network":{"clients":["10.0.0.1/8","2001:DB8::/32"]}}`,
			actual:  `{"network":{"clients":["2001:db8::/33","10.0.0.0/8"]}}`, differs: true,
		},
		"within the objects of a list": {
			managed: `{"domains":[{"value":"*.Example.com","port":3389}]}`,
			actual:  `{"domains":[{"value":"*.example.com.","port":"3389"}]}`,
		},
		"another number": {
			managed: `{"domains":[{"value":"a","port":3389}]}`, actual: `{"domains":[{"value":"a","port":"3390"}]}`,
			differs: true,
		},
		"an empty list is null":      {managed: `{"domains":[]}`, actual: `{"domains":null}`},
		"null is an empty list":      {managed: `{"domains":null}`, actual: `{"domains":[]}`},
		"an empty list is not there": {managed: `{"domains":[]}`, actual: `{}`},
		"an empty list equals no other list": {
			managed: `{"domains":[]}`, actual: `{"domains":[{"value":"a"}]}`, differs: true,
		},
		"an empty host is null":                   {managed: `{"dns":""}`, actual: `{"dns":null}`},
		"elsewhere texts are compared as letters": {managed: `{"other":"A"}`, actual: `{"other":"a"}`, differs: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := sps.Diff(body(t, tc.managed), body(t, tc.actual), by); len(got) > 0 != tc.differs {
				t.Errorf("differences: %v", got)
			}
		})
	}
}

// TestNetworksOfOneMeaning draws networks, spells them in several ways, and changes a bit that matters or one that does
// not.
func TestNetworksOfOneMeaning(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{4, 16}).Draw(t, "bytes")
		bytes := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "address")
		bits := rapid.IntRange(1, size*8-1).Draw(t, "bits")
		flipped := func(bit int) netip.Addr {
			other := slices.Clone(bytes)
			other[bit/8] ^= 0x80 >> (bit % 8)
			address, _ := netip.AddrFromSlice(other)
			return address
		}
		original, _ := netip.AddrFromSlice(bytes)
		network := sps.NetworkMeaning(spell(t, original, bits))
		host := rapid.IntRange(bits, size*8-1).Draw(t, "host bit")
		if got := sps.NetworkMeaning(spell(t, flipped(host), bits)); got != network {
			t.Fatalf("a host bit makes %v of %v", got, network)
		}
		counts := rapid.IntRange(0, bits-1).Draw(t, "network bit")
		if got := sps.NetworkMeaning(spell(t, flipped(counts), bits)); got == network {
			t.Fatalf("another network is %v, too", got)
		}
		if sps.MappingMeaning(spell(t, original, bits)) == sps.MappingMeaning(spell(t, flipped(host), bits)) {
			t.Fatal("the host bits of a network that is mapped into say nothing")
		}
	})
}

// spell writes a network in one of its usual forms.
func spell(t *rapid.T, address netip.Addr, bits int) string {
	text := address.String()
	switch rapid.IntRange(0, 3).Draw(t, "spelling") {
	case 1:
		text = address.StringExpanded()
	case 2:
		text = strings.ToUpper(text)
	case 3:
		if address.Is4() {
			text, bits = netip.AddrFrom16(address.As16()).String(), bits+96
		}
	}
	return text + "/" + strconv.Itoa(bits)
}
