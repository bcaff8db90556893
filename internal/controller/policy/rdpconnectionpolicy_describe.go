// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file is the way back of rdpconnectionpolicy_forms.go; see connectionpolicy_describe.go.

func rdpDescribe(obj *pamv1alpha1.RDPConnectionPolicy, decode func(into any)) sps.ConnectionPolicy {
	var w sps.RDPConnection
	decode(&w)
	obj.Spec.RemoteDesktopGateway = gatewayOf(w.RemoteDesktopGateway)
	obj.Spec.ServerCertificateCheck = certificateCheckOf(w.ServerCertificateCheck)
	obj.Spec.TransportSecurity = transportOf(w.TransportSecurity)
	return w.ConnectionPolicy
}

func gatewayOf(g *sps.RemoteDesktopGateway) *pamv1alpha1.RemoteDesktopGateway {
	switch {
	case g == nil:
		return nil
	case !g.Enabled:
		return &pamv1alpha1.RemoteDesktopGateway{Mode: pamv1alpha1.ModeDisabled}
	}
	host, authentication := hostCertificationOf(g.HostCertificationMethod), localAuthenticationOf(g.LocalAuthentication)
	if host == nil || authentication == nil { // the spec needs both
		return nil
	}
	return &pamv1alpha1.RemoteDesktopGateway{
		Mode: pamv1alpha1.ModeEnabled, HostCertification: host, LocalAuthentication: authentication,
	}
}

func hostCertificationOf(h *sps.HostCertificationMethod) *pamv1alpha1.HostCertification {
	if h == nil {
		return nil
	}
	switch h.Selection {
	case sps.HostCertificationSingle:
		key, _ := h.Value.(string)
		return &pamv1alpha1.HostCertification{
			Type:   pamv1alpha1.HostCertificationSingle,
			Single: &pamv1alpha1.FixedCertificate{X509Identity: pamv1alpha1.ApplianceReference{Key: key}},
		}
	case sps.HostCertificationSigning:
		var signing sps.HostSigning
		if text, err := json.Marshal(h.Value); err != nil || json.Unmarshal(text, &signing) != nil {
			return nil
		}
		return &pamv1alpha1.HostCertification{
			Type: pamv1alpha1.HostCertificationSigning,
			Signing: &pamv1alpha1.SigningCertificate{
				SigningCA:  pamv1alpha1.ApplianceReference{Key: signing.SigningCA},
				CommonName: nameOf(signing.CommonName),
			},
		}
	}
	return nil
}

func localAuthenticationOf(l *sps.LocalAuthentication) *pamv1alpha1.LocalAuthentication {
	switch {
	case l == nil:
		return nil
	case l.Selection == sps.LocalAuthenticationActiveDirectory:
		return &pamv1alpha1.LocalAuthentication{Type: pamv1alpha1.LocalAuthenticationActiveDirectory}
	case l.Selection == sps.LocalAuthenticationUserDatabase && l.Value != nil:
		return &pamv1alpha1.LocalAuthentication{
			Type: pamv1alpha1.LocalAuthenticationLocalUserDatabase,
			LocalUserDatabase: &pamv1alpha1.LocalUserDatabase{
				Domain: l.Value.Domain, Database: pamv1alpha1.ApplianceReference{Key: l.Value.Database},
			},
		}
	}
	return nil
}

func certificateCheckOf(c *sps.ServerCertificateCheck) *pamv1alpha1.ServerCertificateCheck {
	switch {
	case c == nil:
		return nil
	case !c.Enabled:
		return &pamv1alpha1.ServerCertificateCheck{Mode: pamv1alpha1.ModeDisabled}
	}
	return &pamv1alpha1.ServerCertificateCheck{
		Mode: pamv1alpha1.ModeEnabled, TrustedCA: &pamv1alpha1.ApplianceReference{Key: textOf(c.TrustedCA)},
	}
}

func transportOf(t *sps.TransportSecurity) *pamv1alpha1.TransportSecurity {
	if t == nil {
		return nil
	}
	switch t.Selection {
	case sps.TransportLegacy:
		return &pamv1alpha1.TransportSecurity{Type: pamv1alpha1.TransportSecurityLegacy}
	case sps.TransportTLS:
		out := &pamv1alpha1.TransportSecurity{Type: pamv1alpha1.TransportSecurityTLS}
		tls := pamv1alpha1.TransportTLS{LegacyFallback: t.LegacyFallback, Certificate: certificateOf(t.Certificate)}
		if tls != (pamv1alpha1.TransportTLS{}) {
			out.TLS = &tls
		}
		return out
	}
	return nil
}

func certificateOf(c *sps.TLSCertificate) *pamv1alpha1.PolicyCertificate {
	if c == nil {
		return nil
	}
	switch c.Selection {
	case sps.CertificateSelfSigned:
		return &pamv1alpha1.PolicyCertificate{Type: pamv1alpha1.PolicyCertificateSelfSigned}
	case sps.CertificateFixed:
		return &pamv1alpha1.PolicyCertificate{
			Type: pamv1alpha1.PolicyCertificateFixed,
			Fixed: &pamv1alpha1.FixedCertificate{
				X509Identity: pamv1alpha1.ApplianceReference{Key: textOf(c.X509Identity)},
			},
		}
	case sps.CertificateGenerated:
		return &pamv1alpha1.PolicyCertificate{
			Type: pamv1alpha1.PolicyCertificateGenerated,
			Generated: &pamv1alpha1.GeneratedCertificate{
				SigningCA: pamv1alpha1.ApplianceReference{Key: textOf(c.SigningCA)},
			},
		}
	}
	return nil
}
