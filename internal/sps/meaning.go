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

// A Meaning maps the text of a member to its meaning: different spellings of the same thing have the same meaning, and
// different things never do. Text that it does not understand means itself. It is not certain that the appliance keeps
// the spelling that it was sent (docs/vendors/sps.md 5 only shows that it may keep host bits), so a member with several
// spellings is compared by meaning and written as its author wrote it.
type Meaning func(text string) any

// NameMeaning is for names of objects, users and groups. The vendor calls them case sensitive. The two Unicode
// encodings of an accented letter look the same everywhere, and do not make two names.
func NameMeaning(text string) any { return CanonicalName(text) }

// CanonicalName returns the canonical form of a name: NFC.
func CanonicalName(name string) string { return norm.NFC.String(name) }

// SameName reports whether two names look the same and consist of the same letters.
func SameName(a, b string) bool { return a == b || CanonicalName(a) == CanonicalName(b) }

// TextMeaning is for texts that ignore case, such as the common name of a certificate.
func TextMeaning(text string) any {
	if text == "" {
		return nil
	}
	return strings.ToLower(CanonicalName(text))
}

// AddressMeaning is for one IP address. An empty text means null.
func AddressMeaning(text string) any {
	if text == "" {
		return nil
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return address.Unmap().String()
	}
	return text
}

// NetworkMeaning is for a set of addresses: a network, or one address. Host bits do not affect which addresses belong
// to the set, so 10.30.255.28/24, which the appliance accepts (docs/vendors/sps.md 5), is 10.30.255.0/24.
func NetworkMeaning(text string) any {
	if prefix, ok := prefixOf(text); ok {
		return prefix.Masked().String()
	}
	return text
}

// MappingMeaning is for a network that addresses are mapped into. The vendor's sample has host bits there
// (10.20.30.40/24, docs/vendors/sps.md 5), and their effect is undocumented: they count.
func MappingMeaning(text string) any {
	if prefix, ok := prefixOf(text); ok {
		return prefix.String()
	}
	return text
}

// prefixOf parses a network or an address; an IPv4 one that is written as IPv6 becomes IPv4.
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

// domains maps names to the form in which a name server is queried. Wildcards and underscores are not valid in host
// names, but are let through.
var domains = idna.New(idna.MapForLookup(), idna.StrictDomainName(false))

// DomainMeaning is for domain names: case and a trailing dot are ignored, and names beyond ASCII have an ASCII form. An
// empty text means null.
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

// Member is how the values of one member compare.
type Member struct {
	// Meaning maps a text to its meaning; nil means that the text is compared as it is.
	Meaning Meaning
	// Unordered is for lists of scalars that are sets: order and repetition are ignored.
	Unordered bool
	// Emptiable is for lists where an empty list and null mean the same.
	Emptiable bool
}

// Comparison lists, by dotted path, the members that are not compared exactly. The elements of a list have the path of
// the list. A nil Comparison lists none.
type Comparison map[string]Member

// meaning returns the meaning of a value that is not an object: nil for null and its equivalents.
func (m Member) meaning(value any) any {
	if text, ok := value.(string); ok && m.Meaning != nil {
		return m.Meaning(text)
	}
	if list, ok := value.([]any); ok && m.Emptiable && len(list) == 0 {
		return nil
	}
	return value
}

// Numbers returns a copy of a body in which the numbers that came as texts are numbers.
func (by Comparison) Numbers(b Body) Body {
	out := make(Body, len(b))
	for name, value := range b {
		out[name] = by.numbers(name, value)
	}
	return out
}

func (by Comparison) numbers(path string, value any) any {
	if list, ok := value.([]any); ok && list != nil {
		out := make([]any, 0, len(list))
		for _, element := range list {
			out = append(out, by.numbers(path, element))
		}
		return out
	}
	if object, ok := asObject(value); ok {
		out := make(map[string]any, len(object))
		for name, member := range object {
			out[name] = by.numbers(path+"."+name, member)
		}
		return out
	}
	if text, ok := value.(string); ok && by[path].Meaning != nil {
		if number, is := by[path].Meaning(text).(json.Number); is {
			return number
		}
	}
	return value
}
