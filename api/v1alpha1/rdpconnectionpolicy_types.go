// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mode switches a part of a policy on or off.
// +kubebuilder:validation:Enum=Enabled;Disabled
type Mode string

// Whether a part of a policy is on.
const (
	// ModeEnabled switches it on.
	ModeEnabled Mode = "Enabled"
	// ModeDisabled switches it off.
	ModeDisabled Mode = "Disabled"
)

// ApplianceReference names an object of the appliance: by its name, which is resolved, or by the appliance's own key.
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.key)",message="exactly one of name and key is needed"
type ApplianceReference struct {
	// name is the name of the object on the appliance. It must exist there, once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key is the appliance's own id of the object. Only built-in objects have the same key on every appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// ReferenceType says that a reference deliberately points at nothing.
// +kubebuilder:validation:Enum=None
type ReferenceType string

// ReferenceNone says "no object" where the appliance allows that.
const ReferenceNone ReferenceType = "None"

// OptionalApplianceReference names an object of the appliance, or says that there is none.
// +kubebuilder:validation:XValidation:rule="[has(self.name), has(self.key), has(self.type)].filter(x, x).size() == 1",message="exactly one of name, key and type: None is needed"
type OptionalApplianceReference struct {
	// type is None to say that no object is used. Left out when name or key is given.
	// +optional
	Type ReferenceType `json:"type,omitempty"`

	// name is the name of the object on the appliance. It must exist there, once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key is the appliance's own id of the object. Only built-in objects have the same key on every appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// ChannelDatabaseCleanup says how long metadata of connections is kept.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.days)",message="days is needed with mode: Enabled, and only then"
type ChannelDatabaseCleanup struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// days is how many days metadata is kept. It must not be more than the archive and cleanup policy keeps, nor more than
	// the appliance's setting for RDP. Needed with mode: Enabled, and only then.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days *int32 `json:"days,omitempty"`
}

// IndexingPriority says how soon recordings are indexed.
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

// Indexing says whether and how recordings are indexed.
// +kubebuilder:validation:XValidation:rule="self.mode == 'Enabled' || !has(self.policy) && !has(self.priority)",message="policy and priority are allowed with mode: Enabled only"
type Indexing struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// policy names the indexing policy of the appliance. Left out on create, it is the appliance's default policy.
	// +optional
	Policy *ApplianceReference `json:"policy,omitempty"`

	// priority is NearRealTime, VeryHigh, High, Normal, Low or VeryLow. Left out on create, it is Normal.
	// +optional
	Priority IndexingPriority `json:"priority,omitempty"`
}

// RateLimit bounds how many connections are accepted.
// +kubebuilder:validation:XValidation:rule="(self.mode == 'Enabled') == has(self.connectionsPerMinute)",message="connectionsPerMinute is needed with mode: Enabled, and only then"
type RateLimit struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// connectionsPerMinute is how many connections are accepted in a minute. Needed with mode: Enabled, and only then.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	ConnectionsPerMinute *int32 `json:"connectionsPerMinute,omitempty"`
}

// PolicyReferences name the other policies of the appliance that a connection policy uses.
// +kubebuilder:validation:MinProperties=1
type PolicyReferences struct {
	// channel names the RDP channel policy. Left out on create, it is the one named "all".
	// +optional
	Channel *ApplianceReference `json:"channel,omitempty"`

	// settings names the RDP settings policy. Left out on create, it is the one named "default".
	// +optional
	Settings *ApplianceReference `json:"settings,omitempty"`

	// audit names the audit policy. Left out on create, it is the one named "default".
	// +optional
	Audit *ApplianceReference `json:"audit,omitempty"`

	// archiveCleanup names the archive and cleanup policy. Left out on create, there is none.
	// +optional
	ArchiveCleanup *OptionalApplianceReference `json:"archiveCleanup,omitempty"`

	// backup names the backup policy. Left out on create, there is none.
	// +optional
	Backup *OptionalApplianceReference `json:"backup,omitempty"`

	// credentialStore names the credential store. Left out on create, there is none.
	// +optional
	CredentialStore *OptionalApplianceReference `json:"credentialStore,omitempty"`

	// ldapServer names the LDAP server. Left out on create, there is none.
	// +optional
	LDAPServer *OptionalApplianceReference `json:"ldapServer,omitempty"`

	// usermapping names the usermapping policy. Left out on create, there is none.
	// +optional
	Usermapping *OptionalApplianceReference `json:"usermapping,omitempty"`

	// aaPlugin names the authentication and authorization plugin, or its configuration on newer appliances. Left out on
	// create, there is none.
	// +optional
	AAPlugin *OptionalApplianceReference `json:"aaPlugin,omitempty"`

	// analytics names the analytics policy. Left out on create, there is none.
	// +optional
	Analytics *OptionalApplianceReference `json:"analytics,omitempty"`
}

