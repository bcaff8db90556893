// SPDX-License-Identifier: Apache-2.0

package v1alpha1

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

	// commonName is the common name of the certificates. Empty, or left out on create, it is the appliance's own host
	// name; left out later, it is not managed.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=253
	CommonName *string `json:"commonName,omitempty"`
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
