// SPDX-License-Identifier: Apache-2.0

package policy

import (
	ctrl "sigs.k8s.io/controller-runtime"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=rdpconnectionpolicies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=rdpconnectionpolicies/status,verbs=patch

// SetupRDPConnectionPolicy adds the controller of RDPConnectionPolicy to a manager.
func SetupRDPConnectionPolicy(mgr ctrl.Manager, deps loop.Deps) error {
	return setupConnectionPolicy(mgr, deps, rdpMapping)
}

var rdpMapping = newMapping(protocol[*pamv1alpha1.RDPConnectionPolicy]{
	port:     sps.RDPPort,
	channels: sps.RDPChannelPolicies, settings: sps.RDPSettingsPolicies,
	defaults:   sps.DefaultRDPConnection,
	references: rdpReferences, managed: rdpManaged, formDefaults: rdpFormDefaults,
	rename:   func(obj *pamv1alpha1.RDPConnectionPolicy, name string) { obj.Spec.PolicyName = name },
	describe: rdpDescribe,
	comparison: sps.Comparison{
		"remote_desktop_gateway.host_certification_method.value.common_name": {Meaning: sps.TextMeaning},
		"remote_desktop_gateway.local_authentication.value.domain":           {Meaning: sps.DomainMeaning},
	},
	paths: []string{
		"server_certificate_check.trusted_ca", fieldTrustedCA,
		"transport_security.legacy_fallback", "transportSecurity.tls.legacyFallback",
		"transport_security.certificate.x509_identity", fieldFixedIdentity,
		"transport_security.certificate.signing_ca", fieldGeneratedCA,
		"transport_security.certificate", "transportSecurity.tls.certificate",
		"remote_desktop_gateway.host_certification_method.value.signing_ca", fieldSigningCA,
		"remote_desktop_gateway.host_certification_method.value.common_name",
		"remoteDesktopGateway.hostCertification.signing.commonName",
		"remote_desktop_gateway.host_certification_method.value", "remoteDesktopGateway.hostCertification",
		"remote_desktop_gateway.host_certification_method", "remoteDesktopGateway.hostCertification",
		"remote_desktop_gateway.local_authentication.value.domain",
		"remoteDesktopGateway.localAuthentication.localUserDatabase.domain",
		"remote_desktop_gateway.local_authentication.value.local_user_database", fieldUserDatabase,
		"remote_desktop_gateway.local_authentication.value", "remoteDesktopGateway.localAuthentication",
	},
})

// Fields of the spec that refer to an object of the appliance, as messages name them.
const (
	fieldFixedIdentity  = "transportSecurity.tls.certificate.fixed.x509Identity"
	fieldGeneratedCA    = "transportSecurity.tls.certificate.generated.signingCA"
	fieldTrustedCA      = "serverCertificateCheck.trustedCA"
	fieldSingleIdentity = "remoteDesktopGateway.hostCertification.single.x509Identity"
	fieldSigningCA      = "remoteDesktopGateway.hostCertification.signing.signingCA"
	fieldUserDatabase   = "remoteDesktopGateway.localAuthentication.localUserDatabase.database"
)

func rdpReferences(obj *pamv1alpha1.RDPConnectionPolicy) []reference {
	var out []reference
	if t := obj.Spec.TransportSecurity; t != nil && t.TLS != nil && t.TLS.Certificate != nil {
		if f := t.TLS.Certificate.Fixed; f != nil {
			out = append(out, to(fieldFixedIdentity, &f.X509Identity, sps.X509Identities))
		}
		if g := t.TLS.Certificate.Generated; g != nil {
			out = append(out, to(fieldGeneratedCA, &g.SigningCA, sps.SigningCAs))
		}
	}
	if c := obj.Spec.ServerCertificateCheck; c != nil && c.TrustedCA != nil {
		out = append(out, to(fieldTrustedCA, c.TrustedCA, sps.TrustedCALists))
	}
	if g := obj.Spec.RemoteDesktopGateway; g != nil {
		out = append(out, gatewayReferences(g)...)
	}
	return out
}

func gatewayReferences(g *pamv1alpha1.RemoteDesktopGateway) []reference {
	var out []reference
	if h := g.HostCertification; h != nil && h.Single != nil {
		out = append(out, to(fieldSingleIdentity, &h.Single.X509Identity, sps.X509Identities))
	}
	if h := g.HostCertification; h != nil && h.Signing != nil {
		out = append(out, to(fieldSigningCA, &h.Signing.SigningCA, sps.SigningCAs))
	}
	if l := g.LocalAuthentication; l != nil && l.LocalUserDatabase != nil {
		out = append(out, to(fieldUserDatabase, &l.LocalUserDatabase.Database, sps.UserDatabases))
	}
	return out
}

func rdpManaged(
	obj *pamv1alpha1.RDPConnectionPolicy, common sps.ConnectionPolicy, keys map[string]string,
) any {
	return sps.RDPConnection{
		ConnectionPolicy:       common,
		RemoteDesktopGateway:   gatewayForm(obj.Spec.RemoteDesktopGateway, keys),
		ServerCertificateCheck: certificateCheckForm(obj.Spec.ServerCertificateCheck, keys),
		TransportSecurity:      transportForm(obj.Spec.TransportSecurity, keys),
	}
}

func rdpFormDefaults(obj *pamv1alpha1.RDPConnectionPolicy, common sps.ConnectionPolicy) any {
	out := sps.RDPConnection{ConnectionPolicy: common}
	g := obj.Spec.RemoteDesktopGateway
	if g != nil && g.HostCertification != nil && g.HostCertification.Signing != nil {
		out.RemoteDesktopGateway = &sps.RemoteDesktopGateway{
			Enabled: true,
			HostCertificationMethod: &sps.HostCertificationMethod{
				Selection: sps.HostCertificationSigning, Value: map[string]any{"common_name": nil},
			},
		}
	}
	return out
}
