// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LocalUserSpec is a user in the appliance's local database.
// +kubebuilder:validation:XValidation:rule="has(self.userName) == has(oldSelf.userName)",message="userName is immutable; create a new LocalUser instead"
type LocalUserSpec struct {
	// connectionRef names the appliance's SPSConnection. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// userName is the name of the user on the appliance. Defaults to metadata.name. Immutable. The built-in user admin
	// cannot be managed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="userName is immutable; create a new LocalUser instead"
	// +kubebuilder:validation:XValidation:rule="self != 'admin'",message="userName must not be admin: the built-in user belongs to the appliance's owner"
	UserName string `json:"userName,omitempty"`

	// passwordSecretRef names the Secret key, in the same namespace, that holds the password. A new value there sets a new
	// password on the appliance. If omitted, the password is not managed, and the user must already exist.
	// +optional
	PasswordSecretRef *SecretKeyReference `json:"passwordSecretRef,omitempty"`

	ManagementPolicies `json:",inline"`
}

// LocalUserStatus is what is known about the user on the appliance.
type LocalUserStatus struct {
	PolicyStatus `json:",inline"`

	// passwordCreatedAt is when the password was last changed, as reported by the appliance.
	// +optional
	PasswordCreatedAt *metav1.Time `json:"passwordCreatedAt,omitempty"`

	// passwordSetAt is the value of passwordCreatedAt after the password was last set from the Secret. If the two differ,
	// another client has changed the password on the appliance.
	// +optional
	PasswordSetAt *metav1.Time `json:"passwordSetAt,omitempty"`

	// passwordVersion identifies the Secret content that the password was last set from, without revealing it. It changes
	// when a new password is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	PasswordVersion string `json:"passwordVersion,omitempty"`
}

// LocalUser is a user in the local database of an SPS appliance, with a password from a Secret.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lu,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.status.key`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connectionRef.name`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
// +kubebuilder:validation:XValidation:rule="has(self.spec.userName) || self.metadata.name != 'admin'",message="metadata.name must not be admin without spec.userName: the built-in user belongs to the appliance's owner"
type LocalUser struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the desired state of the user.
	// +required
	Spec LocalUserSpec `json:"spec,omitzero"`

	// status is what is known about the user on the appliance.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status LocalUserStatus `json:"status,omitzero"`
}

// LocalUserList is a list of LocalUser.
//
// +kubebuilder:object:root=true
type LocalUserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []LocalUser `json:"items"`
}

// NameOnAppliance returns the name of the user on the appliance.
func (u *LocalUser) NameOnAppliance() string {
	if u.Spec.UserName != "" {
		return u.Spec.UserName
	}
	return u.Name
}

// Connection returns the reference to the connection.
func (u *LocalUser) Connection() ConnectionReference { return u.Spec.ConnectionRef }

// ManagementPolicies returns how the user is managed.
func (u *LocalUser) ManagementPolicies() *ManagementPolicies { return &u.Spec.ManagementPolicies }

// PolicyStatus returns the part of the status that all policy kinds share.
func (u *LocalUser) PolicyStatus() *PolicyStatus { return &u.Status.PolicyStatus }

// GetStatus returns the status, for code that handles every kind.
func (u *LocalUser) GetStatus() ObjectStatus { return &u.Status }
