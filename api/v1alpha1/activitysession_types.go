// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ActivitySessionSpec is a request for one privileged session. It is immutable except for cancel, suspend, duration and
// deletionPolicy.
// +kubebuilder:validation:XValidation:rule="has(self.resource) != has(self.credential)",message="exactly one of resource and credential must be set"
// +kubebuilder:validation:XValidation:rule="!has(self.extension) || !has(self.extension.mode) || self.extension.mode != 'Automatic' || has(self.boundTo)",message="extension.mode: Automatic requires boundTo, or the session might never end"
// +kubebuilder:validation:XValidation:rule="has(self.duration) == has(oldSelf.duration) && (!has(self.duration) || duration(self.duration) >= duration(oldSelf.duration))",message="duration can only be increased, and cannot be added or removed later; set cancel to end the session sooner"
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
// +kubebuilder:validation:XValidation:rule="!has(self.ttlSecondsAfterFinished) || has(oldSelf.ttlSecondsAfterFinished) && self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished",message="ttlSecondsAfterFinished can only be removed; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.cancel) && oldSelf.cancel) || has(self.cancel) && self.cancel",message="cancel cannot be undone; create a new ActivitySession instead"
type ActivitySessionSpec struct {
	// connectionRef names the server's NPSConnection. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new ActivitySession instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// activity is the activity to run, by its name or ID at the server. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="activity is immutable; create a new ActivitySession instead"
	Activity NamedOrID `json:"activity,omitzero"`

	// resource is where the activity runs, by name or ID. Exactly one of resource and credential must be set. Immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="resource is immutable; create a new ActivitySession instead"
	Resource *NamedOrID `json:"resource,omitempty"`

	// credential is the credential to use, for access policies that grant credentials. Exactly one of resource and
	// credential must be set. Immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="credential is immutable; create a new ActivitySession instead"
	Credential *CredentialSelector `json:"credential,omitempty"`

	// accessPolicyID is the GUID of the access policy to use if several allow the request. If omitted or empty, the server
	// chooses. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?$')",message="accessPolicyID must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	AccessPolicyID *string `json:"accessPolicyID,omitempty"`

	// startTime is when the session should start. If omitted, it starts at once. Immutable.
	// +optional
	// +nullable
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// duration is how long the session may last, from 1m to 8760h. If omitted, the server's connection profile decides. It
	// can only be increased, which extends the session if the server allows it; it cannot be added or removed later.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="duration must be a duration from 1m to 8760h, such as 1h"
	Duration *metav1.Duration `json:"duration,omitempty"`

	// note is free text for the server's records. It is quoted there after the request ID and the requester. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[\t\n\r -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Note string `json:"note,omitempty"`

	// ticket is a ticket number, for servers that require one. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Ticket string `json:"ticket,omitempty"`

	// requestedBy is the Kubernetes user who makes the request; it becomes part of the note. The admission policy shipped
	// with the operator requires it to be the caller. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	RequestedBy string `json:"requestedBy,omitempty"`

	// customFields are values for the fields that the server's connection profile defines. Immutable.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	CustomFields []CustomField `json:"customFields,omitempty"`

	// protocol is Auto (follow the platform of the resource), RDP, SSH, or None (no connection data). Defaults to Auto.
	// Immutable.
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`

	// connectionSecret describes the Secret that receives the connection data. Defaults to a Secret with the name of this
	// object. Immutable.
	// +optional
	ConnectionSecret *ConnectionSecret `json:"connectionSecret,omitempty"`

	// boundTo names a Job or Pod in the same namespace; the session ends when the workload does. Immutable.
	// +optional
	BoundTo *Workload `json:"boundTo,omitempty"`

	// extension decides whether the session is extended before it expires. Immutable.
	// +optional
	Extension *Extension `json:"extension,omitempty"`

	// approvalTimeout is how long to wait for approval before the request is withdrawn, from 1s to 8760h. Defaults to 24h.
	// Immutable.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('8760h')",message="approvalTimeout must be a duration from 1s to 8760h, such as 24h"
	ApprovalTimeout *metav1.Duration `json:"approvalTimeout,omitempty"`

	// startTimeout is how long the server has to start the session, counted from when it may start; after that the session
	// is ended. From 1s to 24h. Defaults to 5m. Immutable.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="startTimeout must be a duration from 1s to 24h, such as 5m"
	StartTimeout *metav1.Duration `json:"startTimeout,omitempty"`

	// cancel ends the session and keeps this object as a record. It cannot be undone. Defaults to false.
	// +optional
	Cancel *bool `json:"cancel,omitempty"`

	// suspend holds the request back before anything is sent; it has no effect once the session was requested. Defaults to
	// false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`

	// runID tells one run of this request from another, for objects that a GitOps tool creates again whenever they are
	// gone: such an object gets one session for each value, and is held back if it is created again with the same name,
	// spec and runID. Change it, to the date for instance, to request another session. The value is not sent. Immutable
	// once the session was requested.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	RunID string `json:"runID,omitempty"`

	// deletionPolicy is what happens to a live session when this object is deleted: End ends it, and the object stays
	// until the session is over. Keep lets the object go at once and leaves the session at the server to its end: it is
	// no longer followed, extended, ended with its workload, or counted as live. Its connection Secret is deleted in any
	// case. Keep needs a grant with keep: true, without which the session is ended; with the admission policy shipped
	// with the operator, it also needs the verb keep on the connection. Defaults to End. Can be changed at any time, even
	// during deletion.
	// +optional
	DeletionPolicy SessionDeletionPolicy `json:"deletionPolicy,omitempty"`

	// ttlSecondsAfterFinished is how many seconds after the end of its session this object is deleted. If omitted, it is
	// kept. It is refused on objects that a GitOps tool owns, which would create the object again. The connection Secret
	// is deleted at the end of the session in any case. Immutable, except that it can be removed.
	// +optional
	// +nullable
	// +kubebuilder:validation:Minimum=0
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
}

// ActivitySession requests one privileged session from an NPS server and stores its RDP file or SSH URL in a Secret. It
// runs once, like a Job; deleting it ends the session, unless deletionPolicy is Keep.
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
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.requestID) || has(self.spec.runID) == has(oldSelf.spec.runID) && (!has(self.spec.runID) || self.spec.runID == oldSelf.spec.runID)",message="spec.runID is immutable once the session was requested; delete this ActivitySession, and create it with the new runID"
type ActivitySession struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the request. It is immutable except for cancel, suspend, duration and deletionPolicy.
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

// Connection returns the reference to the connection.
func (s *ActivitySession) Connection() ConnectionReference { return s.Spec.ConnectionRef }

// SecretName returns the name of the connection Secret.
func (s *ActivitySession) SecretName() string {
	if s.Spec.ConnectionSecret != nil && s.Spec.ConnectionSecret.Name != "" {
		return s.Spec.ConnectionSecret.Name
	}
	return s.Name
}

// Suspended reports whether the request is held back.
func (s *ActivitySession) Suspended() bool { return s.Spec.Suspend != nil && *s.Spec.Suspend }

// Keeps reports whether a live session outlives this object. One that is to be ended anyway does not.
func (s *ActivitySession) Keeps() bool {
	return s.Spec.DeletionPolicy == SessionDeletionPolicyKeep && !s.Cancelled()
}

// Cancelled reports whether the session should end.
func (s *ActivitySession) Cancelled() bool { return s.Spec.Cancel != nil && *s.Spec.Cancel }

// GetStatus returns the status, for code that handles every kind.
func (s *ActivitySession) GetStatus() ObjectStatus { return &s.Status }
