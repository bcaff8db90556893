// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ConnectionPolicySpec is the part of the spec that the connection policies of all protocols share.
type ConnectionPolicySpec struct {
	// connectionRef names the appliance's SPSConnection. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	ManagementPolicies `json:",inline"`

	// active turns the policy on; false keeps it on the appliance unused. Defaults to true on create.
	// +optional
	Active *bool `json:"active,omitempty"`

	// network selects the connections that the policy applies to.
	// +optional
	Network *PolicyNetwork `json:"network,omitempty"`

	// serverAddress defines how the target server is chosen. Defaults to Original on create.
	// +optional
	ServerAddress *ServerAddress `json:"serverAddress,omitempty"`

	// sourceAddress defines the address that the target server sees. Defaults to BoxAddress on create.
	// +optional
	SourceAddress *SourceAddress `json:"sourceAddress,omitempty"`

	// webGatewayAuthentication decides whether users must also log in on the appliance's web page. Defaults to Disabled on
	// create.
	// +optional
	WebGatewayAuthentication *WebGatewayAuthentication `json:"webGatewayAuthentication,omitempty"`

	// accessControl defines who may authorize and watch sessions. An empty list removes all rules and is the default on
	// create.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	AccessControl []AccessControlRule `json:"accessControl,omitzero"`

	// channelDatabaseCleanup sets how long connection metadata is kept. Defaults to Disabled on create.
	// +optional
	ChannelDatabaseCleanup *ChannelDatabaseCleanup `json:"channelDatabaseCleanup,omitempty"`

	// indexing decides whether and how recordings are indexed. Defaults on create to Enabled with the appliance's default
	// policy and priority Normal.
	// +optional
	Indexing *Indexing `json:"indexing,omitempty"`

	// logAuditTrailDownloads logs the downloads of recordings and the users behind them. Defaults to true on create.
	// +optional
	LogAuditTrailDownloads *bool `json:"logAuditTrailDownloads,omitempty"`

	// rateLimit limits how many connections are accepted. Defaults to Disabled on create.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`

	// policies name the appliance's other policies that this one uses.
	// +optional
	Policies *PolicyReferences `json:"policies,omitempty"`
}

// ConnectionPolicyStatus is the part of the status that the connection policies of all protocols share.
type ConnectionPolicyStatus struct {
	PolicyStatus `json:",inline"`

	// position is the policy's place in the appliance's order, starting at 1; the first policy that matches a connection
	// wins.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Position *int32 `json:"position,omitempty"`
}

// Mode turns a part of a policy on or off.
// +kubebuilder:validation:Enum=Enabled;Disabled
type Mode string

// Whether a part of a policy is on.
const (
	// ModeEnabled turns it on.
	ModeEnabled Mode = "Enabled"
	// ModeDisabled turns it off.
	ModeDisabled Mode = "Disabled"
)

// ChannelDatabaseCleanup sets how long connection metadata is kept.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.days)",message="days is required with mode: Enabled, and forbidden otherwise"
type ChannelDatabaseCleanup struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// days is how many days metadata is kept. It must not exceed the retention of the archive and cleanup policy, nor the
	// appliance's setting for the protocol. Required with mode: Enabled, and forbidden otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days *int32 `json:"days,omitempty"`
}

// IndexingPriority is how soon recordings are indexed.
// +kubebuilder:validation:Enum=NearRealTime;VeryHigh;High;Normal;Low;VeryLow
type IndexingPriority string

// How soon recordings are indexed.
const (
	IndexingPriorityNearRealTime IndexingPriority = "NearRealTime"
	IndexingPriorityVeryHigh     IndexingPriority = "VeryHigh"
	IndexingPriorityHigh         IndexingPriority = "High"
	IndexingPriorityNormal       IndexingPriority = "Normal"
	IndexingPriorityLow          IndexingPriority = "Low"
	IndexingPriorityVeryLow      IndexingPriority = "VeryLow"
)

// Indexing decides whether and how recordings are indexed.
// +kubebuilder:validation:XValidation:rule="self.mode == 'Enabled' || !has(self.policy) && !has(self.priority)",message="policy and priority are allowed only with mode: Enabled"
type Indexing struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// policy names the appliance's indexing policy. Defaults to the appliance's default policy on create.
	// +optional
	Policy *ApplianceReference `json:"policy,omitempty"`

	// priority is NearRealTime, VeryHigh, High, Normal, Low or VeryLow. Defaults to Normal on create.
	// +optional
	Priority IndexingPriority `json:"priority,omitempty"`
}

// RateLimit limits how many connections are accepted.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.connectionsPerMinute)",message="connectionsPerMinute is required with mode: Enabled, and forbidden otherwise"
type RateLimit struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// connectionsPerMinute is how many connections are accepted per minute. Required with mode: Enabled, and forbidden
	// otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	ConnectionsPerMinute *int32 `json:"connectionsPerMinute,omitempty"`
}
