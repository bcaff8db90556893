// SPDX-License-Identifier: Apache-2.0

package policy

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file maps the members that only RDP has; see connectionpolicy_forms.go.

func gatewayForm(g *pamv1alpha1.RemoteDesktopGateway, keys map[string]string) *sps.RemoteDesktopGateway {
	if g == nil {
		return nil
	}
	if !enabled(g.Mode) {
		return &sps.RemoteDesktopGateway{}
	}
	return &sps.RemoteDesktopGateway{
		Enabled:                 true,
		HostCertificationMethod: hostCertificationForm(g.HostCertification, keys),
		LocalAuthentication:     localAuthenticationForm(g.LocalAuthentication, keys),
	}
}

func hostCertificationForm(
	h *pamv1alpha1.HostCertification, keys map[string]string,
) *sps.HostCertificationMethod {
	if h.Type == pamv1alpha1.HostCertificationSingle {
		return sps.SingleHostCertificate(keys[fieldSingleIdentity])
	}
	return sps.SignedHostCertificate(sps.HostSigning{
		SigningCA: keys[fieldSigningCA], CommonName: nameOrNull(h.Signing.CommonName),
	})
}

func localAuthenticationForm(
	l *pamv1alpha1.LocalAuthentication, keys map[string]string,
) *sps.LocalAuthentication {
	if l.Type == pamv1alpha1.LocalAuthenticationActiveDirectory {
		return &sps.LocalAuthentication{Selection: sps.LocalAuthenticationActiveDirectory}
	}
	return &sps.LocalAuthentication{
		Selection: sps.LocalAuthenticationUserDatabase,
		Value:     &sps.LocalUserDatabase{Domain: l.LocalUserDatabase.Domain, Database: keys[fieldUserDatabase]},
	}
}

func certificateCheckForm(
	c *pamv1alpha1.ServerCertificateCheck, keys map[string]string,
) *sps.ServerCertificateCheck {
	if c == nil {
		return nil
	}
	if !enabled(c.Mode) {
		return &sps.ServerCertificateCheck{}
	}
	return &sps.ServerCertificateCheck{Enabled: true, TrustedCA: new(keys[fieldTrustedCA])}
}

func transportForm(t *pamv1alpha1.TransportSecurity, keys map[string]string) *sps.TransportSecurity {
	if t == nil {
		return nil
	}
	if t.Type == pamv1alpha1.TransportSecurityLegacy {
		return &sps.TransportSecurity{Selection: sps.TransportLegacy}
	}
	out := &sps.TransportSecurity{Selection: sps.TransportTLS}
	if t.TLS != nil {
		out.LegacyFallback, out.Certificate = t.TLS.LegacyFallback, certificateForm(t.TLS.Certificate, keys)
	}
	return out
}

func certificateForm(c *pamv1alpha1.PolicyCertificate, keys map[string]string) *sps.TLSCertificate {
	if c == nil {
		return nil
	}
	switch c.Type {
	case pamv1alpha1.PolicyCertificateFixed:
		return &sps.TLSCertificate{Selection: sps.CertificateFixed, X509Identity: new(keys[fieldFixedIdentity])}
	case pamv1alpha1.PolicyCertificateGenerated:
		return &sps.TLSCertificate{Selection: sps.CertificateGenerated, SigningCA: new(keys[fieldGeneratedCA])}
	}
	return &sps.TLSCertificate{Selection: sps.CertificateSelfSigned}
}
