// SPDX-License-Identifier: Apache-2.0

package sps

// Selections of a TransportSecurity (docs/vendors/sps.md 5).
const (
	TransportTLS    = "tls"
	TransportLegacy = "legacy"
)

// TransportSecurity is the encryption between client and appliance.
type TransportSecurity struct {
	Selection string `json:"selection"`
	// LegacyFallback allows clients without TLS. It and Certificate are only for TransportTLS.
	LegacyFallback *bool           `json:"legacy_fallback,omitempty"`
	Certificate    *TLSCertificate `json:"certificate,omitempty"`
}

// Selections of a TLSCertificate.
const (
	CertificateSelfSigned = "self_signed"
	CertificateFixed      = "fix"
	CertificateGenerated  = "generate"
)

// TLSCertificate is the certificate that clients see.
type TLSCertificate struct {
	Selection string `json:"selection"`
	// X509Identity is the key of a certificate with its private key; only with CertificateFixed.
	X509Identity *string `json:"x509_identity,omitempty"`
	// SigningCA is a key; only with CertificateGenerated.
	SigningCA *string `json:"signing_ca,omitempty"`
}

// ServerCertificateCheck verifies the server's certificate.
type ServerCertificateCheck struct {
	Enabled bool `json:"enabled"`
	// TrustedCA is the key of a trusted CA list.
	TrustedCA *string `json:"trusted_ca,omitempty"`
}

// RemoteDesktopGateway makes the appliance a Remote Desktop Gateway. Both methods are needed when it is enabled.
type RemoteDesktopGateway struct {
	Enabled                 bool                     `json:"enabled"`
	HostCertificationMethod *HostCertificationMethod `json:"host_certification_method,omitempty"`
	LocalAuthentication     *LocalAuthentication     `json:"local_authentication,omitempty"`
}

// Selections of a HostCertificationMethod.
const (
	HostCertificationSingle  = "single"
	HostCertificationSigning = "signing"
)

// HostCertificationMethod is the gateway's certificate; make one with SingleHostCertificate or SignedHostCertificate.
type HostCertificationMethod struct {
	Selection string `json:"selection"`
	// Value is a key (single) or a HostSigning (signing).
	Value any `json:"value"`
}

// HostSigning issues certificates for each client.
type HostSigning struct {
	// SigningCA is a key.
	SigningCA string `json:"signing_ca"`
	// CommonName is not managed if nil; if empty, it is sent as null and means the appliance's own name.
	CommonName *NullableName `json:"common_name,omitempty"`
}

// SingleHostCertificate presents the same certificate to every client; the key is that of an X.509 identity.
func SingleHostCertificate(x509IdentityKey string) *HostCertificationMethod {
	return &HostCertificationMethod{Selection: HostCertificationSingle, Value: x509IdentityKey}
}

// SignedHostCertificate issues a certificate for every client.
func SignedHostCertificate(signing HostSigning) *HostCertificationMethod {
	return &HostCertificationMethod{Selection: HostCertificationSigning, Value: signing}
}

// Selections of a LocalAuthentication.
const (
	LocalAuthenticationActiveDirectory = "active_directory"
	LocalAuthenticationUserDatabase    = "local_user_database"
)

// LocalAuthentication is how the gateway authenticates clients.
type LocalAuthentication struct {
	Selection string `json:"selection"`
	// Value is nil, and sent as null, with LocalAuthenticationActiveDirectory, which requires a joined domain.
	Value *LocalUserDatabase `json:"value"`
}

// LocalUserDatabase is where the gateway finds its users.
type LocalUserDatabase struct {
	Domain string `json:"domain"`
	// Database is the key of an object of UserDatabases.
	Database string `json:"local_user_database"`
}
