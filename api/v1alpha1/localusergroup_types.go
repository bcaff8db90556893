// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Membership is what happens to members that the spec does not list.
// +kubebuilder:validation:Enum=Exact;Additive
type Membership string

// What happens to members that the spec does not list.
const (
	// MembershipExact removes them.
	MembershipExact Membership = "Exact"
	// MembershipAdditive keeps them.
	MembershipAdditive Membership = "Additive"
)

// GroupMember is one member of a group. Set exactly one of user and userRef.
// +kubebuilder:validation:XValidation:rule="has(self.user) != has(self.userRef)",message="exactly one of user and userRef must be set"
type GroupMember struct {
	// user is the name of a user that exists on the appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	User string `json:"user,omitempty"`

	// userRef names a LocalUser in the same namespace; the group waits until the user is ready.
	// +optional
	UserRef *LocalReference `json:"userRef,omitempty"`
}

// LocalUserGroupSpec is a group in the appliance's local database.
// +kubebuilder:validation:XValidation:rule="has(self.groupName) == has(oldSelf.groupName)",message="groupName is immutable, because policies refer to groups by name; create a new LocalUserGroup instead"
type LocalUserGroupSpec struct {
	// connectionRef names the appliance's SPSConnection. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// groupName is the name of the group on the appliance. Defaults to metadata.name. Immutable, because policies refer to
	// groups by name. The appliance's built-in groups cannot be managed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="groupName is immutable, because policies refer to groups by name; create a new LocalUserGroup instead"
	GroupName string `json:"groupName,omitempty"`

	// membership is what happens to members that the field members does not list: Exact removes them, Additive keeps them.
	// Defaults to Exact.
	// +optional
	Membership Membership `json:"membership,omitempty"`

	// members are the users in the group; at most 1000. If omitted, the members are not managed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Members []GroupMember `json:"members,omitzero"`

	ManagementPolicies `json:",inline"`
}

// LocalUserGroupStatus is what is known about the group on the appliance.
type LocalUserGroupStatus struct {
	PolicyStatus `json:",inline"`

	// members are the names of the users in the group on the appliance; at most 1000 are listed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Members []string `json:"members,omitempty"`
}

// LocalUserGroup is a group in the local database of an SPS appliance, and its members.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lug,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.status.key`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connectionRef.name`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
type LocalUserGroup struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the desired state of the group.
	// +required
	Spec LocalUserGroupSpec `json:"spec,omitzero"`

	// status is what is known about the group on the appliance.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status LocalUserGroupStatus `json:"status,omitzero"`
}

// LocalUserGroupList is a list of LocalUserGroup.
//
// +kubebuilder:object:root=true
type LocalUserGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []LocalUserGroup `json:"items"`
}

// NameOnAppliance returns the name of the group on the appliance.
func (g *LocalUserGroup) NameOnAppliance() string {
	if g.Spec.GroupName != "" {
		return g.Spec.GroupName
	}
	return g.Name
}

// Connection returns the reference to the connection.
func (g *LocalUserGroup) Connection() ConnectionReference { return g.Spec.ConnectionRef }

// ManagementPolicies returns how the group is managed.
func (g *LocalUserGroup) ManagementPolicies() *ManagementPolicies { return &g.Spec.ManagementPolicies }

// PolicyStatus returns the part of the status that all policy kinds share.
func (g *LocalUserGroup) PolicyStatus() *PolicyStatus { return &g.Status.PolicyStatus }

// GetStatus returns the status, for code that handles every kind.
func (g *LocalUserGroup) GetStatus() ObjectStatus { return &g.Status }
