// SPDX-License-Identifier: Apache-2.0

package controller

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file maps each member of an RDP connection policy from its form in the spec to its form on the wire. A nil
// member is not managed and stays nil; the off form of a union carries only its discriminator (sps contract 5).

var rdpPermissions = map[pamv1alpha1.AccessPermission]string{
	pamv1alpha1.AccessPermissionAudit:             sps.PermissionAudit,
	pamv1alpha1.AccessPermissionAuthorize:         sps.PermissionAuthorize,
	pamv1alpha1.AccessPermissionAuditAndAuthorize: sps.PermissionAuditAndAuthorize,
}

func rdpAccessControl(rules []pamv1alpha1.AccessControlRule, authorizers []string) []sps.AccessRule {
	if rules == nil {
		return nil
	}
	out := make([]sps.AccessRule, 0, len(rules))
	for i, rule := range rules {
		subject := sps.AccessSubject{Selection: sps.SubjectEverybody}
		if rule.Subject != nil && rule.Subject.Type == pamv1alpha1.AccessSubjectOnly {
			subject = sps.AccessSubject{Selection: sps.SubjectOnly, Group: &rule.Subject.Group}
		}
		out = append(out, sps.AccessRule{
			Authorizer: authorizers[i], Permission: rdpPermissions[rule.Permission],
			RequireDifferentIP:       isTrue(rule.RequireDifferentIP),
			RequireDifferentUsername: isTrue(rule.RequireDifferentUsername),
			Subject:                  subject,
		})
	}
	return out
}

func rdpCleanup(c *pamv1alpha1.ChannelDatabaseCleanup) *sps.ChannelDatabaseCleanup {
	if c == nil {
		return nil
	}
	return &sps.ChannelDatabaseCleanup{Enabled: enabled(c.Mode), Days: intOf(c.Days)}
}

var rdpPriorities = map[pamv1alpha1.IndexingPriority]int{
	pamv1alpha1.IndexingPriorityNearRealTime: 0,
	pamv1alpha1.IndexingPriorityVeryHigh:     1,
	pamv1alpha1.IndexingPriorityHigh:         2,
	pamv1alpha1.IndexingPriorityNormal:       3,
	pamv1alpha1.IndexingPriorityLow:          4,
	pamv1alpha1.IndexingPriorityVeryLow:      5,
}

func rdpIndexing(i *pamv1alpha1.Indexing, keys map[string]string) *sps.Indexing {
	if i == nil {
		return nil
	}
	out := &sps.Indexing{Enabled: enabled(i.Mode)}
	if i.Policy != nil {
		out.Policy = new(keys[fieldIndexingPolicy])
	}
	if i.Priority != "" {
		out.Priority = new(rdpPriorities[i.Priority])
	}
	return out
}

func rdpNetwork(n *pamv1alpha1.PolicyNetwork) *sps.Network {
	if n == nil {
		return nil
	}
	out := &sps.Network{Clients: n.Clients, Targets: n.Targets}
	for _, port := range n.Ports {
		out.Ports = append(out.Ports, int(port))
	}
	return out
}

func rdpPolicies(p *pamv1alpha1.PolicyReferences, keys map[string]string) *sps.ConnectionPolicies {
	if p == nil {
		return nil
	}
	required := func(ref *pamv1alpha1.ApplianceReference, field string) *sps.NullableKey {
		if ref == nil {
			return nil
		}
		return nullable(keys, field)
	}
	optional := func(ref *pamv1alpha1.OptionalApplianceReference, field string) *sps.NullableKey {
		if ref == nil {
			return nil
		}
		return nullable(keys, field)
	}
	return &sps.ConnectionPolicies{
		AAPlugin:             optional(p.AAPlugin, fieldAAPlugin),
		AnalyticsPolicy:      optional(p.Analytics, fieldAnalytics),
		ArchiveCleanupPolicy: optional(p.ArchiveCleanup, fieldArchiveCleanup),
		AuditPolicy:          required(p.Audit, fieldAudit),
		BackupPolicy:         optional(p.Backup, fieldBackup),
		ChannelPolicy:        required(p.Channel, fieldChannel),
		CredentialStore:      optional(p.CredentialStore, fieldCredentialStore),
		LDAPServer:           optional(p.LDAPServer, fieldLDAPServer),
		Settings:             required(p.Settings, fieldSettings),
		UsermappingPolicy:    optional(p.Usermapping, fieldUsermapping),
	}
}

func rdpRateLimit(l *pamv1alpha1.RateLimit) *sps.RateLimit {
	if l == nil {
		return nil
	}
	return &sps.RateLimit{Enabled: enabled(l.Mode), Value: intOf(l.ConnectionsPerMinute)}
}

