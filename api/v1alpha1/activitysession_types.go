// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NamedOrID names something at the server by its name or by its id.
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.id)",message="exactly one of name and id is needed"
type NamedOrID struct {
	// name is the name at the server. A resource that is a host is named by its DNS host name or address as it is
	// registered there, not by its display name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`

	// id is the GUID at the server.
	// +optional
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$')",message="id must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	ID string `json:"id,omitempty"`
}

// CredentialSelector names a credential at the server, for activities that are allowed on credentials.
// +kubebuilder:validation:XValidation:rule="[has(self.name), has(self.id), has(self.username)].filter(x, x).size() == 1",message="exactly one of name, id, and username with domain is needed"
// +kubebuilder:validation:XValidation:rule="has(self.username) == has(self.domain)",message="username and domain are needed together"
type CredentialSelector struct {
	// name is the name of the credential.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`

	// id is the GUID of the credential.
	// +optional
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$')",message="id must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	ID string `json:"id,omitempty"`

	// username is the user name of the credential; domain is needed with it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Username string `json:"username,omitempty"`

	// domain is the domain of the credential; username is needed with it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Domain string `json:"domain,omitempty"`
}

// CustomFieldType is the type of a custom field's value.
// +kubebuilder:validation:Enum=Integer;String;Options
type CustomFieldType string

// Types of custom fields.
const (
	CustomFieldInteger CustomFieldType = "Integer"
	CustomFieldString  CustomFieldType = "String"
	CustomFieldOptions CustomFieldType = "Options"
)

// CustomField is a value for a field that the connection profile at the server defines.
// +kubebuilder:validation:XValidation:rule="self.type != 'Integer' || self.value.matches('^-?[0-9]+$')",message="value must be a whole number with type: Integer"
// +kubebuilder:validation:XValidation:rule="self.type != 'String' || size(self.value) <= 12",message="value must have at most 12 characters with type: String, as the server demands"
type CustomField struct {
	// policyID is the GUID of the access policy that the field belongs to.
	// +required
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$')",message="policyID must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	PolicyID string `json:"policyID,omitempty"`

	// type is Integer, String (at most 12 characters) or Options (one of the values that the server offers).
	// +required
	Type CustomFieldType `json:"type,omitempty"`

	// name is the name of the field.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value is the value, as text.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Value string `json:"value,omitempty"`
}

// Protocol says what the connection Secret holds.
// +kubebuilder:validation:Enum=Auto;RDP;SSH;None
type Protocol string

// What the connection Secret holds.
const (
	// ProtocolAuto chooses by the platform of the resource.
	ProtocolAuto Protocol = "Auto"
	// ProtocolRDP is an RDP file.
	ProtocolRDP Protocol = "RDP"
	// ProtocolSSH is an SSH URL.
	ProtocolSSH Protocol = "SSH"
	// ProtocolNone is no connection data at all.
	ProtocolNone Protocol = "None"
)

// PasswordPolicy says whether the session's password goes into the connection Secret.
// +kubebuilder:validation:Enum=Never;IfAllowed
type PasswordPolicy string

// Whether the session's password goes into the connection Secret.
const (
	// PasswordNever leaves it out.
	PasswordNever PasswordPolicy = "Never"
	// PasswordIfAllowed asks for it, and leaves it out where the server refuses.
	PasswordIfAllowed PasswordPolicy = "IfAllowed"
)

// ConnectionSecret says which Secret receives the connection data. Durations are compared as such and not as text,
// because programs write 60s back as 1m0s.
// +kubebuilder:validation:XValidation:rule="has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)",message="name is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.password) == has(oldSelf.password) && (!has(self.password) || self.password == oldSelf.password)",message="password is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.refreshInterval) == has(oldSelf.refreshInterval) && (!has(self.refreshInterval) || duration(self.refreshInterval) == duration(oldSelf.refreshInterval))",message="refreshInterval is immutable; create a new ActivitySession instead"
type ConnectionSecret struct {
	// name is the name of the Secret, in the same namespace. It is created with the type pam-operator.io/connection when
	// the session becomes active, and deleted when it ends. A Secret of that name that this object does not own is never
	// touched. Left out, it is the name of this object.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="name must be a valid name of a Secret: lower case letters, digits, - and ."
	Name string `json:"name,omitempty"`

	// password is Never, or IfAllowed: the session's password goes into the Secret where the server allows it. Left out,
	// it is Never.
	// +optional
	Password PasswordPolicy `json:"password,omitempty"`

	// refreshInterval is how often the connection data is fetched anew, because the token in an RDP file is short-lived.
	// Left out, it is fetched once, and again whenever the annotation pam-operator.io/refresh-requested-at changes.
	// +optional
	// +nullable
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('10s')",message="refreshInterval must be a duration of at least 10s, such as 45s"
	RefreshInterval *metav1.Duration `json:"refreshInterval,omitempty"`
}

