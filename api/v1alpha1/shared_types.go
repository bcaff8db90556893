// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConnectionReference names the connection that an object uses.
type ConnectionReference struct {
	// name is the name of the connection object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// namespace is the namespace of the connection object. Defaults to the namespace of the referring object. A connection
	// in another namespace must allow the referring namespace in its allowedNamespaces.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Namespace string `json:"namespace,omitempty"`
}

// SecretReference names a Secret in the namespace of the referring object; no reference crosses namespaces.
type SecretReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`
}

// SecretKeyReference names one key of a Secret in the namespace of the referring object.
type SecretKeyReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// key is the key within the Secret that holds the value.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Key string `json:"key,omitempty"`
}

// LocalReference names an object of this API in the same namespace.
type LocalReference struct {
	// name is the name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`
}

// CABundleKind is the kind of object that holds a CA bundle.
// +kubebuilder:validation:Enum=ConfigMap;Secret
type CABundleKind string

// Kinds of objects that can hold a CA bundle.
const (
	// CABundleConfigMap reads the bundle from a ConfigMap.
	CABundleConfigMap CABundleKind = "ConfigMap"
	// CABundleSecret reads the bundle from a Secret.
	CABundleSecret CABundleKind = "Secret"
)

// CABundleReference names the PEM certificates that a server's certificate is verified against.
type CABundleReference struct {
	// kind is the kind of the object that holds the bundle: ConfigMap or Secret.
	// +required
	Kind CABundleKind `json:"kind,omitempty"`

	// name is the name of that object, in the namespace of the connection.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// key is the key within that object that holds one or more PEM certificates. Defaults to ca.crt.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Key string `json:"key,omitempty"`
}

// TLSSettings define how a server's certificate is verified.
// +kubebuilder:validation:XValidation:rule="!(has(self.insecureSkipVerify) && self.insecureSkipVerify) || !has(self.caBundleRef)",message="caBundleRef has no effect with insecureSkipVerify: true; remove one of them"
// +kubebuilder:validation:MinProperties=1
type TLSSettings struct {
	// caBundleRef names the CA certificates to trust instead of the system's. They are read again whenever that object
	// changes. If omitted, the system's trust store is used.
	// +optional
	CABundleRef *CABundleReference `json:"caBundleRef,omitempty"`

	// serverName is the name that the server's certificate must be valid for. Defaults to the host in url.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	ServerName string `json:"serverName,omitempty"`

	// insecureSkipVerify turns off verification of the server's certificate. Anyone on the network path can then read the
	// credentials; the connection shows it in the condition InsecureTLS and in a metric. Defaults to false.
	// +optional
	InsecureSkipVerify *bool `json:"insecureSkipVerify,omitempty"`
}

// NamespacesFrom selects the namespaces that may use a connection.
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

