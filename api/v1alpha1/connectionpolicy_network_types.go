// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// PolicyNetwork selects the connections that a policy applies to. On the appliance, the first matching policy wins.
// +kubebuilder:validation:MinProperties=1
type PolicyNetwork struct {
	// clients are the addresses or networks that connections come from; at most 256. Defaults to 0.0.0.0/0 on create. Host
	// bits are ignored: 10.0.0.5/8 means 10.0.0.0/8.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="self.all(n, isIP(n) || isCIDR(n))",message="each of clients must be an IP address or a network such as 10.0.0.0/8"
	Clients []string `json:"clients,omitempty"`

	// targets are the addresses or networks that connections go to; at most 256. Defaults to 0.0.0.0/0 on create. Host
	// bits are ignored: 10.30.255.28/24 means 10.30.255.0/24.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="self.all(n, isIP(n) || isCIDR(n))",message="each of targets must be an IP address or a network such as 10.30.255.0/24"
	Targets []string `json:"targets,omitempty"`

	// ports are the TCP ports that connections go to; at most 64. Defaults to the protocol's port on create, which is 3389
	// for RDP.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`
}

// ServerAddressType is how the target server is chosen.
// +kubebuilder:validation:Enum=Original;Fixed;NAT;Inband
type ServerAddressType string

// How the target server is chosen.
const (
	// ServerAddressOriginal connects to the address that the client requested.
	ServerAddressOriginal ServerAddressType = "Original"
	// ServerAddressFixed always connects to the same address.
	ServerAddressFixed ServerAddressType = "Fixed"
	// ServerAddressNAT maps the address that the client requested into another network.
	ServerAddressNAT ServerAddressType = "NAT"
	// ServerAddressInband lets the client name the server in its user name.
	ServerAddressInband ServerAddressType = "Inband"
)

// ServerAddress defines how the target server is chosen.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Fixed') == has(self.fixed)",message="fixed is required with type: Fixed, and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="(self.type == 'NAT') == has(self.nat)",message="nat is required with type: NAT, and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Inband') == has(self.inband)",message="inband is required with type: Inband, and forbidden otherwise"
type ServerAddress struct {
	// type is Original (the address that the client requested), Fixed (always the same address), NAT (that address mapped
	// into another network) or Inband (the client names the server in its user name).
	// +required
	Type ServerAddressType `json:"type,omitempty"`

	// fixed is the server. Required with type: Fixed, and forbidden otherwise.
	// +optional
	Fixed *FixedServer `json:"fixed,omitempty"`

	// nat is the network to map into. Required with type: NAT, and forbidden otherwise.
	// +optional
	NAT *NATServer `json:"nat,omitempty"`

	// inband lists the servers that clients may name. Required with type: Inband, and forbidden otherwise.
	// +optional
	Inband *InbandServer `json:"inband,omitempty"`
}

// FixedServer is the one server that connections go to.
type FixedServer struct {
	// address is the IP address or host name of the server.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Address string `json:"address,omitempty"`

	// port is the TCP port of the server. Defaults to the protocol's port on create, which is 3389 for RDP.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// NATServer maps addresses into a network.
type NATServer struct {
	// network is the network to map addresses into, such as 10.20.30.0/24. Host bits are kept and compared.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isCIDR(self)",message="network must be a network such as 10.20.30.0/24"
	Network string `json:"network,omitempty"`
}

// InbandDomainType is how to read the value of an InbandDomain.
// +kubebuilder:validation:Enum=Address;Domain
type InbandDomainType string

// How to read the value of an InbandDomain.
const (
	// InbandDomainAddress is an address or network.
	InbandDomainAddress InbandDomainType = "Address"
	// InbandDomainName is a domain name, with * as a wildcard.
	InbandDomainName InbandDomainType = "Domain"
)

// InbandDomain is a set of servers that clients may or may not name.
type InbandDomain struct {
	// type is Address (an address or network) or Domain (a domain name, with * as a wildcard).
	// +required
	Type InbandDomainType `json:"type,omitempty"`

	// value is the address, network or domain name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Value string `json:"value,omitempty"`

	// port is the TCP port of these servers. Defaults to the protocol's port, which is 3389 for RDP.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// InbandServer lets the client name the server in its user name.
type InbandServer struct {
	// domains are the servers that clients may name; at most 256.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Domains []InbandDomain `json:"domains,omitempty"`

	// exceptionDomains are servers within domains that clients may not name; at most 256. An empty list removes them; if
	// omitted, they are not managed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	ExceptionDomains []InbandDomain `json:"exceptionDomains,omitzero"`

	// dnsServer is the name server that resolves these names. If empty, or omitted on create, the appliance uses its own;
	// if omitted later, it is not managed.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	DNSServer *string `json:"dnsServer,omitempty"`

	// dnsSuffixes are appended, in this order, to names without a domain; at most 32. An empty list removes them; if
	// omitted, they are not managed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	DNSSuffixes []string `json:"dnsSuffixes,omitzero"`
}

// SourceAddressType is the address that the target server sees.
// +kubebuilder:validation:Enum=BoxAddress;Original;Fixed
type SourceAddressType string

// The address that the target server sees.
const (
	// SourceAddressBox shows the appliance's own address.
	SourceAddressBox SourceAddressType = "BoxAddress"
	// SourceAddressOriginal shows the client's address.
	SourceAddressOriginal SourceAddressType = "Original"
	// SourceAddressFixed always shows the same address.
	SourceAddressFixed SourceAddressType = "Fixed"
)

// SourceAddress defines the address that the target server sees.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Fixed') == has(self.fixed)",message="fixed is required with type: Fixed, and forbidden otherwise"
type SourceAddress struct {
	// type is BoxAddress (the appliance's own address), Original (the client's) or Fixed (always the same address).
	// +required
	Type SourceAddressType `json:"type,omitempty"`

	// fixed is the address. Required with type: Fixed, and forbidden otherwise.
	// +optional
	Fixed *FixedSource `json:"fixed,omitempty"`
}

// FixedSource is the one source address that target servers see.
type FixedSource struct {
	// address is the IP address that the target server sees.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isIP(self)",message="address must be an IP address"
	Address string `json:"address,omitempty"`
}
