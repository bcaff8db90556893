// SPDX-License-Identifier: Apache-2.0

package sps

// RDPConnection is the part of an RDP connection policy that we send, by the rules of ConnectionPolicy.
type RDPConnection struct {
	ConnectionPolicy
	RemoteDesktopGateway   *RemoteDesktopGateway   `json:"remote_desktop_gateway,omitempty"`
	ServerCertificateCheck *ServerCertificateCheck `json:"server_certificate_check,omitempty"`
	TransportSecurity      *TransportSecurity      `json:"transport_security,omitempty"`
}

// RDPPort is the standard port of RDP.
const RDPPort = 3389

// DefaultRDPConnection is the complete body of a new policy, except what DefaultConnectionPolicy leaves to its caller.
func DefaultRDPConnection() Body {
	body, _ := ToBody(RDPConnection{ // cannot fail: our own struct
		ConnectionPolicy:       DefaultConnectionPolicy(RDPPort),
		RemoteDesktopGateway:   &RemoteDesktopGateway{},
		ServerCertificateCheck: &ServerCertificateCheck{},
		TransportSecurity: &TransportSecurity{
			Selection: TransportTLS, LegacyFallback: new(false),
			Certificate: &TLSCertificate{Selection: CertificateSelfSigned},
		},
	})
	return body
}
