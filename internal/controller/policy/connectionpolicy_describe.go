// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file is the way back of connectionpolicy_forms.go: from each member on the wire to its form in the spec, with
// references by key. What has no form in the spec becomes nil, or a form that differs when it is compared; describe
// finds out. So nothing here can fail.

// describeCommon fills the fields that the policies of all protocols have. accessRules says whether the appliance shows
// that member, which may be empty.
func describeCommon(spec *pamv1alpha1.ConnectionPolicySpec, w sps.ConnectionPolicy, accessRules bool) {
	spec.Active, spec.LogAuditTrailDownloads = w.Active, w.LogAuditTrailDownloads
	if accessRules {
		spec.AccessControl = rulesOf(w.AccessControl)
	}
	spec.ChannelDatabaseCleanup = cleanupOf(w.ChannelDatabaseCleanup)
	spec.Indexing = indexingOf(w.Indexing)
	spec.Network = networkOf(w.Network)
	spec.Policies = policiesOf(w.Policies)
	spec.RateLimit = rateLimitOf(w.RateLimit)
	spec.ServerAddress = serverAddressOf(w.ServerAddress)
	spec.SourceAddress = sourceAddressOf(w.SourceAddress)
	spec.WebGatewayAuthentication = webGatewayOf(w.WebGatewayAuthentication)
}

func rulesOf(rules []sps.AccessRule) []pamv1alpha1.AccessControlRule {
	out := make([]pamv1alpha1.AccessControlRule, 0, len(rules))
	for _, rule := range rules {
		subject := &pamv1alpha1.AccessSubject{Type: pamv1alpha1.AccessSubjectEverybody}
		if rule.Subject.Selection == sps.SubjectOnly && rule.Subject.Group != nil {
			subject = &pamv1alpha1.AccessSubject{Type: pamv1alpha1.AccessSubjectOnly, Group: *rule.Subject.Group}
		}
		out = append(out, pamv1alpha1.AccessControlRule{
			Authorizer: rule.Authorizer, Permission: keyOf(permissions, rule.Permission),
			RequireDifferentIP:       new(rule.RequireDifferentIP),
			RequireDifferentUsername: new(rule.RequireDifferentUsername),
			Subject:                  subject,
		})
	}
	return out
}

func cleanupOf(c *sps.ChannelDatabaseCleanup) *pamv1alpha1.ChannelDatabaseCleanup {
	switch {
	case c == nil:
		return nil
	case !c.Enabled:
		return &pamv1alpha1.ChannelDatabaseCleanup{Mode: pamv1alpha1.ModeDisabled}
	}
	return &pamv1alpha1.ChannelDatabaseCleanup{Mode: pamv1alpha1.ModeEnabled, Days: int32Of(c.Days)}
}

func indexingOf(i *sps.Indexing) *pamv1alpha1.Indexing {
	switch {
	case i == nil:
		return nil
	case !i.Enabled:
		return &pamv1alpha1.Indexing{Mode: pamv1alpha1.ModeDisabled}
	}
	out := &pamv1alpha1.Indexing{Mode: pamv1alpha1.ModeEnabled}
	if i.Policy != nil {
		out.Policy = &pamv1alpha1.ApplianceReference{Key: *i.Policy}
	}
	if i.Priority != nil {
		out.Priority = keyOf(priorities, *i.Priority)
	}
	return out
}

func networkOf(n *sps.Network) *pamv1alpha1.PolicyNetwork {
	if n == nil {
		return nil
	}
	out := &pamv1alpha1.PolicyNetwork{Clients: distinct(n.Clients), Targets: distinct(n.Targets)}
	for _, port := range n.Ports {
		out.Ports = append(out.Ports, *int32Of(&port))
	}
	if out.Ports = distinct(out.Ports); len(out.Clients)+len(out.Targets)+len(out.Ports) == 0 {
		return nil
	}
	return out
}

func policiesOf(p *sps.PolicyReferences) *pamv1alpha1.PolicyReferences {
	if p == nil {
		return nil
	}
	required := func(key *sps.NullableKey) *pamv1alpha1.ApplianceReference {
		if key == nil || *key == "" {
			return nil
		}
		return &pamv1alpha1.ApplianceReference{Key: string(*key)}
	}
	optional := func(key *sps.NullableKey) *pamv1alpha1.OptionalApplianceReference {
		switch {
		case key == nil:
			return nil
		case *key == "":
			return &pamv1alpha1.OptionalApplianceReference{Type: pamv1alpha1.ReferenceNone}
		}
		return &pamv1alpha1.OptionalApplianceReference{Key: string(*key)}
	}
	out := pamv1alpha1.PolicyReferences{
		Channel: required(p.ChannelPolicy), Settings: required(p.Settings), Audit: required(p.AuditPolicy),
		ArchiveCleanup: optional(p.ArchiveCleanupPolicy), Backup: optional(p.BackupPolicy),
		CredentialStore: optional(p.CredentialStore), LDAPServer: optional(p.LDAPServer),
		Usermapping: optional(p.UsermappingPolicy), AAPlugin: optional(p.AAPlugin), Analytics: optional(p.AnalyticsPolicy),
	}
	if out == (pamv1alpha1.PolicyReferences{}) {
		return nil
	}
	return &out
}

