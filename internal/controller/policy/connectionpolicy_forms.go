// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"k8s.io/utils/ptr"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file maps each member that the connection policies of all protocols have from its form in the spec to its form
// on the wire. A nil member is not managed and stays nil; the off form of a union carries only its discriminator
// (docs/vendors/sps.md 5).

var permissions = map[pamv1alpha1.AccessPermission]string{
	pamv1alpha1.AccessPermissionAudit:             sps.PermissionAudit,
	pamv1alpha1.AccessPermissionAuthorize:         sps.PermissionAuthorize,
	pamv1alpha1.AccessPermissionAuditAndAuthorize: sps.PermissionAuditAndAuthorize,
}

func accessControlForm(rules []pamv1alpha1.AccessControlRule, authorizers []string) []sps.AccessRule {
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
			Authorizer: authorizers[i], Permission: permissions[rule.Permission],
			RequireDifferentIP:       ptr.Deref(rule.RequireDifferentIP, false),
			RequireDifferentUsername: ptr.Deref(rule.RequireDifferentUsername, false),
			Subject:                  subject,
		})
	}
	return out
}

func cleanupForm(c *pamv1alpha1.ChannelDatabaseCleanup) *sps.ChannelDatabaseCleanup {
	if c == nil {
		return nil
	}
	return &sps.ChannelDatabaseCleanup{Enabled: enabled(c.Mode), Days: intOf(c.Days)}
}

var priorities = map[pamv1alpha1.IndexingPriority]int{
	pamv1alpha1.IndexingPriorityNearRealTime: 0,
	pamv1alpha1.IndexingPriorityVeryHigh:     1,
	pamv1alpha1.IndexingPriorityHigh:         2,
	pamv1alpha1.IndexingPriorityNormal:       3,
	pamv1alpha1.IndexingPriorityLow:          4,
	pamv1alpha1.IndexingPriorityVeryLow:      5,
}

func indexingForm(i *pamv1alpha1.Indexing, keys map[string]string) *sps.Indexing {
	if i == nil {
		return nil
	}
	out := &sps.Indexing{Enabled: enabled(i.Mode)}
	if i.Policy != nil {
		out.Policy = new(keys[fieldIndexingPolicy])
	}
	if i.Priority != "" {
		out.Priority = new(priorities[i.Priority])
	}
	return out
}

func networkForm(n *pamv1alpha1.PolicyNetwork) *sps.Network {
	if n == nil {
		return nil
	}
	out := &sps.Network{Clients: n.Clients, Targets: n.Targets}
	for _, port := range n.Ports {
		out.Ports = append(out.Ports, int(port))
	}
	return out
}

func policiesForm(p *pamv1alpha1.PolicyReferences, keys map[string]string) *sps.PolicyReferences {
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
	return &sps.PolicyReferences{
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

func rateLimitForm(l *pamv1alpha1.RateLimit) *sps.RateLimit {
	if l == nil {
		return nil
	}
	return &sps.RateLimit{Enabled: enabled(l.Mode), Value: intOf(l.ConnectionsPerMinute)}
}

// serverAddressForm needs the standard port of the protocol, for servers that are named without one.
func serverAddressForm(a *pamv1alpha1.ServerAddress, port int) *sps.ServerAddress {
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
			Domains:   domainsForm(a.Inband.Domains, port), ExceptionDomains: domainsForm(a.Inband.ExceptionDomains, port),
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

func domainsForm(domains []pamv1alpha1.InbandDomain, standardPort int) []sps.InbandDomain {
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
			port = new(standardPort)
		}
		out = append(out, sps.InbandDomain{Domain: match, Port: port})
	}
	return out
}

func sourceAddressForm(a *pamv1alpha1.SourceAddress) *sps.SourceAddress {
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

func webGatewayForm(w *pamv1alpha1.WebGatewayAuthentication) *sps.WebGatewayAuthentication {
	if w == nil {
		return nil
	}
	return &sps.WebGatewayAuthentication{
		Enabled: enabled(w.Mode), Groups: w.Groups, RequireSameIP: w.RequireSameIP,
	}
}

func enabled(m pamv1alpha1.Mode) bool { return m == pamv1alpha1.ModeEnabled }

func intOf(n *int32) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

// nullable is the key of a field, as a key that may be null.
func nullable(keys map[string]string, field string) *sps.NullableKey {
	return new(sps.NullableKey(keys[field]))
}
