// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// TransportSecurityType is how RDP connections are encrypted.
// +kubebuilder:validation:Enum=TLS;Legacy
type TransportSecurityType string

// How RDP connections are encrypted.
const (
	// TransportSecurityTLS uses TLS.
	TransportSecurityTLS TransportSecurityType = "TLS"
	// TransportSecurityLegacy uses only the weak encryption of legacy RDP.
	TransportSecurityLegacy TransportSecurityType = "Legacy"
)

// TransportSecurity defines how RDP connections are encrypted.
// +kubebuilder:validation:XValidation:rule="self.type == 'TLS' || !has(self.tls)",message="tls is allowed only with type: TLS"
type TransportSecurity struct {
	// type is TLS, or Legacy: only the weak encryption of legacy RDP.
	// +required
	Type TransportSecurityType `json:"type,omitempty"`

	// tls refines type: TLS. By default on create, the appliance signs a certificate itself and there is no fallback.
	// +optional
	TLS *TransportTLS `json:"tls,omitempty"`
}

// TransportTLS defines how TLS is used.
// +kubebuilder:validation:MinProperties=1
type TransportTLS struct {
	// legacyFallback lets clients fall back to the weak encryption of legacy RDP. Defaults to false on create.
	// +optional
	LegacyFallback *bool `json:"legacyFallback,omitempty"`

	// certificate is the certificate that clients are shown. Defaults to SelfSigned on create.
	// +optional
	Certificate *PolicyCertificate `json:"certificate,omitempty"`
}

// PolicyCertificateType is the type of certificate that clients are shown.
// +kubebuilder:validation:Enum=SelfSigned;Fixed;Generated
type PolicyCertificateType string

// Types of certificates that clients are shown.
const (
	// PolicyCertificateSelfSigned is signed by the appliance itself.
	PolicyCertificateSelfSigned PolicyCertificateType = "SelfSigned"
	// PolicyCertificateFixed was uploaded with its private key.
	PolicyCertificateFixed PolicyCertificateType = "Fixed"
	// PolicyCertificateGenerated is made for each connection and signed by one of the appliance's signing CAs.
	PolicyCertificateGenerated PolicyCertificateType = "Generated"
)

// PolicyCertificate defines the certificate that clients are shown.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Fixed') == has(self.fixed)",message="fixed is required with type: Fixed, and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Generated') == has(self.generated)",message="generated is required with type: Generated, and forbidden otherwise"
type PolicyCertificate struct {
	// type is SelfSigned, Fixed (uploaded with its private key) or Generated (one for each connection).
	// +required
	Type PolicyCertificateType `json:"type,omitempty"`

	// fixed is the uploaded certificate. Required with type: Fixed, and forbidden otherwise.
	// +optional
	Fixed *FixedCertificate `json:"fixed,omitempty"`

	// generated defines how certificates are signed. Required with type: Generated, and forbidden otherwise.
	// +optional
	Generated *GeneratedCertificate `json:"generated,omitempty"`
}

// FixedCertificate is a certificate that was uploaded to the appliance with its private key.
type FixedCertificate struct {
	// x509Identity names the certificate. Most appliances do not report the names of certificates; use the key there.
	// +required
	X509Identity ApplianceReference `json:"x509Identity,omitzero"`
}

// GeneratedCertificate is made by the appliance for each connection.
type GeneratedCertificate struct {
	// signingCA names the appliance's signing CA that signs the certificates.
	// +required
	SigningCA ApplianceReference `json:"signingCA,omitzero"`
}

// ServerCertificateCheck decides whether the target server's certificate is verified.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.trustedCA)",message="trustedCA is required with mode: Enabled, and forbidden otherwise"
type ServerCertificateCheck struct {
	// mode is Enabled or Disabled. Disabled accepts any certificate.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// trustedCA names the appliance's trusted CA list that the certificate is verified against. Required with mode:
	// Enabled, and forbidden otherwise.
	// +optional
	TrustedCA *ApplianceReference `json:"trustedCA,omitempty"`
}

