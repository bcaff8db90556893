// SPDX-License-Identifier: Apache-2.0

package sps

import "maps"

// Selections of a ServerAddress (docs/vendors/sps.md 5).
const (
	ServerAddressOriginal = "original"
	ServerAddressNAT      = "nat"
	ServerAddressFixed    = "fix"
	ServerAddressInband   = "inband"
)

// ServerAddress is the server that a connection goes to. Members of other selections must be nil.
type ServerAddress struct {
	Selection string `json:"selection"`
	// Address and Port are the server; only with ServerAddressFixed.
	Address *string `json:"address,omitempty"`
	Port    *int    `json:"port,omitempty"`
	// Network is what target addresses are mapped to; only with ServerAddressNAT.
	Network *string `json:"network,omitempty"`
	// The rest is for ServerAddressInband, where the client names the server. All except Domains are optional.
	Domains          []InbandDomain `json:"domains,omitzero"`
	ExceptionDomains []InbandDomain `json:"exception_domains,omitzero"`
	// DNSServer is null when it is empty: only the appliance's own name server is asked. See WithoutNulls.
	DNSServer *NullableName `json:"dns_server,omitempty"`
	// DNSSuffixes is null when it is empty but not nil.
	DNSSuffixes NullableTexts `json:"dns_suffixes,omitzero"`
}

// WithoutNulls returns the body of a policy as it may be sent: without a name server that is null. The vendor calls
// that member optional, and allows null only for dns_suffixes (docs/vendors/sps.md 5).
func WithoutNulls(connection Body) Body {
	address, ok := asObject(connection["server_address"])
	if server, there := address["dns_server"]; !ok || !there || server != nil {
		return connection
	}
	out, shorter := maps.Clone(connection), maps.Clone(address)
	delete(shorter, "dns_server")
	out["server_address"] = shorter
	return out
}

// InbandDomain is a set of servers that a client may, or must not, name.
type InbandDomain struct {
	Domain DomainMatch `json:"domain"`
	Port   *int        `json:"port,omitempty"`
}

// Selections of a DomainMatch.
const (
	DomainMatchAddress = "address"
	DomainMatchDomain  = "domain"
)

// DomainMatch is an address range, or a domain with wildcards.
type DomainMatch struct {
	Selection string `json:"selection"`
	Value     string `json:"value"`
}

// Selections of a SourceAddress.
const (
	SourceAddressBox      = "box_address"
	SourceAddressOriginal = "original"
	SourceAddressFixed    = "fix"
)

// SourceAddress is the address that the server sees.
type SourceAddress struct {
	Selection string `json:"selection"`
	// Address is an IP address; only with SourceAddressFixed.
	Address *string `json:"address,omitempty"`
}
