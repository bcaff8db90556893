// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NamedOrID identifies an object at the server by name or by ID. Set exactly one of them.
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.id)",message="exactly one of name and id must be set"
type NamedOrID struct {
	// name is the name at the server. For a host, use the DNS host name or address under which it is registered there, not
	// its display name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// id is the GUID at the server.
	// +optional
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$')",message="id must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	ID string `json:"id,omitempty"`
}

// CredentialSelector identifies a credential at the server, for activities that are allowed on credentials. Set name,
// or id, or username with domain.
// +kubebuilder:validation:XValidation:rule="[has(self.name), has(self.id), has(self.username)].filter(x, x).size() == 1",message="exactly one of name, id, and username with domain must be set"
// +kubebuilder:validation:XValidation:rule="has(self.username) == has(self.domain)",message="username and domain must be set together"
type CredentialSelector struct {
	// name is the name of the credential.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// id is the GUID of the credential.
	// +optional
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$')",message="id must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	ID string `json:"id,omitempty"`

	// username is the user name of the credential. Requires domain.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Username string `json:"username,omitempty"`

	// domain is the domain of the credential. Requires username.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Domain string `json:"domain,omitempty"`
}

// CustomFieldType is the type of a custom field's value.
// +kubebuilder:validation:Enum=Integer;String;Options
type CustomFieldType string

// Custom field types.
const (
	CustomFieldInteger CustomFieldType = "Integer"
	CustomFieldString  CustomFieldType = "String"
	CustomFieldOptions CustomFieldType = "Options"
)

// CustomField is a value for a field that the server's connection profile defines.
// +kubebuilder:validation:XValidation:rule="self.type != 'Integer' || self.value.matches('^-?[0-9]+$')",message="value must be an integer with type: Integer"
// +kubebuilder:validation:XValidation:rule="self.type != 'String' || size(self.value) <= 12",message="value must have at most 12 characters with type: String, which is the limit of the server"
type CustomField struct {
	// policyID is the GUID of the access policy to which the field belongs.
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
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// value is the value, as text.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Value string `json:"value,omitempty"`
}

// Protocol is the kind of data in the connection Secret.
// +kubebuilder:validation:Enum=Auto;RDP;SSH;None
type Protocol string

// Kinds of data in the connection Secret.
const (
	// ProtocolAuto follows the platform of the resource.
	ProtocolAuto Protocol = "Auto"
	// ProtocolRDP is an RDP file.
	ProtocolRDP Protocol = "RDP"
	// ProtocolSSH is an SSH URL.
	ProtocolSSH Protocol = "SSH"
	// ProtocolNone is no connection data.
	ProtocolNone Protocol = "None"
)

// PasswordPolicy decides whether the connection Secret includes the session's password.
// +kubebuilder:validation:Enum=Never;IfAllowed
type PasswordPolicy string

// Whether the connection Secret includes the session's password.
const (
	// PasswordNever omits it.
	PasswordNever PasswordPolicy = "Never"
	// PasswordIfAllowed requests it, and omits it if the server refuses.
	PasswordIfAllowed PasswordPolicy = "IfAllowed"
)

// ConnectionSecret describes the Secret that receives the connection data. Immutable. Durations are compared by value,
// because clients may write 60s back as 1m0s.
// +kubebuilder:validation:XValidation:rule="has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)",message="name is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.password) == has(oldSelf.password) && (!has(self.password) || self.password == oldSelf.password)",message="password is immutable; create a new ActivitySession instead"
// +kubebuilder:validation:XValidation:rule="has(self.refreshInterval) == has(oldSelf.refreshInterval) && (!has(self.refreshInterval) || duration(self.refreshInterval) == duration(oldSelf.refreshInterval))",message="refreshInterval is immutable; create a new ActivitySession instead"
type ConnectionSecret struct {
	// name is the name of the Secret, in the same namespace. The Secret is created with type pam-operator.io/connection
	// when the session becomes active, and deleted when the session ends. An existing Secret that this object does not own
	// is never touched. Defaults to the name of this object. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="name must be a valid Secret name: lower-case letters, digits, - and ."
	Name string `json:"name,omitempty"`

	// password is Never, or IfAllowed: include the session's password in the Secret if the server allows it. Defaults to
	// Never. Immutable.
	// +optional
	Password PasswordPolicy `json:"password,omitempty"`

	// refreshInterval is how often the connection data is fetched again, because the token in an RDP file is short-lived.
	// At least 10s. If omitted, the data is fetched once, and again whenever the annotation
	// pam-operator.io/refresh-requested-at changes. Immutable.
	// +optional
	// +nullable
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('10s')",message="refreshInterval must be a duration of at least 10s, such as 45s"
	RefreshInterval *metav1.Duration `json:"refreshInterval,omitempty"`
}

// Workload identifies a Job or Pod in the same namespace.
// +kubebuilder:validation:XValidation:rule="self.apiVersion == 'batch/v1' && self.kind == 'Job' || self.apiVersion == 'v1' && self.kind == 'Pod'",message="boundTo must be a Job (apiVersion: batch/v1) or a Pod (apiVersion: v1)"
type Workload struct {
	// apiVersion is batch/v1 for a Job, v1 for a Pod.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	APIVersion string `json:"apiVersion,omitempty"`

	// kind is Job or Pod.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Kind string `json:"kind,omitempty"`

	// name is the name of the Job or Pod, in the same namespace. The workload may be created after this object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`
}

// ExtensionMode decides whether a session is extended.
// +kubebuilder:validation:Enum=Never;Automatic
type ExtensionMode string

// Whether a session is extended.
const (
	// ExtensionNever lets the session end at its expiry.
	ExtensionNever ExtensionMode = "Never"
	// ExtensionAutomatic extends the session while its workload runs and the server allows it.
	ExtensionAutomatic ExtensionMode = "Automatic"
)

// Extension decides whether a session is extended before it expires.
type Extension struct {
	// mode is Never, or Automatic: extend the session before it expires for as long as the workload in boundTo runs and
	// the server allows it. Defaults to Never.
	// +optional
	Mode ExtensionMode `json:"mode,omitempty"`
}

// SessionDeletionPolicy is what happens to the session at the server when the Kubernetes object is deleted.
// +kubebuilder:validation:Enum=End;Keep
type SessionDeletionPolicy string

// What happens to the session at the server when the Kubernetes object is deleted.
const (
	// SessionDeletionPolicyEnd ends the session, and keeps the object until the session is over.
	SessionDeletionPolicyEnd SessionDeletionPolicy = "End"
	// SessionDeletionPolicyKeep lets the object go at once, and leaves the session to itself.
	SessionDeletionPolicyKeep SessionDeletionPolicy = "Keep"
)
