// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// A Meaning turns the text of a member into what it stands for: all spellings of one thing have one meaning, and two
// things never have. What it does not understand stands for itself. Nobody says that the appliance keeps the spelling
// that it was sent (sps contract 5 shows only that it may keep host bits), so a member that has several spellings is
// compared by its meaning, and written as its author wrote it.
type Meaning func(text string) any

// NameMeaning is for names of objects, users and groups. The vendor calls them case sensitive. The two ways in which
// Unicode writes an accent look the same everywhere, and do not make two names.
func NameMeaning(text string) any { return CanonicalName(text) }

// CanonicalName is the one spelling of a name: NFC.
func CanonicalName(name string) string { return norm.NFC.String(name) }

// SameName says that two names look the same and are written with the same letters.
func SameName(a, b string) bool { return a == b || CanonicalName(a) == CanonicalName(b) }

// TextMeaning is for texts in which case means nothing, such as the common name of a certificate.
func TextMeaning(text string) any {
	if text == "" {
		return nil
	}
	return strings.ToLower(CanonicalName(text))
}

// AddressMeaning is for one IP address. No address is null.
func AddressMeaning(text string) any {
	if text == "" {
		return nil
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return address.Unmap().String()
	}
	return text
}

// NetworkMeaning is for a set of addresses: a network, or one address. Host bits say nothing about what belongs to the
// set, so 10.30.255.28/24, which the appliance takes (sps contract 5), is 10.30.255.0/24.
func NetworkMeaning(text string) any {
	if prefix, ok := prefixOf(text); ok {
		return prefix.Masked().String()
	}
	return text
}

// MappingMeaning is for a network that addresses are mapped into. The contract's own sample has host bits there
// (10.20.30.40/24, sps contract 5), and what they do is not told: they count.
func MappingMeaning(text string) any {
	if prefix, ok := prefixOf(text); ok {
		return prefix.String()
	}
	return text
}

// prefixOf reads a network or an address; an IPv4 one that is written as IPv6 becomes IPv4.
func prefixOf(text string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if mapped := ipv6Bits - ipv4Bits; prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		return netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped), true
	}
	return prefix, true
}

const (
	ipv4Bits = 32
	ipv6Bits = 128
)

// domains maps names to the form that a name server is asked for. Wildcards and underscores are no letters of a host's
// name, and are let through.
var domains = idna.New(idna.MapForLookup(), idna.StrictDomainName(false))

// DomainMeaning is for domain names: case means nothing, nor does the dot at the end, and names beyond ASCII have a
// form within it. No name is null.
func DomainMeaning(text string) any {
	name := strings.TrimSuffix(strings.ToLower(CanonicalName(text)), ".")
	switch ascii, err := domains.ToASCII(name); {
	case text == "":
		return nil
	case name == "": // the root
		return "."
	case err != nil:
		return name
	default:
		return ascii
	}
}

// HostMeaning is for an IP address or a name.
func HostMeaning(text string) any {
	if _, err := netip.ParseAddr(text); err == nil {
		return AddressMeaning(text)
	}
	return DomainMeaning(text)
}

// ServersMeaning is for a set of servers: addresses, or names with wildcards.
func ServersMeaning(text string) any {
	if _, ok := prefixOf(text); ok {
		return NetworkMeaning(text)
	}
	return DomainMeaning(text)
}

// NumberMeaning is for a number that may come as a text.
func NumberMeaning(text string) any {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return json.Number(text)
	}
	return text
}

// Member says how the values of one member compare.
type Member struct {
	// Meaning is what a text stands for; nil means itself.
	Meaning Meaning
	// Unordered is for lists of scalars that are sets: order says nothing, nor does saying the same twice.
	Unordered bool
	// Emptiable is for lists where an empty one says the same as null.
	Emptiable bool
}

// Comparison says by dotted path which members compare otherwise than to the letter. The elements of a list have the
// path of the list. A nil Comparison knows none.
type Comparison map[string]Member

// meaning of a value that is no object: nil for null, and for whatever says as much.
func (m Member) meaning(value any) any {
	if text, ok := value.(string); ok && m.Meaning != nil {
		return m.Meaning(text)
	}
	if list, ok := value.([]any); ok && m.Emptiable && len(list) == 0 {
		return nil
	}
	return value
}