// RDPConnectionPolicySpec is an RDP connection policy as it should be. A field that is left out is not managed: the
// appliance's value stays, and on create its documented default goes in.
// +kubebuilder:validation:XValidation:rule="has(self.policyName) == has(oldSelf.policyName)",message="policyName is immutable; create a new RDPConnectionPolicy instead"
type RDPConnectionPolicySpec struct {
	// connectionRef names the SPSConnection of the appliance. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// policyName is the name of the policy on the appliance. Left out, it is metadata.name. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="policyName is immutable; create a new RDPConnectionPolicy instead"
	PolicyName string `json:"policyName,omitempty"`

	Stewardship `json:",inline"`

	// active switches the policy on; false keeps it without using it. Left out on create, it is true.
	// +optional
	Active *bool `json:"active,omitempty"`

	// network says which connections the policy is for.
	// +optional
	Network *PolicyNetwork `json:"network,omitempty"`

	// serverAddress says how the target server is found. Left out on create, it is Original.
	// +optional
	ServerAddress *ServerAddress `json:"serverAddress,omitempty"`

	// sourceAddress says which address the target server sees. Left out on create, it is BoxAddress.
	// +optional
	SourceAddress *SourceAddress `json:"sourceAddress,omitempty"`

	// transportSecurity says how connections are encrypted. Left out on create, it is TLS with a certificate that the
	// appliance signs itself.
	// +optional
	TransportSecurity *TransportSecurity `json:"transportSecurity,omitempty"`

	// serverCertificateCheck says whether the target server's certificate is verified. Left out on create, it is Disabled,
	// as on the appliance.
	// +optional
	ServerCertificateCheck *ServerCertificateCheck `json:"serverCertificateCheck,omitempty"`

	// remoteDesktopGateway makes the appliance act as a Remote Desktop Gateway. Left out on create, it is Disabled.
	// +optional
	RemoteDesktopGateway *RemoteDesktopGateway `json:"remoteDesktopGateway,omitempty"`

	// webGatewayAuthentication demands that users also log in to the appliance's web page. Left out on create, it is
	// Disabled.
	// +optional
	WebGatewayAuthentication *WebGatewayAuthentication `json:"webGatewayAuthentication,omitempty"`

	// accessControl says who may permit and watch sessions. An empty list removes all rules; so it is on create when it is
	// left out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	AccessControl []AccessControlRule `json:"accessControl,omitzero"`

	// channelDatabaseCleanup says how long metadata of connections is kept. Left out on create, it is Disabled.
	// +optional
	ChannelDatabaseCleanup *ChannelDatabaseCleanup `json:"channelDatabaseCleanup,omitempty"`

	// indexing says whether and how recordings are indexed. Left out on create, it is Enabled with the appliance's default
	// policy and priority Normal.
	// +optional
	Indexing *Indexing `json:"indexing,omitempty"`

	// logAuditTrailDownloads logs who downloads recordings. Left out on create, it is true.
	// +optional
	LogAuditTrailDownloads *bool `json:"logAuditTrailDownloads,omitempty"`

	// rateLimit bounds how many connections are accepted. Left out on create, it is Disabled.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`

	// policies name the other policies of the appliance that this one uses.
	// +optional
	Policies *PolicyReferences `json:"policies,omitempty"`
}

// RDPConnectionPolicyStatus is what is known about the policy on the appliance.
type RDPConnectionPolicyStatus struct {
	PolicyStatus `json:",inline"`

	// position is the place of the policy in the appliance's order, from 1; the first policy that matches a connection
	// wins.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Position *int32 `json:"position,omitempty"`
}

// RDPConnectionPolicy is an RDP connection policy of an SPS appliance: who may reach which servers, and what is
// checked, recorded and authorized on the way.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=rdpconnectionpolicies,shortName=rdpcp,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.status.key`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connectionRef.name`,priority=1
// +kubebuilder:printcolumn:name="Position",type=integer,JSONPath=`.status.position`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
type RDPConnectionPolicy struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the policy as it should be.
	// +required
	Spec RDPConnectionPolicySpec `json:"spec,omitzero"`

	// status is what is known about the policy on the appliance.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RDPConnectionPolicyStatus `json:"status,omitzero"`
}

// RDPConnectionPolicyList is a list of RDPConnectionPolicy.
//
// +kubebuilder:object:root=true
type RDPConnectionPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []RDPConnectionPolicy `json:"items"`
}

// NameOnAppliance is the name of the policy on the appliance.
func (p *RDPConnectionPolicy) NameOnAppliance() string {
	if p.Spec.PolicyName != "" {
		return p.Spec.PolicyName
	}
	return p.Name
}

// Connection is the reference to the connection.
func (p *RDPConnectionPolicy) Connection() ConnectionReference { return p.Spec.ConnectionRef }

// Steward is how the policy is managed.
func (p *RDPConnectionPolicy) Steward() Stewardship { return p.Spec.Stewardship }

// PolicyStatus is the part of the status that all kept-equal kinds have.
func (p *RDPConnectionPolicy) PolicyStatus() *PolicyStatus { return &p.Status.PolicyStatus }

// GetStatus is the status, for code that treats all kinds alike.
func (p *RDPConnectionPolicy) GetStatus() ObjectStatus { return &p.Status }
