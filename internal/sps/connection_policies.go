// SPDX-License-Identifier: Apache-2.0

package sps

// ConnectionPolicy is the part of a connection policy that we send, for any protocol (docs/vendors/sps.md 5). A nil
// member is not managed and not sent; an empty list that is not nil is sent.
type ConnectionPolicy struct {
	Name                     *string                   `json:"name,omitempty"`
	Active                   *bool                     `json:"active,omitempty"`
	AccessControl            []AccessRule              `json:"access_control,omitzero"`
	ChannelDatabaseCleanup   *ChannelDatabaseCleanup   `json:"channel_database_cleanup,omitempty"`
	Indexing                 *Indexing                 `json:"indexing,omitempty"`
	LogAuditTrailDownloads   *bool                     `json:"log_audit_trail_downloads,omitempty"`
	Network                  *Network                  `json:"network,omitempty"`
	Policies                 *PolicyReferences         `json:"policies,omitempty"`
	RateLimit                *RateLimit                `json:"rate_limit,omitempty"`
	ServerAddress            *ServerAddress            `json:"server_address,omitempty"`
	SourceAddress            *SourceAddress            `json:"source_address,omitempty"`
	WebGatewayAuthentication *WebGatewayAuthentication `json:"web_gateway_authentication,omitempty"`
}

// PolicyReferences refers to other objects by key. The appliance refuses null for AuditPolicy, ChannelPolicy and
// Settings; the others are null when unused.
type PolicyReferences struct {
	AAPlugin             *NullableKey `json:"aa_plugin,omitempty"`
	AnalyticsPolicy      *NullableKey `json:"analytics_policy,omitempty"`
	ArchiveCleanupPolicy *NullableKey `json:"archive_cleanup_policy,omitempty"`
	AuditPolicy          *NullableKey `json:"audit_policy,omitempty"`
	BackupPolicy         *NullableKey `json:"backup_policy,omitempty"`
	ChannelPolicy        *NullableKey `json:"channel_policy,omitempty"`
	CredentialStore      *NullableKey `json:"credential_store,omitempty"`
	LDAPServer           *NullableKey `json:"ldap_server,omitempty"`
	Settings             *NullableKey `json:"settings,omitempty"`
	UsermappingPolicy    *NullableKey `json:"usermapping_policy,omitempty"`
}

// Network selects the connections that a policy applies to. The first policy that matches wins
// (docs/vendors/sps.md 4.7).
type Network struct {
	// Clients and Targets are addresses or networks; host bits are allowed.
	Clients []string `json:"clients,omitzero"`
	Targets []string `json:"targets,omitzero"`
	Ports   []int    `json:"ports,omitzero"`
}

// Permissions of an AccessRule.
const (
	PermissionAudit             = "audit"
	PermissionAuthorize         = "authorize"
	PermissionAuditAndAuthorize = "audit_and_authorize"
)

// AccessRule allows a group to follow or authorize sessions.
type AccessRule struct {
	// Authorizer is the name of a group, not its key.
	Authorizer               string        `json:"authorizer"`
	Permission               string        `json:"permission"`
	RequireDifferentIP       bool          `json:"require_different_ip"`
	RequireDifferentUsername bool          `json:"require_different_username"`
	Subject                  AccessSubject `json:"subject"`
}

// Selections of an AccessSubject.
const (
	SubjectEverybody = "everybody"
	SubjectOnly      = "only"
)

// AccessSubject is whose sessions a rule applies to.
type AccessSubject struct {
	Selection string `json:"selection"`
	// Group is the name of a group; only with SubjectOnly.
	Group *string `json:"group,omitempty"`
}

// ChannelDatabaseCleanup deletes the metadata of old connections.
type ChannelDatabaseCleanup struct {
	Enabled bool `json:"enabled"`
	// Days must exceed neither the archive policy's retention nor the protocol's own value.
	Days *int `json:"days,omitempty"`
}

// Indexing makes recorded sessions searchable.
type Indexing struct {
	Enabled bool `json:"enabled"`
	// Policy is a key.
	Policy *string `json:"policy,omitempty"`
	// Priority is 0 (near real time) to 5 (very low), 3 by default.
	Priority *int `json:"priority,omitempty"`
}

// RateLimit bounds new connections.
type RateLimit struct {
	Enabled bool `json:"enabled"`
	// Value is connections per minute.
	Value *int `json:"value,omitempty"`
}

// WebGatewayAuthentication asks users to log in on the appliance's web interface as well.
type WebGatewayAuthentication struct {
	Enabled bool `json:"enabled"`
	// Groups are names; none means any user (inferred).
	Groups        []string `json:"groups,omitzero"`
	RequireSameIP *bool    `json:"require_same_ip,omitempty"`
}

const (
	// defaultIndexingPolicy is built in and the same on every appliance (docs/vendors/sps.md 5).
	defaultIndexingPolicy   = "-50000"
	defaultIndexingPriority = 3
)

// DefaultConnectionPolicy is the basis of a new policy of any protocol, complete as 6.0.4 requires it
// (docs/vendors/sps.md 5). port is the protocol's standard port. The caller overlays what has no default: the name, the
// network, and the policies that must not be null (audit, channel, settings).
func DefaultConnectionPolicy(port int) ConnectionPolicy {
	none := new(NullableKey)
	return ConnectionPolicy{
		Name:                   new(""),
		Active:                 new(true),
		AccessControl:          []AccessRule{},
		ChannelDatabaseCleanup: &ChannelDatabaseCleanup{},
		Indexing: &Indexing{
			Enabled: true, Policy: new(defaultIndexingPolicy), Priority: new(defaultIndexingPriority),
		},
		LogAuditTrailDownloads: new(true),
		Network:                &Network{Clients: []string{}, Targets: []string{}, Ports: []int{port}},
		Policies: &PolicyReferences{
			AAPlugin: none, AnalyticsPolicy: none, ArchiveCleanupPolicy: none, AuditPolicy: none, BackupPolicy: none,
			ChannelPolicy: none, CredentialStore: none, LDAPServer: none, Settings: none, UsermappingPolicy: none,
		},
		RateLimit:                &RateLimit{},
		ServerAddress:            &ServerAddress{Selection: ServerAddressOriginal},
		SourceAddress:            &SourceAddress{Selection: SourceAddressBox},
		WebGatewayAuthentication: &WebGatewayAuthentication{},
	}
}
