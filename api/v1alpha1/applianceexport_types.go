// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExportSelection selects which objects of an appliance are exported.
// +kubebuilder:validation:Enum=All;Unmanaged
type ExportSelection string

// Which objects of an appliance are exported.
const (
	// ExportAll exports all of them.
	ExportAll ExportSelection = "All"
	// ExportUnmanaged exports those that no object of this cluster names.
	ExportUnmanaged ExportSelection = "Unmanaged"
)

// ExportPhase is how far an ApplianceExport has progressed.
// +kubebuilder:validation:Enum=Pending;Running;Completed;Failed
type ExportPhase string

// Phases of an ApplianceExport.
const (
	// ExportPending has not started.
	ExportPending ExportPhase = "Pending"
	// ExportRunning is reading the appliance or writing the result, or retrying.
	ExportRunning ExportPhase = "Running"
	// ExportCompleted has written the result.
	ExportCompleted ExportPhase = "Completed"
	// ExportFailed was given up.
	ExportFailed ExportPhase = "Failed"
)

// ApplianceExportSpec defines what is exported.
// +kubebuilder:validation:XValidation:rule="has(self.selection) == has(oldSelf.selection) && has(self.kinds) == has(oldSelf.kinds) && has(self.names) == has(oldSelf.names) && has(self.targetNamespace) == has(oldSelf.targetNamespace)",message="selection, kinds, names and targetNamespace are immutable; create a new ApplianceExport instead"
type ApplianceExportSpec struct {
	// connectionRef names the appliance's SPSConnection in the same namespace: an export shows the whole appliance, so
	// there is none through a connection of another namespace. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new ApplianceExport instead"
	ConnectionRef LocalReference `json:"connectionRef,omitzero"`

	// selection is All, or Unmanaged: only what no object of this cluster names. Defaults to All. Immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="selection is immutable; create a new ApplianceExport instead"
	Selection ExportSelection `json:"selection,omitempty"`

	// kinds are the kinds of objects to export: RDPConnectionPolicy, LocalUser, LocalUserGroup. If omitted, all of them.
	// Immutable.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="kinds is immutable; create a new ApplianceExport instead"
	Kinds []PolicyKind `json:"kinds,omitempty"`

	// names are globs (* and ?) for the names of the objects on the appliance, case-sensitive; at most 256. If omitted,
	// any name. Immutable.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="names is immutable; create a new ApplianceExport instead"
	Names []string `json:"names,omitempty"`

	// targetNamespace is the namespace that the exported objects are written for. Defaults to the namespace of this
	// object. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="targetNamespace is immutable; create a new ApplianceExport instead"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="targetNamespace must be the name of a namespace: lower-case letters, digits and hyphens"
	TargetNamespace string `json:"targetNamespace,omitempty"`

	// activeDeadlineSeconds is how many seconds after its creation the export is given up, whatever it is waiting for; at
	// most 31536000, which is a year. Defaults to 86400, which is a day.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	ActiveDeadlineSeconds *int64 `json:"activeDeadlineSeconds,omitempty"`

	// ttlSecondsAfterFinished is how many seconds after it completed or failed this object is deleted, together with the
	// result; at most 31536000, which is a year. Defaults to 3600, which is an hour. Can be changed at any time.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	// suspend holds the export back before anything is read. Defaults to false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// ExportPart is one ConfigMap of the result.
type ExportPart struct {
	// name is the name of the ConfigMap, in the namespace of the ApplianceExport.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// objects is how many objects it has: one in each of its keys.
	// +required
	// +kubebuilder:validation:Minimum=1
	Objects *int32 `json:"objects,omitempty"`

	// sha256 is the checksum of its content, in hexadecimal: of every key and value, each followed by a zero byte, sorted
	// by key.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	SHA256 string `json:"sha256,omitempty"`
}

// NotExported is something that the result lacks, and why. What several objects lack for the same reason is one entry.
type NotExported struct {
	// kind is the kind of the objects.
	// +required
	Kind PolicyKind `json:"kind,omitempty"`

	// field is what is missing from the objects, by its path on the appliance, such as network.ports; its value is never
	// shown. If omitted, the objects are not exported at all.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Field string `json:"field,omitempty"`

	// reason is why.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`

	// count is how many objects this is about.
	// +required
	// +kubebuilder:validation:Minimum=1
	Count *int32 `json:"count,omitempty"`

	// names are the names of these objects on the appliance; at most 20 are listed, and long ones are shortened.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Names []string `json:"names,omitempty"`
}

// ApplianceExportStatus is what was exported.
type ApplianceExportStatus struct {
	// conditions always holds Ready; Complete or Failed at the end; Reconciling and Stalled only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 until the first reconcile.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// handledReconcileRequest is the last value of the annotation pam-operator.io/reconcile-requested-at that was acted
	// on. The conditions show the outcome. An export that is finished is not made again.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledReconcileRequest string `json:"handledReconcileRequest,omitempty"`

	// phase is Pending, Running, Completed or Failed.
	// +optional
	Phase ExportPhase `json:"phase,omitempty"`

	// configHash identifies the committed configuration of the appliance that was exported; empty if the appliance does
	// not report it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ConfigHash string `json:"configHash,omitempty"`

	// objects counts what was exported, by kind.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +kubebuilder:validation:MaxItems=16
	Objects []ObjectCount `json:"objects,omitempty"`

	// parts are the ConfigMaps with the result; each of their keys is a file name, and its value one object in YAML.
	// Objects that others refer to come first. At most 128.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Parts []ExportPart `json:"parts,omitempty"`

	// notExported is what the result lacks; at most 100 entries.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	NotExported []NotExported `json:"notExported,omitempty"`

	// notListed is how many more entries notExported would have.
	// +optional
	// +kubebuilder:validation:Minimum=1
	NotListed *int32 `json:"notListed,omitempty"`

	// startTime is when the export was started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the export completed or failed.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// ObjectConditions returns the conditions, for code that handles every kind.
func (s *ApplianceExportStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status describes.
func (s *ApplianceExportStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// HandledRequest returns the last request to reconcile that was handled, for code that handles every kind.
func (s *ApplianceExportStatus) HandledRequest() *string { return &s.HandledReconcileRequest }

// ApplianceExport writes down what an SPS appliance has, as objects that adopt it. It runs once, like a Job; the result
// is in ConfigMaps that are deleted together with it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=aex,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connectionRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters, because it is the value of a label"
type ApplianceExport struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec defines what is exported.
	// +required
	Spec ApplianceExportSpec `json:"spec,omitzero"`

	// status is what was exported.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status ApplianceExportStatus `json:"status,omitzero"`
}

// ApplianceExportList is a list of ApplianceExport.
//
// +kubebuilder:object:root=true
type ApplianceExportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []ApplianceExport `json:"items"`
}

// Connection returns the reference to the connection.
func (e *ApplianceExport) Connection() ConnectionReference {
	return ConnectionReference{Name: e.Spec.ConnectionRef.Name}
}

// Suspended reports whether the export is held back.
func (e *ApplianceExport) Suspended() bool { return e.Spec.Suspend != nil && *e.Spec.Suspend }

// TargetNamespace returns the namespace that the exported objects are written for.
func (e *ApplianceExport) TargetNamespace() string {
	if e.Spec.TargetNamespace != "" {
		return e.Spec.TargetNamespace
	}
	return e.Namespace
}

// GetStatus returns the status, for code that handles every kind.
func (e *ApplianceExport) GetStatus() ObjectStatus { return &e.Status }
