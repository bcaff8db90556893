// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConnectionReference names the connection that an object goes through.
type ConnectionReference struct {
	// name is the name of the connection object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// namespace is the namespace of the connection object. Left out, it is the namespace of the object that refers.
	// A connection in another namespace must allow this one in its allowedNamespaces.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// SecretReference names a Secret in the namespace of the object that refers; no reference crosses a namespace.
type SecretReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// SecretKeyReference names one key of a Secret in the namespace of the object that refers.
type SecretKeyReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key is the key within the Secret whose value is used.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// LocalReference names an object of this API in the same namespace.
type LocalReference struct {
	// name is the name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// CABundleKind is the kind of object that holds a CA bundle.
// +kubebuilder:validation:Enum=ConfigMap;Secret
type CABundleKind string

// Where a CA bundle may be.
const (
	// CABundleConfigMap reads the bundle from a ConfigMap.
	CABundleConfigMap CABundleKind = "ConfigMap"
	// CABundleSecret reads the bundle from a Secret.
	CABundleSecret CABundleKind = "Secret"
)

// CABundleReference names the PEM certificates that a server's certificate is checked against.
type CABundleReference struct {
	// kind is the kind of the object that holds the bundle: ConfigMap or Secret.
	// +required
	Kind CABundleKind `json:"kind,omitempty"`

	// name is the name of that object, in the namespace of the connection.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key is the key within it whose value is one or more PEM certificates. Left out, it is ca.crt.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// TLSSettings say how a server's certificate is verified.
// +kubebuilder:validation:XValidation:rule="!(has(self.insecureSkipVerify) && self.insecureSkipVerify) || !has(self.caBundleRef)",message="caBundleRef has no effect with insecureSkipVerify: true; remove one of them"
// +kubebuilder:validation:MinProperties=1
type TLSSettings struct {
	// caBundleRef names the CA certificates to trust instead of the system's. It is read again whenever the object
	// it names changes. Left out, the system's trust store decides.
	// +optional
	CABundleRef *CABundleReference `json:"caBundleRef,omitempty"`

	// serverName is the name that the server's certificate must carry, if it differs from the host in url.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ServerName string `json:"serverName,omitempty"`

	// insecureSkipVerify switches the verification of the server's certificate off. Anybody on the network path can
	// then read the credentials; the connection shows it as the condition InsecureTLS and as a metric. Left out, it is
	// false.
	// +optional
	InsecureSkipVerify *bool `json:"insecureSkipVerify,omitempty"`
}

// NamespacesFrom says which namespaces may use a connection.
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

// Which namespaces may use a connection.
const (
	// NamespacesFromSame allows the connection's own namespace.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromAll allows every namespace.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector allows the namespaces whose labels match.
	NamespacesFromSelector NamespacesFrom = "Selector"
)

// AllowedNamespaces says which namespaces may refer to a connection.
// +kubebuilder:validation:XValidation:rule="(has(self.from) && self.from == 'Selector') == has(self.selector)",message="selector is needed with from: Selector, and only then"
type AllowedNamespaces struct {
	// from is Same (the connection's own namespace), All, or Selector. Left out, it is Same.
	// +optional
	From NamespacesFrom `json:"from,omitempty"`

	// selector selects namespaces by their labels. Needed with from: Selector, and only then.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// ManagementPolicy says what the operator does with a difference.
// +kubebuilder:validation:Enum=Manage;Observe
type ManagementPolicy string

// What the operator does with a difference.
const (
	// ManagementPolicyManage makes the appliance equal to the spec.
	ManagementPolicyManage ManagementPolicy = "Manage"
	// ManagementPolicyObserve reports differences and never writes.
	ManagementPolicyObserve ManagementPolicy = "Observe"
)

// AdoptionPolicy says what happens when the appliance has an object of the same name already.
// +kubebuilder:validation:Enum=Never;IfIdentical;Always
type AdoptionPolicy string

// What happens when the name exists already.
const (
	// AdoptionPolicyNever leaves it alone and reports AdoptionRefused.
	AdoptionPolicyNever AdoptionPolicy = "Never"
	// AdoptionPolicyIfIdentical takes it over if every managed field is equal already.
	AdoptionPolicyIfIdentical AdoptionPolicy = "IfIdentical"
	// AdoptionPolicyAlways takes it over and changes it to what the spec says.
	AdoptionPolicyAlways AdoptionPolicy = "Always"
)

// DeletionPolicy says what happens on the appliance when the Kubernetes object is deleted.
// +kubebuilder:validation:Enum=Delete;Orphan
type DeletionPolicy string

// What happens on the appliance when the Kubernetes object is deleted.
const (
	// DeletionPolicyDelete deletes the object on the appliance, too.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyOrphan leaves it there as it is.
	DeletionPolicyOrphan DeletionPolicy = "Orphan"
)

// Stewardship is what every kind that is kept equal to an appliance has in its spec.
type Stewardship struct {
	// managementPolicy is Manage (keep the appliance equal to this spec) or Observe (report differences in
	// status.drift, never write). Left out, it is Manage. May be changed at any time.
	// +optional
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`

	// adoptionPolicy says what to do when an object of that name exists on the appliance already: Never touches it,
	// IfIdentical takes it over if all managed fields are equal, Always takes it over and changes it. Left out, it is
	// IfIdentical.
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// deletionPolicy says what happens on the appliance when this object is deleted: Delete removes it there, Orphan
	// leaves it as it is. Left out, it is Delete. May be changed at any time, also while the object is being deleted.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// suspend stops all writes to the appliance for this object; differences are still reported. Deletion goes on with
	// deletionPolicy Orphan, and waits with Delete. Left out, it is false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// Observes says that differences are reported and not repaired.
func (s Stewardship) Observes() bool { return s.ManagementPolicy == ManagementPolicyObserve }

// Adoption is the adoption policy with its default.
func (s Stewardship) Adoption() AdoptionPolicy {
	if s.AdoptionPolicy == "" {
		return AdoptionPolicyIfIdentical
	}
	return s.AdoptionPolicy
}

// Orphans says that the object stays on the appliance when the Kubernetes object is deleted.
func (s Stewardship) Orphans() bool { return s.DeletionPolicy == DeletionPolicyOrphan }

// Suspended says that nothing is written for this object.
func (s Stewardship) Suspended() bool { return s.Suspend != nil && *s.Suspend }

// DriftedField is one difference between the spec and the appliance.
type DriftedField struct {
	// path is the field of the spec that differs, without "spec.".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Path string `json:"path,omitempty"`

	// desired is what the spec asks for, as JSON; shortened if it is long. It is never a secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Desired string `json:"desired,omitempty"`

	// actual is what the appliance has, as JSON; shortened if it is long. It is never a secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Actual string `json:"actual,omitempty"`
}

// PendingCreation is a creation whose outcome is not known yet.
type PendingCreation struct {
	// name is the name under which the object is created.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// appliance is the canonical address of the appliance on which it is created.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Appliance string `json:"appliance,omitempty"`

	// afterKey is the key that the object had before, if it had one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	AfterKey string `json:"afterKey,omitempty"`
}

// Origin is how an object came to manage what it stands for.
// +kubebuilder:validation:Enum=Created;Adopted
type Origin string

// How an object came to manage what it stands for.
const (
	// OriginCreated says that it was created on the appliance for the object.
	OriginCreated Origin = "Created"
	// OriginAdopted says that it was there already, and adoptionPolicy allowed taking it over.
	OriginAdopted Origin = "Adopted"
)

// PolicyStatus is what every kind that is kept equal to an appliance has in its status.
type PolicyStatus struct {
	// conditions holds Ready always, and Reconciling, Stalled and DriftDetected only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status speaks of; -1 before the first look.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// key is the appliance's own id of the object. It is never written by people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`

	// appliance is where the object was last written or found: the canonical address of the appliance. Deletion uses it
	// to tell an appliance that was replaced from the one that holds the object.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Appliance string `json:"appliance,omitempty"`

	// origin says how the object came to manage what has this key: Created or Adopted. Left out, it does not manage it: it
	// only observes, or was refused.
	// +optional
	Origin Origin `json:"origin,omitempty"`

	// pendingCreation is written before the object is created on the appliance and is gone when its key is known. While it
	// is there, what the appliance has under this name may be ours although its answer was lost.
	// +optional
	PendingCreation *PendingCreation `json:"pendingCreation,omitempty"`

	// drift lists differences between spec and appliance that have not been repaired; at most 20, and never a secret.
	// +optional
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MaxItems=20
	Drift []DriftedField `json:"drift,omitempty"`

	// repairs is when the object was written again because the appliance had come to differ from it, the latest time last;
	// at most 6, of the last hour and of this spec. Once there are 6, the object is not written for the rest of that hour:
	// somebody else writes against it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Repairs []metav1.Time `json:"repairs,omitempty"`
}

// ObjectConditions are the conditions, for code that treats all kinds alike.
func (s *PolicyStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status speaks of.
func (s *PolicyStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// ObjectStatus is what the status of every kind has in common.
// +kubebuilder:object:generate=false
type ObjectStatus interface {
	// ObjectConditions are the conditions.
	ObjectConditions() *[]metav1.Condition
	// Observed sets the generation that the status speaks of.
	Observed(generation int64)
}
