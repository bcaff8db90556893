// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mode switches a part of a policy on or off.
// +kubebuilder:validation:Enum=Enabled;Disabled
type Mode string

// Whether a part of a policy is on.
const (
	// ModeEnabled switches it on.
	ModeEnabled Mode = "Enabled"
	// ModeDisabled switches it off.
	ModeDisabled Mode = "Disabled"
)

// ApplianceReference names an object of the appliance: by its name, which is resolved, or by the appliance's own key.
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.key)",message="exactly one of name and key is needed"
type ApplianceReference struct {
	// name is the name of the object on the appliance. It must exist there, once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key is the appliance's own id of the object. Only built-in objects have the same key on every appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// ReferenceType says that a reference deliberately points at nothing.
// +kubebuilder:validation:Enum=None
type ReferenceType string

// ReferenceNone says "no object" where the appliance allows that.
const ReferenceNone ReferenceType = "None"

// OptionalApplianceReference names an object of the appliance, or says that there is none.
// +kubebuilder:validation:XValidation:rule="[has(self.name), has(self.key), has(self.type)].filter(x, x).size() == 1",message="exactly one of name, key and type: None is needed"
type OptionalApplianceReference struct {
	// type is None to say that no object is used. Left out when name or key is given.
	// +optional
	Type ReferenceType `json:"type,omitempty"`

	// name is the name of the object on the appliance. It must exist there, once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key is the appliance's own id of the object. Only built-in objects have the same key on every appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// PolicyNetwork says which connections a policy is for. The first policy that matches wins on the appliance.
// +kubebuilder:validation:MinProperties=1
type PolicyNetwork struct {
	// clients are the addresses or networks that connections come from. Left out on create, it is 0.0.0.0/0.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(n, isIP(n) || isCIDR(n))",message="each of clients must be an IP address or a network such as 10.0.0.0/8"
	Clients []string `json:"clients,omitempty"`

	// targets are the addresses or networks that connections go to. Left out on create, it is 0.0.0.0/0.
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
	// network is the network that addresses are mapped into, such as 10.20.30.0/24.
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

	// exceptionDomains are servers among them that a client must not name.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	ExceptionDomains []InbandDomain `json:"exceptionDomains,omitzero"`

	// dnsServer is the name server that the appliance asks for these names. Left out, or empty, its own is asked.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=253
	DNSServer *string `json:"dnsServer,omitempty"`

	// dnsSuffixes are added, in this order, to names without a domain.
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

// TransportSecurityType says how RDP connections are encrypted.
// +kubebuilder:validation:Enum=TLS;Legacy
type TransportSecurityType string

// How RDP connections are encrypted.
const (
	// TransportSecurityTLS uses TLS.
	TransportSecurityTLS TransportSecurityType = "TLS"
	// TransportSecurityLegacy uses the weak encryption of old RDP only.
	TransportSecurityLegacy TransportSecurityType = "Legacy"
)

// TransportSecurity says how RDP connections are encrypted.
// +kubebuilder:validation:XValidation:rule="self.type == 'TLS' || !has(self.tls)",message="tls is allowed with type: TLS only"
type TransportSecurity struct {
	// type is TLS, or Legacy: the weak encryption of old RDP only.
	// +required
	Type TransportSecurityType `json:"type,omitempty"`

	// tls says more about type: TLS. Left out on create, the appliance signs a certificate itself and does not fall back.
	// +optional
	TLS *TransportTLS `json:"tls,omitempty"`
}

// TransportTLS says how TLS is used.
// +kubebuilder:validation:MinProperties=1
type TransportTLS struct {
	// legacyFallback lets clients fall back to the weak encryption of old RDP. Left out on create, it is false.
	// +optional
	LegacyFallback *bool `json:"legacyFallback,omitempty"`

	// certificate is what the clients are shown. Left out on create, it is SelfSigned.
	// +optional
	Certificate *PolicyCertificate `json:"certificate,omitempty"`
}

// PolicyCertificateType says which certificate clients are shown.
// +kubebuilder:validation:Enum=SelfSigned;Fixed;Generated
type PolicyCertificateType string

// Which certificate clients are shown.
const (
	// PolicyCertificateSelfSigned is one that the appliance signs itself.
	PolicyCertificateSelfSigned PolicyCertificateType = "SelfSigned"
	// PolicyCertificateFixed is one that was uploaded with its private key.
	PolicyCertificateFixed PolicyCertificateType = "Fixed"
	// PolicyCertificateGenerated is one for each connection, signed by a signing CA of the appliance.
	PolicyCertificateGenerated PolicyCertificateType = "Generated"
)

// PolicyCertificate says which certificate clients are shown.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Fixed') == has(self.fixed)",message="fixed is needed with type: Fixed, and only then"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Generated') == has(self.generated)",message="generated is needed with type: Generated, and only then"
type PolicyCertificate struct {
	// type is SelfSigned, Fixed (uploaded with its private key) or Generated (one for each connection).
	// +required
	Type PolicyCertificateType `json:"type,omitempty"`

	// fixed is needed with type: Fixed, and only then.
	// +optional
	Fixed *FixedCertificate `json:"fixed,omitempty"`

	// generated is needed with type: Generated, and only then.
	// +optional
	Generated *GeneratedCertificate `json:"generated,omitempty"`
}

// FixedCertificate is a certificate that was uploaded to the appliance with its private key.
type FixedCertificate struct {
	// x509Identity names the certificate. Most appliances show no names of certificates: then give its key.
	// +required
	X509Identity ApplianceReference `json:"x509Identity,omitzero"`
}

// GeneratedCertificate is made by the appliance for each connection.
type GeneratedCertificate struct {
	// signingCA names the signing CA of the appliance that signs the certificates.
	// +required
	SigningCA ApplianceReference `json:"signingCA,omitzero"`
}

// ServerCertificateCheck says whether the target server's certificate is verified.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.trustedCA)",message="trustedCA is needed with mode: Enabled, and only then"
type ServerCertificateCheck struct {
	// mode is Enabled or Disabled. Disabled accepts any certificate.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// trustedCA names the trusted CA list of the appliance that the certificate is checked against. Needed with mode:
	// Enabled, and only then.
	// +optional
	TrustedCA *ApplianceReference `json:"trustedCA,omitempty"`
}

// RemoteDesktopGateway makes the appliance act as a Remote Desktop Gateway.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.hostCertification)",message="hostCertification is needed with mode: Enabled, and only then"
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.localAuthentication)",message="localAuthentication is needed with mode: Enabled, and only then"
type RemoteDesktopGateway struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// hostCertification says which certificate the gateway shows. Needed with mode: Enabled, and only then.
	// +optional
	HostCertification *HostCertification `json:"hostCertification,omitempty"`

	// localAuthentication says how the gateway authenticates clients. Needed with mode: Enabled, and only then.
	// +optional
	LocalAuthentication *LocalAuthentication `json:"localAuthentication,omitempty"`
}

// HostCertificationType says which certificate a Remote Desktop Gateway shows.
// +kubebuilder:validation:Enum=Single;Signing
type HostCertificationType string

// Which certificate a Remote Desktop Gateway shows.
const (
	// HostCertificationSingle shows one certificate to every client.
	HostCertificationSingle HostCertificationType = "Single"
	// HostCertificationSigning makes one for each client.
	HostCertificationSigning HostCertificationType = "Signing"
)

// HostCertification says which certificate a Remote Desktop Gateway shows.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Single') == has(self.single)",message="single is needed with type: Single, and only then"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Signing') == has(self.signing)",message="signing is needed with type: Signing, and only then"
type HostCertification struct {
	// type is Single (one certificate for every client) or Signing (one for each client).
	// +required
	Type HostCertificationType `json:"type,omitempty"`

	// single is needed with type: Single, and only then.
	// +optional
	Single *FixedCertificate `json:"single,omitempty"`

	// signing is needed with type: Signing, and only then.
	// +optional
	Signing *SigningCertificate `json:"signing,omitempty"`
}

// SigningCertificate is made by the appliance for each client of the gateway.
type SigningCertificate struct {
	// signingCA names the signing CA of the appliance that signs the certificates.
	// +required
	SigningCA ApplianceReference `json:"signingCA,omitzero"`

	// commonName is the common name of the certificates. Left out on create, it is the appliance's own host name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CommonName string `json:"commonName,omitempty"`
}

// LocalAuthenticationType says how a Remote Desktop Gateway authenticates clients.
// +kubebuilder:validation:Enum=ActiveDirectory;LocalUserDatabase
type LocalAuthenticationType string

// How a Remote Desktop Gateway authenticates clients.
const (
	// LocalAuthenticationActiveDirectory asks the domain that the appliance is a member of.
	LocalAuthenticationActiveDirectory LocalAuthenticationType = "ActiveDirectory"
	// LocalAuthenticationLocalUserDatabase asks a local user database of the appliance.
	LocalAuthenticationLocalUserDatabase LocalAuthenticationType = "LocalUserDatabase"
)

// LocalAuthentication says how a Remote Desktop Gateway authenticates clients.
// +kubebuilder:validation:XValidation:rule="(self.type == 'LocalUserDatabase') == has(self.localUserDatabase)",message="localUserDatabase is needed with type: LocalUserDatabase, and only then"
type LocalAuthentication struct {
	// type is ActiveDirectory (the appliance must be a member of the domain) or LocalUserDatabase.
	// +required
	Type LocalAuthenticationType `json:"type,omitempty"`

	// localUserDatabase is needed with type: LocalUserDatabase, and only then.
	// +optional
	LocalUserDatabase *LocalUserDatabase `json:"localUserDatabase,omitempty"`
}

// LocalUserDatabase is a user database of the appliance.
type LocalUserDatabase struct {
	// domain is the domain name that clients give with their user name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Domain string `json:"domain,omitempty"`

	// database names the local user database of the appliance.
	// +required
	Database ApplianceReference `json:"database,omitzero"`
}

// WebGatewayAuthentication demands that users also log in to the appliance's web page.
// +kubebuilder:validation:XValidation:rule="self.mode == 'Enabled' || !has(self.groups) && !has(self.requireSameIP)",message="groups and requireSameIP are allowed with mode: Enabled only"
type WebGatewayAuthentication struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// groups are the names of the user groups that may log in. An empty list allows any user; so it is on create when
	// groups is left out.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Groups []string `json:"groups,omitzero"`

	// requireSameIP accepts the log-in only from the address that the connection comes from. Left out on create, it is
	// false.
	// +optional
	RequireSameIP *bool `json:"requireSameIP,omitempty"`
}

