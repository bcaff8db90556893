// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Fields of the spec that refer to an object of the appliance, as messages name them.
const (
	fieldFixedIdentity   = "transportSecurity.tls.certificate.fixed.x509Identity"
	fieldGeneratedCA     = "transportSecurity.tls.certificate.generated.signingCA"
	fieldTrustedCA       = "serverCertificateCheck.trustedCA"
	fieldSingleIdentity  = "remoteDesktopGateway.hostCertification.single.x509Identity"
	fieldSigningCA       = "remoteDesktopGateway.hostCertification.signing.signingCA"
	fieldUserDatabase    = "remoteDesktopGateway.localAuthentication.localUserDatabase.database"
	fieldIndexingPolicy  = "indexing.policy"
	fieldChannel         = "policies.channel"
	fieldSettings        = "policies.settings"
	fieldAudit           = "policies.audit"
	fieldArchiveCleanup  = "policies.archiveCleanup"
	fieldBackup          = "policies.backup"
	fieldCredentialStore = "policies.credentialStore"
	fieldLDAPServer      = "policies.ldapServer"
	fieldUsermapping     = "policies.usermapping"
	fieldAAPlugin        = "policies.aaPlugin"
	fieldAnalytics       = "policies.analytics"
)

// Names of the policies that a new policy uses where the spec is silent (the API says so).
const (
	defaultChannelPolicy  = "all"
	defaultSettingsPolicy = "default"
	defaultAuditPolicy    = "default"
)

// rdpReferences lists what the spec refers to. For a new policy it includes what must not be null and has a default.
func rdpReferences(spec *pamv1alpha1.RDPConnectionPolicySpec, creating bool) []reference {
	out := append(rdpCertificateReferences(spec), rdpPolicyReferences(spec.Policies)...)
	if i := spec.Indexing; i != nil && i.Policy != nil {
		out = append(out, to(fieldIndexingPolicy, *i.Policy, sps.IndexingPolicies))
	}
	if creating {
		out = append(out, rdpDefaultReferences(spec.Policies)...)
	}
	return out
}

func rdpCertificateReferences(spec *pamv1alpha1.RDPConnectionPolicySpec) []reference {
	var out []reference
	if t := spec.TransportSecurity; t != nil && t.TLS != nil && t.TLS.Certificate != nil {
		if f := t.TLS.Certificate.Fixed; f != nil {
			out = append(out, to(fieldFixedIdentity, f.X509Identity, sps.X509Identities))
		}
		if g := t.TLS.Certificate.Generated; g != nil {
			out = append(out, to(fieldGeneratedCA, g.SigningCA, sps.SigningCAs))
		}
	}
	if c := spec.ServerCertificateCheck; c != nil && c.TrustedCA != nil {
		out = append(out, to(fieldTrustedCA, *c.TrustedCA, sps.TrustedCALists))
	}
	if g := spec.RemoteDesktopGateway; g != nil {
		out = append(out, rdpGatewayReferences(g)...)
	}
	return out
}

func rdpGatewayReferences(g *pamv1alpha1.RemoteDesktopGateway) []reference {
	var out []reference
	if h := g.HostCertification; h != nil && h.Single != nil {
		out = append(out, to(fieldSingleIdentity, h.Single.X509Identity, sps.X509Identities))
	}
	if h := g.HostCertification; h != nil && h.Signing != nil {
		out = append(out, to(fieldSigningCA, h.Signing.SigningCA, sps.SigningCAs))
	}
	if l := g.LocalAuthentication; l != nil && l.LocalUserDatabase != nil {
		out = append(out, to(fieldUserDatabase, l.LocalUserDatabase.Database, sps.UserDatabases))
	}
	return out
}