func rdpGateway(g *pamv1alpha1.RemoteDesktopGateway, keys map[string]string) *sps.RemoteDesktopGateway {
	if g == nil {
		return nil
	}
	if !enabled(g.Mode) {
		return &sps.RemoteDesktopGateway{}
	}
	return &sps.RemoteDesktopGateway{
		Enabled:                 true,
		HostCertificationMethod: rdpHostCertification(g.HostCertification, keys),
		LocalAuthentication:     rdpLocalAuthentication(g.LocalAuthentication, keys),
	}
}

func rdpHostCertification(
	h *pamv1alpha1.HostCertification, keys map[string]string,
) *sps.HostCertificationMethod {
	if h.Type == pamv1alpha1.HostCertificationSingle {
		return sps.SingleHostCertificate(keys[fieldSingleIdentity])
	}
	value := map[string]any{"signing_ca": keys[fieldSigningCA]}
	if name := nameOrNull(h.Signing.CommonName); name != nil { // one that is left out is not managed
		value["common_name"] = *name
	}
	return &sps.HostCertificationMethod{Selection: sps.HostCertificationSigning, Value: value}
}

func rdpLocalAuthentication(
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

func rdpServerAddress(a *pamv1alpha1.ServerAddress) *sps.ServerAddress {
	if a == nil {
		return nil
	}
	switch a.Type {
	case pamv1alpha1.ServerAddressFixed:
		return &sps.ServerAddress{
			Selection: sps.ServerAddressFixed, Address: &a.Fixed.Address, Port: intOf(a.Fixed.Port),
		}
	case pamv1alpha1.ServerAddressNAT:
		return &sps.ServerAddress{Selection: sps.ServerAddressNAT, Network: &a.NAT.Network}
	case pamv1alpha1.ServerAddressInband:
		return &sps.ServerAddress{
			Selection: sps.ServerAddressInband,
			Domains:   rdpDomains(a.Inband.Domains), ExceptionDomains: rdpDomains(a.Inband.ExceptionDomains),
			DNSServer: nameOrNull(a.Inband.DNSServer), DNSSuffixes: a.Inband.DNSSuffixes,
		}
	}
	return &sps.ServerAddress{Selection: sps.ServerAddressOriginal}
}

// nameOrNull is a name that is managed, where an empty one asks for null again.
func nameOrNull(name *string) *sps.NullableName {
	if name == nil {
		return nil
	}
	return new(sps.NullableName(*name))
}

func rdpDomains(domains []pamv1alpha1.InbandDomain) []sps.InbandDomain {
	if domains == nil {
		return nil
	}
	out := make([]sps.InbandDomain, 0, len(domains))
	for _, d := range domains {
		match := sps.DomainMatch{Selection: sps.DomainMatchDomain, Value: d.Value}
		if d.Type == pamv1alpha1.InbandDomainAddress {
			match.Selection = sps.DomainMatchAddress
		}
		port := intOf(d.Port)
		if port == nil { // within a list there is nothing to leave alone
			port = new(defaultPort)
		}
		out = append(out, sps.InbandDomain{Domain: match, Port: port})
	}
	return out
}

func rdpSourceAddress(a *pamv1alpha1.SourceAddress) *sps.SourceAddress {
	if a == nil {
		return nil
	}
	switch a.Type {
	case pamv1alpha1.SourceAddressFixed:
		return &sps.SourceAddress{Selection: sps.SourceAddressFixed, Address: &a.Fixed.Address}
	case pamv1alpha1.SourceAddressOriginal:
		return &sps.SourceAddress{Selection: sps.SourceAddressOriginal}
	}
	return &sps.SourceAddress{Selection: sps.SourceAddressBox}
}

func rdpCertificateCheck(
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

func rdpTransport(t *pamv1alpha1.TransportSecurity, keys map[string]string) *sps.TransportSecurity {
	if t == nil {
		return nil
	}
	if t.Type == pamv1alpha1.TransportSecurityLegacy {
		return &sps.TransportSecurity{Selection: sps.TransportLegacy}
	}
	out := &sps.TransportSecurity{Selection: sps.TransportTLS}
	if t.TLS != nil {
		out.LegacyFallback, out.Certificate = t.TLS.LegacyFallback, rdpCertificate(t.TLS.Certificate, keys)
	}
	return out
}

func rdpCertificate(c *pamv1alpha1.PolicyCertificate, keys map[string]string) *sps.TLSCertificate {
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

func rdpWebGateway(w *pamv1alpha1.WebGatewayAuthentication) *sps.WebGatewayAuthentication {
	if w == nil {
		return nil
	}
	return &sps.WebGatewayAuthentication{
		Enabled: enabled(w.Mode), Groups: w.Groups, RequireSameIP: w.RequireSameIP,
	}
}