// AccessPermission says what members of an authorizing group may do.
// +kubebuilder:validation:Enum=Audit;Authorize;AuditAndAuthorize
type AccessPermission string

// What members of an authorizing group may do.
const (
	// AccessPermissionAudit lets them watch sessions.
	AccessPermissionAudit AccessPermission = "Audit"
	// AccessPermissionAuthorize lets them permit sessions.
	AccessPermissionAuthorize AccessPermission = "Authorize"
	// AccessPermissionAuditAndAuthorize lets them do both.
	AccessPermissionAuditAndAuthorize AccessPermission = "AuditAndAuthorize"
)

// AccessSubjectType says whose sessions an access rule is about.
// +kubebuilder:validation:Enum=Everybody;Only
type AccessSubjectType string

// Whose sessions an access rule is about.
const (
	// AccessSubjectEverybody is about all sessions.
	AccessSubjectEverybody AccessSubjectType = "Everybody"
	// AccessSubjectOnly is about the sessions of one group.
	AccessSubjectOnly AccessSubjectType = "Only"
)

// AccessSubject says whose sessions an access rule is about.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Only') == has(self.group)",message="group is needed with type: Only, and only then"
type AccessSubject struct {
	// type is Everybody, or Only: the members of one group.
	// +required
	Type AccessSubjectType `json:"type,omitempty"`

	// group is the name of the group. Needed with type: Only, and only then.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
}