func rateLimitOf(l *sps.RateLimit) *pamv1alpha1.RateLimit {
	switch {
	case l == nil:
		return nil
	case !l.Enabled:
		return &pamv1alpha1.RateLimit{Mode: pamv1alpha1.ModeDisabled}
	}
	return &pamv1alpha1.RateLimit{Mode: pamv1alpha1.ModeEnabled, ConnectionsPerMinute: int32Of(l.Value)}
}

func serverAddressOf(a *sps.ServerAddress) *pamv1alpha1.ServerAddress {
	if a == nil {
		return nil
	}
	switch a.Selection {
	case sps.ServerAddressOriginal:
		return &pamv1alpha1.ServerAddress{Type: pamv1alpha1.ServerAddressOriginal}
	case sps.ServerAddressFixed:
		return &pamv1alpha1.ServerAddress{
			Type:  pamv1alpha1.ServerAddressFixed,
			Fixed: &pamv1alpha1.FixedServer{Address: textOf(a.Address), Port: int32Of(a.Port)},
		}
	case sps.ServerAddressNAT:
		return &pamv1alpha1.ServerAddress{
			Type: pamv1alpha1.ServerAddressNAT, NAT: &pamv1alpha1.NATServer{Network: textOf(a.Network)},
		}
	case sps.ServerAddressInband:
		return &pamv1alpha1.ServerAddress{Type: pamv1alpha1.ServerAddressInband, Inband: inbandOf(a)}
	}
	return nil
}

// inbandOf writes down optional members that are missing as the nothing that they mean, so that one that is added later
// is drift.
func inbandOf(a *sps.ServerAddress) *pamv1alpha1.InbandServer {
	return &pamv1alpha1.InbandServer{
		Domains: domainsOf(a.Domains), ExceptionDomains: domainsOf(a.ExceptionDomains),
		DNSServer: nameOf(a.DNSServer), DNSSuffixes: append([]string{}, a.DNSSuffixes...),
	}
}

func domainsOf(domains []sps.InbandDomain) []pamv1alpha1.InbandDomain {
	out := make([]pamv1alpha1.InbandDomain, 0, len(domains))
	for _, d := range domains {
		of := pamv1alpha1.InbandDomainName
		if d.Domain.Selection == sps.DomainMatchAddress {
			of = pamv1alpha1.InbandDomainAddress
		}
		out = append(out, pamv1alpha1.InbandDomain{Type: of, Value: d.Domain.Value, Port: int32Of(d.Port)})
	}
	return out
}

func sourceAddressOf(a *sps.SourceAddress) *pamv1alpha1.SourceAddress {
	if a == nil {
		return nil
	}
	switch a.Selection {
	case sps.SourceAddressBox:
		return &pamv1alpha1.SourceAddress{Type: pamv1alpha1.SourceAddressBox}
	case sps.SourceAddressOriginal:
		return &pamv1alpha1.SourceAddress{Type: pamv1alpha1.SourceAddressOriginal}
	case sps.SourceAddressFixed:
		return &pamv1alpha1.SourceAddress{
			Type: pamv1alpha1.SourceAddressFixed, Fixed: &pamv1alpha1.FixedSource{Address: textOf(a.Address)},
		}
	}
	return nil
}

func webGatewayOf(w *sps.WebGatewayAuthentication) *pamv1alpha1.WebGatewayAuthentication {
	switch {
	case w == nil:
		return nil
	case !w.Enabled:
		return &pamv1alpha1.WebGatewayAuthentication{Mode: pamv1alpha1.ModeDisabled}
	}
	return &pamv1alpha1.WebGatewayAuthentication{
		Mode: pamv1alpha1.ModeEnabled, Groups: append([]string{}, distinct(w.Groups)...), RequireSameIP: w.RequireSameIP,
	}
}

// nameOf is the way back of nameOrNull, for a name that is always managed.
func nameOf(name *sps.NullableName) *string {
	if name == nil {
		return new("")
	}
	return new(string(*name))
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// int32Of is the way back of intOf. A number that the spec cannot hold becomes one that the spec does not allow.
func int32Of(n *int) *int32 {
	if n == nil {
		return nil
	}
	if fits := int32(*n); int(fits) == *n { //nolint:gosec // that is what is found out here
		return &fits
	}
	return new(int32(-1))
}

// keyOf is the way back of a table; the zero value if no key has the value.
func keyOf[K, V comparable](table map[K]V, value V) (key K) {
	for k, v := range table {
		if v == value {
			return k
		}
	}
	return key
}

// distinct is a list without repetitions, in its order.
func distinct[T comparable](list []T) []T {
	var out []T
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