// AllowedNamespaces selects the namespaces that may refer to a connection.
// +kubebuilder:validation:XValidation:rule="(has(self.from) && self.from == 'Selector') == has(self.selector)",message="selector is required with from: Selector, and forbidden otherwise"
type AllowedNamespaces struct {
	// from is Same (the connection's own namespace), All, or Selector. Defaults to Same.
	// +optional
	From NamespacesFrom `json:"from,omitempty"`

	// selector selects namespaces by label. Required with from: Selector, and forbidden otherwise.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// ManagementPolicy is what the operator does about drift.
// +kubebuilder:validation:Enum=Manage;Observe
type ManagementPolicy string

// What the operator does about drift.
const (
	// ManagementPolicyManage makes the appliance match the spec.
	ManagementPolicyManage ManagementPolicy = "Manage"
	// ManagementPolicyObserve reports drift and never writes.
	ManagementPolicyObserve ManagementPolicy = "Observe"
)

// AdoptionPolicy is what happens if the appliance already has an object of that name.
// +kubebuilder:validation:Enum=Never;IfIdentical;Always
type AdoptionPolicy string

// What happens if the name already exists.
const (
	// AdoptionPolicyNever leaves it alone and reports AdoptionRefused.
	AdoptionPolicyNever AdoptionPolicy = "Never"
	// AdoptionPolicyIfIdentical adopts it if every managed field is already equal.
	AdoptionPolicyIfIdentical AdoptionPolicy = "IfIdentical"
	// AdoptionPolicyAlways adopts it and changes it to match the spec.
	AdoptionPolicyAlways AdoptionPolicy = "Always"
)

// DeletionPolicy is what happens on the appliance when the Kubernetes object is deleted.
// +kubebuilder:validation:Enum=Delete;Orphan
type DeletionPolicy string

// What happens on the appliance when the Kubernetes object is deleted.
const (
	// DeletionPolicyDelete also deletes the object on the appliance.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyOrphan leaves it there unchanged.
	DeletionPolicyOrphan DeletionPolicy = "Orphan"
)

// ManagementPolicies define how an object on an appliance is managed. Every kind that is kept in sync with an appliance
// has them in its spec.
type ManagementPolicies struct {
	// managementPolicy is Manage (keep the appliance in sync with this spec) or Observe (report drift in status.drift and
	// never write). Defaults to Manage. Can be changed at any time.
	// +optional
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`

	// adoptionPolicy is what to do if an object of that name already exists on the appliance: Never leaves it alone,
	// IfIdentical adopts it if all managed fields are equal, Always adopts it and changes it. Defaults to IfIdentical.
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// deletionPolicy is what happens on the appliance when this object is deleted: Delete removes the object there, Orphan
	// leaves it unchanged. Defaults to Delete. Can be changed at any time, even during deletion.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// suspend stops all writes to the appliance for this object; drift is still reported. Deletion proceeds with
	// deletionPolicy Orphan and waits with Delete. Defaults to false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// Observes reports whether drift is reported and never repaired.
func (s ManagementPolicies) Observes() bool { return s.ManagementPolicy == ManagementPolicyObserve }

// Adoption returns the adoption policy, or its default.
func (s ManagementPolicies) Adoption() AdoptionPolicy {
	if s.AdoptionPolicy == "" {
		return AdoptionPolicyIfIdentical
	}
	return s.AdoptionPolicy
}

// Orphans reports whether the object stays on the appliance when the Kubernetes object is deleted.
func (s ManagementPolicies) Orphans() bool { return s.DeletionPolicy == DeletionPolicyOrphan }

// Suspended reports whether writes for this object are stopped.
func (s ManagementPolicies) Suspended() bool { return s.Suspend != nil && *s.Suspend }

// PolicyKind is a kind whose objects are kept in sync with an appliance.
// +kubebuilder:validation:Enum=RDPConnectionPolicy;LocalUser;LocalUserGroup
type PolicyKind string

// ObjectCount is how many objects of one kind there are.
type ObjectCount struct {
	// kind is the kind of the objects.
	// +required
	Kind PolicyKind `json:"kind,omitempty"`

	// count is how many there are.
	// +required
	// +kubebuilder:validation:Minimum=0
	Count *int32 `json:"count,omitempty"`
}

// DriftedField is one difference between the spec and the appliance.
type DriftedField struct {
	// path is the spec field that differs, without "spec.".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Path string `json:"path,omitempty"`

	// desired is the value in the spec, as JSON, truncated if long. It is never a secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Desired string `json:"desired,omitempty"`

	// actual is the value on the appliance, as JSON, truncated if long. It is never a secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Actual string `json:"actual,omitempty"`
}

// PendingCreation is a creation whose outcome is still unknown.
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

	// afterKey is the key that the object had before, if any.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	AfterKey string `json:"afterKey,omitempty"`
}

// Origin is how an object came to manage its counterpart on the appliance.
// +kubebuilder:validation:Enum=Created;Adopted
type Origin string

// How an object came to manage its counterpart on the appliance.
const (
	// OriginCreated means that the operator created it for the object.
	OriginCreated Origin = "Created"
	// OriginAdopted means that it already existed and adoptionPolicy allowed its adoption.
	OriginAdopted Origin = "Adopted"
)

// PolicyStatus is the part of the status that every kind kept in sync with an appliance shares.
type PolicyStatus struct {
	// conditions always holds Ready, and Reconciling, Stalled and DriftDetected only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 until the first reconcile.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// key is the appliance's own ID of the object. Users never write it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`

	// appliance is the canonical address of the appliance where the object was last written or found. Deletion uses it to
	// recognise a replaced appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Appliance string `json:"appliance,omitempty"`

	// origin is how this object came to manage the one with that key: Created or Adopted. If omitted, it does not manage
	// it: it only observes, or adoption was refused.
	// +optional
	Origin Origin `json:"origin,omitempty"`

	// pendingCreation is recorded before the object is created on the appliance and removed once the key is known. While
	// it is set, an object of this name on the appliance may be ours even though the response was lost.
	// +optional
	PendingCreation *PendingCreation `json:"pendingCreation,omitempty"`

	// handledReconcileRequest is the last value of the annotation pam-operator.io/reconcile-requested-at that was acted
	// on: what the appliance has was read again after the request. The conditions show the outcome.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledReconcileRequest string `json:"handledReconcileRequest,omitempty"`

	// driftCount is how many fields differ between spec and appliance and have not been repaired, including those that
	// drift does not list. If omitted, none does, or the appliance does not have the object.
	// +optional
	// +kubebuilder:validation:Minimum=1
	DriftCount *int32 `json:"driftCount,omitempty"`

	// drift lists the differences between spec and appliance that have not been repaired; at most 20, and never a secret.
	// +optional
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MaxItems=20
	Drift []DriftedField `json:"drift,omitempty"`

	// repairs lists when drift was repaired, latest last: at most 6 times, within the last hour and for this spec. After 6
	// repairs the object is not written again within that hour, because another client keeps changing it back.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Repairs []metav1.Time `json:"repairs,omitempty"`
}

// ObjectConditions returns the conditions, for code that handles every kind.
func (s *PolicyStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status describes.
func (s *PolicyStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// HandledRequest returns the last request to reconcile that was handled, for code that handles every kind.
func (s *PolicyStatus) HandledRequest() *string { return &s.HandledReconcileRequest }

// ObjectStatus is what the status of every kind has in common.
// +kubebuilder:object:generate=false
type ObjectStatus interface {
	// ObjectConditions returns the conditions.
	ObjectConditions() *[]metav1.Condition
	// Observed sets the generation that the status describes.
	Observed(generation int64)
	// HandledRequest returns the last request to reconcile that was handled.
	HandledRequest() *string
}
