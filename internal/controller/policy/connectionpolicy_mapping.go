// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// protocol is what the connection policies of one protocol add to what those of all protocols have. T is its kind.
type protocol[T kinds.ConnectionPolicy] struct {
	// port is the standard port.
	port int
	// channels and settings are the collections of its channel policies and its settings.
	channels, settings sps.Collection
	// defaults returns the body of a new policy of which the spec sets nothing.
	defaults func() sps.Body
	// references lists what the protocol's own fields refer to.
	references func(obj T) []reference
	// managed returns the body of a policy: the common members as they are, and the protocol's own as far as the spec
	// manages them. keys are those of all references, by field.
	managed func(obj T, common sps.ConnectionPolicy, keys map[string]string) any
	// rename sets the name on the appliance; an empty one means the object's own name.
	rename func(obj T, name string)
	// describe is the way back of managed: it fills the protocol's own fields with what a body has, references by key,
	// and returns the members of all protocols. decode fills a wire struct.
	describe func(obj T, decode func(into any)) sps.ConnectionPolicy
	// formDefaults is managed for the defaults within the forms that the spec chooses and defaults does not have.
	formDefaults func(obj T, common sps.ConnectionPolicy) any
	// comparison has the protocol's own members that can be written in several ways.
	comparison sps.Comparison
	// paths are pairs, for the protocol's own fields whose name is not that of the wire in camel case: a path of the wire,
	// and the field. A path comes before those that it begins with.
	paths []string
}

// mapping maps the kind of one protocol to the wire and back.
type mapping[T kinds.ConnectionPolicy] struct {
	protocol protocol[T]
	// comparison and paths are those of all members.
	comparison sps.Comparison
	paths      *strings.Replacer
}

func newMapping[T kinds.ConnectionPolicy](p protocol[T]) mapping[T] {
	m := mapping[T]{protocol: p, comparison: maps.Clone(commonComparison)}
	maps.Copy(m.comparison, p.comparison)
	m.paths = strings.NewReplacer(append(p.paths[:len(p.paths):len(p.paths)], commonPaths...)...)
	return m
}

// references lists what the spec refers to. For a new policy it includes what must not be null and has a default.
func (m mapping[T]) references(obj T, creating bool) []reference {
	spec := obj.CommonSpec()
	out := append(m.protocol.references(obj), m.policyReferences(spec.Policies)...)
	if i := spec.Indexing; i != nil && i.Policy != nil {
		out = append(out, to(fieldIndexingPolicy, i.Policy, sps.IndexingPolicies))
	}
	if creating {
		out = append(out, m.defaultReferences(spec.Policies)...)
	}
	return out
}

func (m mapping[T]) policyReferences(p *pamv1alpha1.PolicyReferences) []reference {
	if p == nil {
		return nil
	}
	var out []reference
	required := func(field string, ref *pamv1alpha1.ApplianceReference, collection sps.Collection) {
		if ref != nil {
			out = append(out, to(field, ref, collection))
		}
	}
	optional := func(field string, ref *pamv1alpha1.OptionalApplianceReference, collections ...sps.Collection) {
		if ref != nil {
			out = append(out, toOptional(field, ref, collections...))
		}
	}
	required(fieldChannel, p.Channel, m.protocol.channels)
	required(fieldSettings, p.Settings, m.protocol.settings)
	required(fieldAudit, p.Audit, sps.AuditPolicies)
	optional(fieldArchiveCleanup, p.ArchiveCleanup, sps.ArchiveCleanupPolicies)
	optional(fieldBackup, p.Backup, sps.BackupPolicies)
	optional(fieldCredentialStore, p.CredentialStore, sps.CredentialStores)
	optional(fieldLDAPServer, p.LDAPServer, sps.LDAPServers)
	optional(fieldUsermapping, p.Usermapping, sps.UsermappingPolicies)
	// Newer versions refer to a configuration of the plugin, older ones to the plugin (docs/vendors/sps.md Q22).
	optional(fieldAAPlugin, p.AAPlugin, sps.AAPluginInstances, sps.AAPlugins)
	optional(fieldAnalytics, p.Analytics, sps.AnalyticsPolicies, sps.Analytics)
	return out
}

// Names of the policies that a new policy uses where the spec is silent (the API says so).
const (
	defaultChannelPolicy  = "all"
	defaultSettingsPolicy = "default"
	defaultAuditPolicy    = "default"
)

func (m mapping[T]) defaultReferences(p *pamv1alpha1.PolicyReferences) []reference {
	if p == nil {
		p = &pamv1alpha1.PolicyReferences{}
	}
	var out []reference
	byDefault := func(field string, ref *pamv1alpha1.ApplianceReference, name string, collection sps.Collection) {
		if ref == nil {
			out = append(out, to(field, &pamv1alpha1.ApplianceReference{Name: name}, collection))
		}
	}
	byDefault(fieldChannel, p.Channel, defaultChannelPolicy, m.protocol.channels)
	byDefault(fieldSettings, p.Settings, defaultSettingsPolicy, m.protocol.settings)
	byDefault(fieldAudit, p.Audit, defaultAuditPolicy, sps.AuditPolicies)
	return out
}

// managed is the wire form of what the spec manages, and of nothing else. keys are those of references, authorizers the
// names of the groups that accessControl names, rule by rule.
func (m mapping[T]) managed(obj T, keys map[string]string, authorizers []string) (sps.Body, error) {
	spec, name := obj.CommonSpec(), obj.NameOnAppliance()
	return sps.ToBody(m.protocol.managed(obj, sps.ConnectionPolicy{
		Name:                     &name,
		Active:                   spec.Active,
		AccessControl:            accessControlForm(spec.AccessControl, authorizers),
		ChannelDatabaseCleanup:   cleanupForm(spec.ChannelDatabaseCleanup),
		Indexing:                 indexingForm(spec.Indexing, keys),
		LogAuditTrailDownloads:   spec.LogAuditTrailDownloads,
		Network:                  networkForm(spec.Network),
		Policies:                 policiesForm(spec.Policies, keys),
		RateLimit:                rateLimitForm(spec.RateLimit),
		ServerAddress:            serverAddressForm(spec.ServerAddress, m.protocol.port),
		SourceAddress:            sourceAddressForm(spec.SourceAddress),
		WebGatewayAuthentication: webGatewayForm(spec.WebGatewayAuthentication),
	}, keys))
}
