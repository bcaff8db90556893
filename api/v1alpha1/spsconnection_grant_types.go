// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SessionGrant selects the live sessions that a SessionTermination may close.
// +kubebuilder:validation:Enum=PolicyRef;Any;None
type SessionGrant string

// Which live sessions a SessionTermination may close.
const (
	// SessionGrantPolicyRef allows the sessions of policies that objects in the same namespace manage.
	SessionGrantPolicyRef SessionGrant = "PolicyRef"
	// SessionGrantAny allows every session, by ID.
	SessionGrantAny SessionGrant = "Any"
	// SessionGrantNone allows none.
	SessionGrantNone SessionGrant = "None"
)

// SPSGrant is one set of objects that namespaces may manage on an appliance. An object needs a single grant that allows
// all of it.
// +kubebuilder:validation:XValidation:rule="has(self.namespaces) != has(self.namespaceSelector)",message="exactly one of namespaces and namespaceSelector must be set"
type SPSGrant struct {
	// namespaces are the names of the namespaces that this grant applies to; at most 256. Exactly one of namespaces and
	// namespaceSelector must be set.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceSelector selects the namespaces that this grant applies to by label.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// kinds are the kinds of objects that may be managed: RDPConnectionPolicy, LocalUser, LocalUserGroup. If omitted, all
	// of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Kinds []PolicyKind `json:"kinds,omitempty"`

	// names are globs (* and ?) for the names that the objects may have on the appliance, case-sensitive; at most 256. If
	// omitted, any name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Names []string `json:"names,omitempty"`

	// adoption is the most permissive adoptionPolicy that an object may have; from least to most: Never, IfIdentical,
	// Always. Defaults to IfIdentical.
	// +optional
	Adoption AdoptionPolicy `json:"adoption,omitempty"`

	// deletion allows the deletion of an object to delete it on the appliance as well. If false, it stays on the appliance
	// and is recorded as a leftover. Defaults to true.
	// +optional
	Deletion *bool `json:"deletion,omitempty"`

	// sessions selects the live sessions that a SessionTermination may close: PolicyRef (those of a policy that an
	// RDPConnectionPolicy in the same namespace manages, if names allows it), Any, or None. Defaults to PolicyRef.
	// +optional
	Sessions SessionGrant `json:"sessions,omitempty"`
}