// AccessControlRule says who may permit and watch the sessions of a policy.
// +kubebuilder:validation:XValidation:rule="has(self.authorizer) != has(self.authorizerRef)",message="exactly one of authorizer and authorizerRef is needed"
type AccessControlRule struct {
	// authorizer is the name of the group whose members may permit or watch sessions.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Authorizer string `json:"authorizer,omitempty"`

	// authorizerRef names a LocalUserGroup in the same namespace instead; the policy waits until it is ready.
	// +optional
	AuthorizerRef *LocalReference `json:"authorizerRef,omitempty"`

	// permission is Audit (watch), Authorize (permit) or AuditAndAuthorize (both).
	// +required
	Permission AccessPermission `json:"permission,omitempty"`

	// requireDifferentIP demands that the authorizer sits at another address than the client. Left out, it is false.
	// +optional
	RequireDifferentIP *bool `json:"requireDifferentIP,omitempty"`

	// requireDifferentUsername demands that the authorizer has another user name than the client. Left out, it is false.
	// +optional
	RequireDifferentUsername *bool `json:"requireDifferentUsername,omitempty"`

	// subject says whose sessions the rule is about. Left out, everybody's.
	// +optional
	Subject *AccessSubject `json:"subject,omitempty"`
}

// ChannelDatabaseCleanup says how long metadata of connections is kept.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.days)",message="days is needed with mode: Enabled, and only then"
type ChannelDatabaseCleanup struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// days is how many days metadata is kept. It must not be more than the archive and cleanup policy keeps, nor more than
	// the appliance's setting for RDP. Needed with mode: Enabled, and only then.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days *int32 `json:"days,omitempty"`
}