// Workload names a Job or Pod in the same namespace.
// +kubebuilder:validation:XValidation:rule="self.apiVersion == 'batch/v1' && self.kind == 'Job' || self.apiVersion == 'v1' && self.kind == 'Pod'",message="boundTo must be a Job (apiVersion: batch/v1) or a Pod (apiVersion: v1)"
type Workload struct {
	// apiVersion is batch/v1 for a Job, v1 for a Pod.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	APIVersion string `json:"apiVersion,omitempty"`

	// kind is Job or Pod.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// name is the name of the Job or Pod, in the same namespace. It may be created after this object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// ExtensionMode says whether a session is prolonged.
// +kubebuilder:validation:Enum=Never;Automatic
type ExtensionMode string

// Whether a session is prolonged.
const (
	// ExtensionNever lets it end at its time.
	ExtensionNever ExtensionMode = "Never"
	// ExtensionAutomatic prolongs it while its workload runs and the server allows it.
	ExtensionAutomatic ExtensionMode = "Automatic"
)

// Extension says whether a session is prolonged before it ends.
type Extension struct {
	// mode is Never, or Automatic: the session is prolonged before its end as long as the workload of boundTo runs and the
	// server allows it. Left out, it is Never.
	// +optional
	Mode ExtensionMode `json:"mode,omitempty"`
}

// ActivitySessionSpec is a request for one privileged session. It is immutable but for cancel, suspend and duration.
// +kubebuilder:validation:XValidation:rule="has(self.resource) != has(self.credential)",message="exactly one of resource and credential is needed"
// +kubebuilder:validation:XValidation:rule="!has(self.extension) || !has(self.extension.mode) || self.extension.mode != 'Automatic' || has(self.boundTo)",message="extension.mode: Automatic needs boundTo, so that the session ends at all"
// +kubebuilder:validation:XValidation:rule="has(self.duration) == has(oldSelf.duration) && (!has(self.duration) || duration(self.duration) >= duration(oldSelf.duration))",message="duration may only grow, and cannot be added or taken away later; set cancel to end the session sooner"
// +kubebuilder:validation:XValidation:rule="has(self.resource) == has(oldSelf.resource) && has(self.credential) == has(oldSelf.credential)",message="resource and credential are immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.accessPolicyID) == has(oldSelf.accessPolicyID) && (!has(self.accessPolicyID) || self.accessPolicyID == oldSelf.accessPolicyID)",message="accessPolicyID is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.startTime) == has(oldSelf.startTime) && (!has(self.startTime) || self.startTime == oldSelf.startTime)",message="startTime is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.note) == has(oldSelf.note) && (!has(self.note) || self.note == oldSelf.note)",message="note is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.ticket) == has(oldSelf.ticket) && (!has(self.ticket) || self.ticket == oldSelf.ticket)",message="ticket is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.requestedBy) == has(oldSelf.requestedBy) && (!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)",message="requestedBy is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.customFields) == has(oldSelf.customFields) && (!has(self.customFields) || self.customFields == oldSelf.customFields)",message="customFields are immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.protocol) == has(oldSelf.protocol) && (!has(self.protocol) || self.protocol == oldSelf.protocol)",message="protocol is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.connectionSecret) == has(oldSelf.connectionSecret)",message="connectionSecret is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.boundTo) == has(oldSelf.boundTo) && (!has(self.boundTo) || self.boundTo == oldSelf.boundTo)",message="boundTo is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.extension) == has(oldSelf.extension) && (!has(self.extension) || self.extension == oldSelf.extension)",message="extension is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.approvalTimeout) == has(oldSelf.approvalTimeout) && (!has(self.approvalTimeout) || duration(self.approvalTimeout) == duration(oldSelf.approvalTimeout))",message="approvalTimeout is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.startTimeout) == has(oldSelf.startTimeout) && (!has(self.startTimeout) || duration(self.startTimeout) == duration(oldSelf.startTimeout))",message="startTimeout is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.ttlSecondsAfterFinished) == has(oldSelf.ttlSecondsAfterFinished) && (!has(self.ttlSecondsAfterFinished) || self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished)",message="ttlSecondsAfterFinished is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.cancel) && oldSelf.cancel) || has(self.cancel) && self.cancel",message="cancel cannot be taken back; create a new ActivitySession instead"
type ActivitySessionSpec struct {
	// connectionRef names the NPSConnection of the server. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new ActivitySession instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// activity is what is to be done, as the server calls it, by name or id. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="activity is immutable; create a new ActivitySession instead"
	Activity NamedOrID `json:"activity,omitzero"`

	// resource is where it is to be done, by name or id. Exactly one of resource and credential is needed. Immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="resource is immutable; create a new ActivitySession instead"
	Resource *NamedOrID `json:"resource,omitempty"`

	// credential is what it is to be done with, where the server's policy is about credentials. Exactly one of resource
	// and credential is needed. Immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="credential is immutable; create a new ActivitySession instead"
	Credential *CredentialSelector `json:"credential,omitempty"`

	// accessPolicyID is the GUID of the access policy to use where several allow the request. Left out, or empty, the
	// server chooses. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?$')",message="accessPolicyID must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	AccessPolicyID *string `json:"accessPolicyID,omitempty"`

	// startTime is when the session is to begin. Left out, it begins at once. Immutable.
	// +optional
	// +nullable
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// duration is how long the session may last. Left out, it lasts as long as the server's connection profile allows. It
	// may only grow; a larger value prolongs the session where the server allows it.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="duration must be a duration from 1m to 8760h, such as 1h"
	Duration *metav1.Duration `json:"duration,omitempty"`

	// note is text for the people who read the server's records. It stands in quotes behind the request id and who asked.
	// Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Note string `json:"note,omitempty"`

	// ticket is the number of a ticket, where the server demands one. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Ticket string `json:"ticket,omitempty"`

	// requestedBy is the Kubernetes user who asks; it goes into the note. The admission policy that comes with the
	// operator demands that it is the caller. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	RequestedBy string `json:"requestedBy,omitempty"`

	// customFields are values for the fields that the connection profile at the server defines. Immutable.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	CustomFields []CustomField `json:"customFields,omitempty"`

	// protocol is Auto (by the platform of the resource), RDP, SSH, or None (no connection data). Left out, it is Auto.
	// Immutable.
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`

	// connectionSecret says which Secret receives the connection data. Left out, it is one with the name of this object.
	// Immutable.
	// +optional
	ConnectionSecret *ConnectionSecret `json:"connectionSecret,omitempty"`

	// boundTo names a Job or Pod in the same namespace; the session ends when it does. Immutable.
	// +optional
	BoundTo *Workload `json:"boundTo,omitempty"`

	// extension says whether the session is prolonged before it ends. Immutable.
	// +optional
	Extension *Extension `json:"extension,omitempty"`

	// approvalTimeout is how long approvers have before the request is withdrawn. Left out, it is 24h. Immutable.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('8760h')",message="approvalTimeout must be a duration from 1s to 8760h, such as 24h"
	ApprovalTimeout *metav1.Duration `json:"approvalTimeout,omitempty"`

	// startTimeout is how long the server has to start the session once it may start, before it is ended. Left out, it is
	// 5m. Immutable.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="startTimeout must be a duration from 1s to 24h, such as 5m"
	StartTimeout *metav1.Duration `json:"startTimeout,omitempty"`

	// cancel ends the session and keeps this object as a record. It cannot be taken back. Left out, it is false.
	// +optional
	Cancel *bool `json:"cancel,omitempty"`

	// suspend holds the request before anything is sent; it has no effect on a session that was asked for. Left out, it is
	// false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`

	// ttlSecondsAfterFinished deletes this object so many seconds after its session is over. Left out, it stays. Do not
	// use it for objects under GitOps: the tool would create the object, and a session, again. The connection Secret goes
	// at the end of the session in any case. Immutable.
	// +optional
	// +nullable
	// +kubebuilder:validation:Minimum=0
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
}

// ActivitySession asks an NPS server for one privileged session and hands its RDP file or SSH URL to a Secret. It runs
// once, like a Job; deleting it ends the session.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=as,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Session",type=string,JSONPath=`.status.sessionID`,priority=1
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.connectionSecretRef.name`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
type ActivitySession struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the request. It is immutable but for cancel, suspend and duration.
	// +required
	Spec ActivitySessionSpec `json:"spec,omitzero"`

	// status is what is known about the privileged session.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status ActivitySessionStatus `json:"status,omitzero"`
}

// ActivitySessionList is a list of ActivitySession.
//
// +kubebuilder:object:root=true
type ActivitySessionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []ActivitySession `json:"items"`
}

// Connection is the reference to the connection.
func (s *ActivitySession) Connection() ConnectionReference { return s.Spec.ConnectionRef }

// SecretName is the name of the connection Secret.
func (s *ActivitySession) SecretName() string {
	if s.Spec.ConnectionSecret != nil && s.Spec.ConnectionSecret.Name != "" {
		return s.Spec.ConnectionSecret.Name
	}
	return s.Name
}

// Suspended says that nothing is sent for this object.
func (s *ActivitySession) Suspended() bool { return s.Spec.Suspend != nil && *s.Spec.Suspend }

// Cancelled says that somebody wants the session to end.
func (s *ActivitySession) Cancelled() bool { return s.Spec.Cancel != nil && *s.Spec.Cancel }

// GetStatus is the status, for code that treats all kinds alike.
func (s *ActivitySession) GetStatus() ObjectStatus { return &s.Status }