func rdpPolicyReferences(p *pamv1alpha1.PolicyReferences) []reference {
	if p == nil {
		return nil
	}
	var out []reference
	required := func(field string, ref *pamv1alpha1.ApplianceReference, collection sps.Collection) {
		if ref != nil {
			out = append(out, to(field, *ref, collection))
		}
	}
	optional := func(field string, ref *pamv1alpha1.OptionalApplianceReference, collections ...sps.Collection) {
		if ref != nil {
			out = append(out, reference{field: field, name: ref.Name, key: ref.Key, collections: collections})
		}
	}
	required(fieldChannel, p.Channel, sps.RDPChannelPolicies)
	required(fieldSettings, p.Settings, sps.RDPSettingsPolicies)
	required(fieldAudit, p.Audit, sps.AuditPolicies)
	optional(fieldArchiveCleanup, p.ArchiveCleanup, sps.ArchiveCleanupPolicies)
	optional(fieldBackup, p.Backup, sps.BackupPolicies)
	optional(fieldCredentialStore, p.CredentialStore, sps.CredentialStores)
	optional(fieldLDAPServer, p.LDAPServer, sps.LDAPServers)
	optional(fieldUsermapping, p.Usermapping, sps.UsermappingPolicies)
	// Newer versions refer to a configuration of the plugin, older ones to the plugin (sps contract Q22).
	optional(fieldAAPlugin, p.AAPlugin, sps.AAPluginInstances, sps.AAPlugins)
	optional(fieldAnalytics, p.Analytics, sps.AnalyticsPolicies, sps.Analytics)
	return out
}

func rdpDefaultReferences(p *pamv1alpha1.PolicyReferences) []reference {
	var out []reference
	if p == nil || p.Channel == nil {
		out = append(out, reference{
			field: fieldChannel, name: defaultChannelPolicy, collections: []sps.Collection{sps.RDPChannelPolicies},
		})
	}
	if p == nil || p.Settings == nil {
		out = append(out, reference{
			field: fieldSettings, name: defaultSettingsPolicy, collections: []sps.Collection{sps.RDPSettingsPolicies},
		})
	}
	if p == nil || p.Audit == nil {
		out = append(out, reference{
			field: fieldAudit, name: defaultAuditPolicy, collections: []sps.Collection{sps.AuditPolicies},
		})
	}
	return out
}

// rdpManaged is the wire form of what the spec manages, and of nothing else. keys are those of rdpReferences,
// authorizers the names of the groups that accessControl names, rule by rule.
func rdpManaged(
	name string, spec *pamv1alpha1.RDPConnectionPolicySpec, keys map[string]string, authorizers []string,
) sps.RDPConnection {
	return sps.RDPConnection{
		Name:                     &name,
		Active:                   spec.Active,
		AccessControl:            rdpAccessControl(spec.AccessControl, authorizers),
		ChannelDatabaseCleanup:   rdpCleanup(spec.ChannelDatabaseCleanup),
		Indexing:                 rdpIndexing(spec.Indexing, keys),
		LogAuditTrailDownloads:   spec.LogAuditTrailDownloads,
		Network:                  rdpNetwork(spec.Network),
		Policies:                 rdpPolicies(spec.Policies, keys),
		RateLimit:                rdpRateLimit(spec.RateLimit),
		RemoteDesktopGateway:     rdpGateway(spec.RemoteDesktopGateway, keys),
		ServerAddress:            rdpServerAddress(spec.ServerAddress),
		ServerCertificateCheck:   rdpCertificateCheck(spec.ServerCertificateCheck, keys),
		SourceAddress:            rdpSourceAddress(spec.SourceAddress),
		TransportSecurity:        rdpTransport(spec.TransportSecurity, keys),
		WebGatewayAuthentication: rdpWebGateway(spec.WebGatewayAuthentication),
	}
}