// IndexingPriority says how soon recordings are indexed.
// +kubebuilder:validation:Enum=NearRealTime;VeryHigh;High;Normal;Low;VeryLow
type IndexingPriority string

// How soon recordings are indexed.
const (
	IndexingPriorityNearRealTime IndexingPriority = "NearRealTime"
	IndexingPriorityVeryHigh     IndexingPriority = "VeryHigh"
	IndexingPriorityHigh         IndexingPriority = "High"
	IndexingPriorityNormal       IndexingPriority = "Normal"
	IndexingPriorityLow          IndexingPriority = "Low"
	IndexingPriorityVeryLow      IndexingPriority = "VeryLow"
)

// Indexing says whether and how recordings are indexed.
// +kubebuilder:validation:XValidation:rule="self.mode == 'Enabled' || !has(self.policy) && !has(self.priority)",message="policy and priority are allowed with mode: Enabled only"
type Indexing struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// policy names the indexing policy of the appliance. Left out on create, it is the appliance's default policy.
	// +optional
	Policy *ApplianceReference `json:"policy,omitempty"`

	// priority is NearRealTime, VeryHigh, High, Normal, Low or VeryLow. Left out on create, it is Normal.
	// +optional
	Priority IndexingPriority `json:"priority,omitempty"`
}

// RateLimit bounds how many connections are accepted.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.connectionsPerMinute)",message="connectionsPerMinute is needed with mode: Enabled, and only then"
type RateLimit struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// connectionsPerMinute is how many connections are accepted in a minute. Needed with mode: Enabled, and only then.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	ConnectionsPerMinute *int32 `json:"connectionsPerMinute,omitempty"`
}

// PolicyReferences name the other policies of the appliance that a connection policy uses.
// +kubebuilder:validation:MinProperties=1
type PolicyReferences struct {
	// channel names the RDP channel policy. Left out on create, it is the one named "all".
	// +optional
	Channel *ApplianceReference `json:"channel,omitempty"`

	// settings names the RDP settings policy. Left out on create, it is the one named "default".
	// +optional
	Settings *ApplianceReference `json:"settings,omitempty"`

	// audit names the audit policy. Left out on create, it is the one named "default".
	// +optional
	Audit *ApplianceReference `json:"audit,omitempty"`

	// archiveCleanup names the archive and cleanup policy. Left out on create, there is none.
	// +optional
	ArchiveCleanup *OptionalApplianceReference `json:"archiveCleanup,omitempty"`

	// backup names the backup policy. Left out on create, there is none.
	// +optional
	Backup *OptionalApplianceReference `json:"backup,omitempty"`

	// credentialStore names the credential store. Left out on create, there is none.
	// +optional
	CredentialStore *OptionalApplianceReference `json:"credentialStore,omitempty"`

	// ldapServer names the LDAP server. Left out on create, there is none.
	// +optional
	LDAPServer *OptionalApplianceReference `json:"ldapServer,omitempty"`

	// usermapping names the usermapping policy. Left out on create, there is none.
	// +optional
	Usermapping *OptionalApplianceReference `json:"usermapping,omitempty"`

	// aaPlugin names the authentication and authorization plugin, or its configuration on newer appliances. Left out on
	// create, there is none.
	// +optional
	AAPlugin *OptionalApplianceReference `json:"aaPlugin,omitempty"`

	// analytics names the analytics policy. Left out on create, there is none.
	// +optional
	Analytics *OptionalApplianceReference `json:"analytics,omitempty"`
}