// RemoteDesktopGateway makes the appliance act as a Remote Desktop Gateway.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.hostCertification)",message="hostCertification is required with mode: Enabled, and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.localAuthentication)",message="localAuthentication is required with mode: Enabled, and forbidden otherwise"
type RemoteDesktopGateway struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// hostCertification defines the certificate that the gateway shows. Required with mode: Enabled, and forbidden
	// otherwise.
	// +optional
	HostCertification *HostCertification `json:"hostCertification,omitempty"`

	// localAuthentication defines how the gateway authenticates clients. Required with mode: Enabled, and forbidden
	// otherwise.
	// +optional
	LocalAuthentication *LocalAuthentication `json:"localAuthentication,omitempty"`
}

// HostCertificationType is the type of certificate that a Remote Desktop Gateway shows.
// +kubebuilder:validation:Enum=Single;Signing
type HostCertificationType string

// Types of certificates that a Remote Desktop Gateway shows.
const (
	// HostCertificationSingle shows the same certificate to every client.
	HostCertificationSingle HostCertificationType = "Single"
	// HostCertificationSigning makes one for each client.
	HostCertificationSigning HostCertificationType = "Signing"
)

// HostCertification defines the certificate that a Remote Desktop Gateway shows.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Single') == has(self.single)",message="single is required with type: Single, and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Signing') == has(self.signing)",message="signing is required with type: Signing, and forbidden otherwise"
type HostCertification struct {
	// type is Single (the same certificate for every client) or Signing (one for each client).
	// +required
	Type HostCertificationType `json:"type,omitempty"`

	// single is the certificate. Required with type: Single, and forbidden otherwise.
	// +optional
	Single *FixedCertificate `json:"single,omitempty"`

	// signing defines how certificates are signed. Required with type: Signing, and forbidden otherwise.
	// +optional
	Signing *SigningCertificate `json:"signing,omitempty"`
}

// SigningCertificate is made by the appliance for each client of the gateway.
type SigningCertificate struct {
	// signingCA names the appliance's signing CA that signs the certificates.
	// +required
	SigningCA ApplianceReference `json:"signingCA,omitzero"`

	// commonName is the common name in the certificates. If empty, or omitted on create, it is the appliance's own host
	// name; if omitted later, it is not managed.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	CommonName *string `json:"commonName,omitempty"`
}

// LocalAuthenticationType is how a Remote Desktop Gateway authenticates clients.
// +kubebuilder:validation:Enum=ActiveDirectory;LocalUserDatabase
type LocalAuthenticationType string

// How a Remote Desktop Gateway authenticates clients.
const (
	// LocalAuthenticationActiveDirectory uses the domain that the appliance has joined.
	LocalAuthenticationActiveDirectory LocalAuthenticationType = "ActiveDirectory"
	// LocalAuthenticationLocalUserDatabase uses a local user database of the appliance.
	LocalAuthenticationLocalUserDatabase LocalAuthenticationType = "LocalUserDatabase"
)

// LocalAuthentication defines how a Remote Desktop Gateway authenticates clients.
// +kubebuilder:validation:XValidation:rule="(self.type == 'LocalUserDatabase') == has(self.localUserDatabase)",message="localUserDatabase is required with type: LocalUserDatabase, and forbidden otherwise"
type LocalAuthentication struct {
	// type is ActiveDirectory (the appliance must have joined the domain) or LocalUserDatabase.
	// +required
	Type LocalAuthenticationType `json:"type,omitempty"`

	// localUserDatabase is the user database. Required with type: LocalUserDatabase, and forbidden otherwise.
	// +optional
	LocalUserDatabase *LocalUserDatabase `json:"localUserDatabase,omitempty"`
}

// LocalUserDatabase is a user database of the appliance.
type LocalUserDatabase struct {
	// domain is the domain name that clients give with their user name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Domain string `json:"domain,omitempty"`

	// database names the appliance's local user database.
	// +required
	Database ApplianceReference `json:"database,omitzero"`
}
