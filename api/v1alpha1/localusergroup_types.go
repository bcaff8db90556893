// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Membership says what happens to members that the spec does not name.
// +kubebuilder:validation:Enum=Exact;Additive
type Membership string

// What happens to members that the spec does not name.
const (
	// MembershipExact removes them.
	MembershipExact Membership = "Exact"
	// MembershipAdditive leaves them.
	MembershipAdditive Membership = "Additive"
)

// GroupMember is one member of a group.
// +kubebuilder:validation:XValidation:rule="has(self.user) != has(self.userRef)",message="exactly one of user and userRef is needed"
type GroupMember struct {
	// user is the name of a user that the appliance has.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	User string `json:"user,omitempty"`

	// userRef names a LocalUser in the same namespace; the group waits until it is ready.
	// +optional
	UserRef *LocalReference `json:"userRef,omitempty"`
}

// LocalUserGroupSpec is a group of the appliance's own database.
// +kubebuilder:validation:XValidation:rule="has(self.groupName) == has(oldSelf.groupName)",message="groupName is immutable, because policies refer to groups by name; create a new LocalUserGroup instead"
type LocalUserGroupSpec struct {
	// connectionRef names the SPSConnection of the appliance. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// groupName is the name of the group on the appliance. Left out, it is metadata.name. Immutable, because policies
	// refer to groups by name. Groups that the appliance brings along cannot be managed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="groupName is immutable, because policies refer to groups by name; create a new LocalUserGroup instead"
	GroupName string `json:"groupName,omitempty"`

	// membership says what happens to members that members does not name: Exact removes them, Additive leaves them. Left
	// out, it is Exact.
	// +optional
	Membership Membership `json:"membership,omitempty"`

	// members are the users in the group. Left out, the members are not managed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Members []GroupMember `json:"members,omitzero"`

	Stewardship `json:",inline"`
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

// LocalUserGroup is a group of the local database of an SPS appliance and its members.
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

	// spec is the group as it should be.
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

// NameOnAppliance is the name of the group on the appliance.
func (g *LocalUserGroup) NameOnAppliance() string {
	if g.Spec.GroupName != "" {
		return g.Spec.GroupName
	}
	return g.Name
}

// Connection is the reference to the connection.
func (g *LocalUserGroup) Connection() ConnectionReference { return g.Spec.ConnectionRef }

// Steward is how the group is managed.
func (g *LocalUserGroup) Steward() Stewardship { return g.Spec.Stewardship }

// PolicyStatus is the part of the status that all kept-equal kinds have.
func (g *LocalUserGroup) PolicyStatus() *PolicyStatus { return &g.Status.PolicyStatus }

// GetStatus is the status, for code that treats all kinds alike.
func (g *LocalUserGroup) GetStatus() ObjectStatus { return &g.Status }