// RDPConnectionPolicySpec is an RDP connection policy as it should be. A field that is left out is not managed: the
// appliance's value stays, and on create its documented default goes in.
// +kubebuilder:validation:XValidation:rule="has(self.policyName) == has(oldSelf.policyName)",message="policyName is immutable; create a new RDPConnectionPolicy instead"
type RDPConnectionPolicySpec struct {
	// connectionRef names the SPSConnection of the appliance. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// policyName is the name of the policy on the appliance. Left out, it is metadata.name. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="policyName is immutable; create a new RDPConnectionPolicy instead"
	PolicyName string `json:"policyName,omitempty"`

	Stewardship `json:",inline"`

	// active switches the policy on; false keeps it without using it. Left out on create, it is true.
	// +optional
	Active *bool `json:"active,omitempty"`

	// network says which connections the policy is for.
	// +optional
	Network *PolicyNetwork `json:"network,omitempty"`

	// serverAddress says how the target server is found. Left out on create, it is Original.
	// +optional
	ServerAddress *ServerAddress `json:"serverAddress,omitempty"`

	// sourceAddress says which address the target server sees. Left out on create, it is BoxAddress.
	// +optional
	SourceAddress *SourceAddress `json:"sourceAddress,omitempty"`

	// transportSecurity says how connections are encrypted. Left out on create, it is TLS with a certificate that the
	// appliance signs itself.
	// +optional
	TransportSecurity *TransportSecurity `json:"transportSecurity,omitempty"`

	// serverCertificateCheck says whether the target server's certificate is verified. Left out on create, it is Disabled,
	// as on the appliance.
	// +optional
	ServerCertificateCheck *ServerCertificateCheck `json:"serverCertificateCheck,omitempty"`

	// remoteDesktopGateway makes the appliance act as a Remote Desktop Gateway. Left out on create, it is Disabled.
	// +optional
	RemoteDesktopGateway *RemoteDesktopGateway `json:"remoteDesktopGateway,omitempty"`

	// webGatewayAuthentication demands that users also log in to the appliance's web page. Left out on create, it is
	// Disabled.
	// +optional
	WebGatewayAuthentication *WebGatewayAuthentication `json:"webGatewayAuthentication,omitempty"`

	// accessControl says who may permit and watch sessions. An empty list removes all rules; so it is on create when it is
	// left out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	AccessControl []AccessControlRule `json:"accessControl,omitzero"`

	// channelDatabaseCleanup says how long metadata of connections is kept. Left out on create, it is Disabled.
	// +optional
	ChannelDatabaseCleanup *ChannelDatabaseCleanup `json:"channelDatabaseCleanup,omitempty"`

	// indexing says whether and how recordings are indexed. Left out on create, it is Enabled with the appliance's default
	// policy and priority Normal.
	// +optional
	Indexing *Indexing `json:"indexing,omitempty"`

	// logAuditTrailDownloads logs who downloads recordings. Left out on create, it is true.
	// +optional
	LogAuditTrailDownloads *bool `json:"logAuditTrailDownloads,omitempty"`

	// rateLimit bounds how many connections are accepted. Left out on create, it is Disabled.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`

	// policies name the other policies of the appliance that this one uses.
	// +optional
	Policies *PolicyReferences `json:"policies,omitempty"`
}

// RDPConnectionPolicyStatus is what is known about the policy on the appliance.
type RDPConnectionPolicyStatus struct {
	PolicyStatus `json:",inline"`

	// position is the place of the policy in the appliance's order, from 1; the first policy that matches a connection
	// wins.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Position *int32 `json:"position,omitempty"`
}

// RDPConnectionPolicy is an RDP connection policy of an SPS appliance: who may reach which servers, and what is
// checked, recorded and authorized on the way.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=rdpconnectionpolicies,shortName=rdpcp,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.status.key`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connectionRef.name`,priority=1
// +kubebuilder:printcolumn:name="Position",type=integer,JSONPath=`.status.position`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
type RDPConnectionPolicy struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the policy as it should be.
	// +required
	Spec RDPConnectionPolicySpec `json:"spec,omitzero"`

	// status is what is known about the policy on the appliance.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RDPConnectionPolicyStatus `json:"status,omitzero"`
}

// RDPConnectionPolicyList is a list of RDPConnectionPolicy.
//
// +kubebuilder:object:root=true
type RDPConnectionPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []RDPConnectionPolicy `json:"items"`
}

// NameOnAppliance is the name of the policy on the appliance.
func (p *RDPConnectionPolicy) NameOnAppliance() string {
	if p.Spec.PolicyName != "" {
		return p.Spec.PolicyName
	}
	return p.Name
}

// Connection is the reference to the connection.
func (p *RDPConnectionPolicy) Connection() ConnectionReference { return p.Spec.ConnectionRef }

// Steward is how the policy is managed.
func (p *RDPConnectionPolicy) Steward() Stewardship { return p.Spec.Stewardship }

// PolicyStatus is the part of the status that all kept-equal kinds have.
func (p *RDPConnectionPolicy) PolicyStatus() *PolicyStatus { return &p.Status.PolicyStatus }

// GetStatus is the status, for code that treats all kinds alike.
func (p *RDPConnectionPolicy) GetStatus() ObjectStatus { return &p.Status }
