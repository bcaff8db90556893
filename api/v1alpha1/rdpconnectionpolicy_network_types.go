// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// PolicyNetwork says which connections a policy is for. The first policy that matches wins on the appliance.
// +kubebuilder:validation:MinProperties=1
type PolicyNetwork struct {
	// clients are the addresses or networks that connections come from. Left out on create, it is 0.0.0.0/0. Host bits say
	// nothing: 10.0.0.5/8 is 10.0.0.0/8.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(n, isIP(n) || isCIDR(n))",message="each of clients must be an IP address or a network such as 10.0.0.0/8"
	Clients []string `json:"clients,omitempty"`

	// targets are the addresses or networks that connections go to. Left out on create, it is 0.0.0.0/0. Host bits say
	// nothing: 10.30.255.28/24 is 10.30.255.0/24.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(n, isIP(n) || isCIDR(n))",message="each of targets must be an IP address or a network such as 10.30.255.0/24"
	Targets []string `json:"targets,omitempty"`

	// ports are the TCP ports that connections go to. Left out on create, it is 3389.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`
}

// ServerAddressType says how the target server is found.
// +kubebuilder:validation:Enum=Original;Fixed;NAT;Inband
type ServerAddressType string

// How the target server is found.
const (
	// ServerAddressOriginal connects to the address that the client asked for.
	ServerAddressOriginal ServerAddressType = "Original"
	// ServerAddressFixed connects to one address always.
	ServerAddressFixed ServerAddressType = "Fixed"
	// ServerAddressNAT maps the address that the client asked for into another network.
	ServerAddressNAT ServerAddressType = "NAT"
	// ServerAddressInband lets the client name the server in its user name.
	ServerAddressInband ServerAddressType = "Inband"
)

// ServerAddress says how the target server is found.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Fixed') == has(self.fixed)",message="fixed is needed with type: Fixed, and only then"
// +kubebuilder:validation:XValidation:rule="(self.type == 'NAT') == has(self.nat)",message="nat is needed with type: NAT, and only then"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Inband') == has(self.inband)",message="inband is needed with type: Inband, and only then"
type ServerAddress struct {
	// type is Original (the address that the client asked for), Fixed (one address always), NAT (mapped into a network) or
	// Inband (the client names the server in its user name).
	// +required
	Type ServerAddressType `json:"type,omitempty"`

	// fixed is needed with type: Fixed, and only then.
	// +optional
	Fixed *FixedServer `json:"fixed,omitempty"`

	// nat is needed with type: NAT, and only then.
	// +optional
	NAT *NATServer `json:"nat,omitempty"`

	// inband is needed with type: Inband, and only then.
	// +optional
	Inband *InbandServer `json:"inband,omitempty"`
}

// FixedServer is one server.
type FixedServer struct {
	// address is the IP address or name of the server.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address,omitempty"`

	// port is the TCP port of the server. Left out on create, it is 3389.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// NATServer maps addresses into a network.
type NATServer struct {
	// network is the network that addresses are mapped into, such as 10.20.30.0/24. Host bits are kept and compared.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isCIDR(self)",message="network must be a network such as 10.20.30.0/24"
	Network string `json:"network,omitempty"`
}

// InbandDomainType says what the value of an InbandDomain is.
// +kubebuilder:validation:Enum=Address;Domain
type InbandDomainType string

// What the value of an InbandDomain is.
const (
	// InbandDomainAddress is an address or network.
	InbandDomainAddress InbandDomainType = "Address"
	// InbandDomainName is a domain name, with * as wildcard.
	InbandDomainName InbandDomainType = "Domain"
)

// InbandDomain is a set of servers that a client may, or must not, name.
type InbandDomain struct {
	// type is Address (an address or network) or Domain (a domain name, with * as wildcard).
	// +required
	Type InbandDomainType `json:"type,omitempty"`

	// value is the address, the network, or the domain name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Value string `json:"value,omitempty"`

	// port is the TCP port that these servers are reached at. Left out, it is 3389.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// InbandServer lets the client name the server in its user name.
type InbandServer struct {
	// domains are the servers that a client may name.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Domains []InbandDomain `json:"domains,omitempty"`

	// exceptionDomains are servers among them that a client must not name. An empty list removes them; left out, they are
	// not managed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	ExceptionDomains []InbandDomain `json:"exceptionDomains,omitzero"`

	// dnsServer is the name server that the appliance asks for these names. Empty, or left out on create, its own is
	// asked; left out later, it is not managed.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=253
	DNSServer *string `json:"dnsServer,omitempty"`

	// dnsSuffixes are added, in this order, to names without a domain. An empty list removes them; left out, they are not
	// managed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	DNSSuffixes []string `json:"dnsSuffixes,omitzero"`
}

// SourceAddressType says which address the target server sees.
// +kubebuilder:validation:Enum=BoxAddress;Original;Fixed
type SourceAddressType string

// Which address the target server sees.
const (
	// SourceAddressBox shows the appliance's own address.
	SourceAddressBox SourceAddressType = "BoxAddress"
	// SourceAddressOriginal shows the client's address.
	SourceAddressOriginal SourceAddressType = "Original"
	// SourceAddressFixed shows one address always.
	SourceAddressFixed SourceAddressType = "Fixed"
)

// SourceAddress says which address the target server sees.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Fixed') == has(self.fixed)",message="fixed is needed with type: Fixed, and only then"
type SourceAddress struct {
	// type is BoxAddress (the appliance's own address), Original (the client's) or Fixed (one address always).
	// +required
	Type SourceAddressType `json:"type,omitempty"`

	// fixed is needed with type: Fixed, and only then.
	// +optional
	Fixed *FixedSource `json:"fixed,omitempty"`
}

// FixedSource is one source address.
type FixedSource struct {
	// address is the IP address that the target server sees.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isIP(self)",message="address must be an IP address"
	Address string `json:"address,omitempty"`
}