// rdpComplete is the full body that is created: what the spec manages, laid over the documented defaults.
func rdpComplete(
	managed sps.Body, spec *pamv1alpha1.RDPConnectionPolicySpec, keys map[string]string,
) (sps.Body, error) {
	defaults := sps.DefaultRDPConnection()
	policies := sps.ConnectionPolicies{
		ChannelPolicy: nullable(keys, fieldChannel), Settings: nullable(keys, fieldSettings),
		AuditPolicy: nullable(keys, fieldAudit),
	}
	common, err := sps.ToBody(sps.RDPConnection{
		Network:  &sps.Network{Clients: []string{anyNetwork}, Targets: []string{anyNetwork}, Ports: []int{defaultPort}},
		Policies: &policies,
	})
	if err != nil {
		return nil, err
	}
	forms, err := sps.ToBody(rdpFormDefaults(spec))
	if err != nil {
		return nil, err
	}
	return sps.Overlay(sps.Overlay(defaults, common, nil), managed, forms), nil
}

const (
	anyNetwork  = "0.0.0.0/0"
	defaultPort = 3389
)

// rdpFormDefaults are the defaults within the forms of unions that the spec chooses and the appliance's defaults do
// not.
func rdpFormDefaults(spec *pamv1alpha1.RDPConnectionPolicySpec) sps.RDPConnection {
	var out sps.RDPConnection
	if a := spec.ServerAddress; a != nil && a.Type == pamv1alpha1.ServerAddressFixed {
		out.ServerAddress = &sps.ServerAddress{Selection: sps.ServerAddressFixed, Port: new(defaultPort)}
	}
	if w := spec.WebGatewayAuthentication; w != nil && w.Mode == pamv1alpha1.ModeEnabled {
		out.WebGatewayAuthentication = &sps.WebGatewayAuthentication{
			Enabled: true, Groups: []string{}, RequireSameIP: new(false),
		}
	}
	if g := spec.RemoteDesktopGateway; g != nil && g.HostCertification != nil && g.HostCertification.Signing != nil {
		out.RemoteDesktopGateway = &sps.RemoteDesktopGateway{
			Enabled: true,
			HostCertificationMethod: &sps.HostCertificationMethod{
				Selection: sps.HostCertificationSigning, Value: map[string]any{"common_name": nil},
			},
		}
	}
	return out
}

func enabled(m pamv1alpha1.Mode) bool { return m == pamv1alpha1.ModeEnabled }

func intOf(n *int32) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

func isTrue(b *bool) bool { return b != nil && *b }

// nullable is the key of a field, as a key that may be null.
func nullable(keys map[string]string, field string) *sps.NullableKey {
	return new(sps.NullableKey(keys[field]))
}

// rdpPaths are the fields of the spec whose names are not those of the wire in camel case.
var rdpPaths = strings.NewReplacer(
	"policies.aa_plugin", fieldAAPlugin,
	"policies.analytics_policy", fieldAnalytics,
	"policies.archive_cleanup_policy", fieldArchiveCleanup,
	"policies.audit_policy", fieldAudit,
	"policies.backup_policy", fieldBackup,
	"policies.channel_policy", fieldChannel,
	"policies.credential_store", fieldCredentialStore,
	"policies.ldap_server", fieldLDAPServer,
	"policies.usermapping_policy", fieldUsermapping,
	"rate_limit.value", "rateLimit.connectionsPerMinute",
	"web_gateway_authentication.require_same_ip", "webGatewayAuthentication.requireSameIP",
	"server_certificate_check.trusted_ca", fieldTrustedCA,
	"server_address.address", "serverAddress.fixed.address",
	"server_address.port", "serverAddress.fixed.port",
	"server_address.network", "serverAddress.nat.network",
	"server_address.domains", "serverAddress.inband.domains",
	"server_address.exception_domains", "serverAddress.inband.exceptionDomains",
	"server_address.dns_server", "serverAddress.inband.dnsServer",
	"server_address.dns_suffixes", "serverAddress.inband.dnsSuffixes",
	"source_address.address", "sourceAddress.fixed.address",
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
	".selection", ".type",
	".enabled", ".mode",
)

// specPath is the field of the spec that a path of the wire belongs to.
func specPath(wire string) string {
	if wire == "name" {
		return "policyName"
	}
	var b strings.Builder
	upper := false
	for _, r := range rdpPaths.Replace(wire) {
		switch {
		case r == '_':
			upper = true
		case upper:
			b.WriteString(strings.ToUpper(string(r)))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
