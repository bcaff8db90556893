// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TerminationPhase is how far a SessionTermination has progressed.
// +kubebuilder:validation:Enum=Pending;Running;Succeeded;Failed
type TerminationPhase string

// Phases of a SessionTermination.
const (
	// TerminationPending has not started.
	TerminationPending TerminationPhase = "Pending"
	// TerminationRunning is closing sessions, or retrying.
	TerminationRunning TerminationPhase = "Running"
	// TerminationSucceeded closed every session it should.
	TerminationSucceeded TerminationPhase = "Succeeded"
	// TerminationFailed could not close a session, for a permanent reason.
	TerminationFailed TerminationPhase = "Failed"
)

// SessionTerminationSpec defines which live sessions are closed.
// +kubebuilder:validation:XValidation:rule="has(self.sessionID) != has(self.policyRef)",message="exactly one of sessionID and policyRef must be set"
// +kubebuilder:validation:XValidation:rule="has(self.sessionID) == has(oldSelf.sessionID) && has(self.policyRef) == has(oldSelf.policyRef)",message="sessionID and policyRef are immutable; create a new SessionTermination instead"
type SessionTerminationSpec struct {
	// connectionRef names the appliance's SPSConnection. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// sessionID is the ID of one session as the appliance shows it, such as svc/rpokH8fD9kx6CaxNLznKx2/test:12. Exactly
	// one of sessionID and policyRef must be set. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="sessionID is immutable; create a new SessionTermination instead"
	SessionID string `json:"sessionID,omitempty"`

	// policyRef names an RDPConnectionPolicy in the same namespace; all its live sessions are closed. Immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="policyRef is immutable; create a new SessionTermination instead"
	PolicyRef *LocalReference `json:"policyRef,omitempty"`

	// activeDeadlineSeconds is how many seconds after its creation the request is given up, whatever it is waiting for; at
	// most 31536000, which is a year. Defaults to 86400, which is a day.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	ActiveDeadlineSeconds *int64 `json:"activeDeadlineSeconds,omitempty"`

	// runID tells one run of this request from another, for objects that a GitOps tool creates again whenever they are
	// gone: such an object closes sessions once for each value, and is held back if it is created again with the same
	// name, spec and runID. Change it, to the date for instance, to close again. The value is not sent. Immutable once
	// the request has started.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	RunID string `json:"runID,omitempty"`

	// ttlSecondsAfterFinished is how many seconds after it succeeded or failed this object is deleted. If omitted, it is
	// kept. It is refused on objects that a GitOps tool owns, which would create the object again.
	// +optional
	// +nullable
	// +kubebuilder:validation:Minimum=0
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	// suspend holds the request back before anything is sent. Defaults to false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// SessionTerminationStatus is what was done.
type SessionTerminationStatus struct {
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
	// on. The conditions show the outcome.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledReconcileRequest string `json:"handledReconcileRequest,omitempty"`

	// phase is Pending, Running, Succeeded or Failed.
	// +optional
	Phase TerminationPhase `json:"phase,omitempty"`

	// terminated is how many live sessions were closed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Terminated *int32 `json:"terminated,omitempty"`

	// startTime is when the first attempt was made. Sessions that started later are not closed.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the request succeeded or failed.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// ObjectConditions returns the conditions, for code that handles every kind.
func (s *SessionTerminationStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status describes.
func (s *SessionTerminationStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// HandledRequest returns the last request to reconcile that was handled, for code that handles every kind.
func (s *SessionTerminationStatus) HandledRequest() *string { return &s.HandledReconcileRequest }

// SessionTermination closes live sessions on an SPS appliance. It runs once, like a Job.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=st,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Terminated",type=integer,JSONPath=`.status.terminated`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.startTime) || has(self.spec.runID) == has(oldSelf.spec.runID) && (!has(self.spec.runID) || self.spec.runID == oldSelf.spec.runID)",message="spec.runID is immutable once the request has started; delete this SessionTermination, and create it with the new runID"
type SessionTermination struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec defines which live sessions are closed.
	// +required
	Spec SessionTerminationSpec `json:"spec,omitzero"`

	// status is what was done.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status SessionTerminationStatus `json:"status,omitzero"`
}

// SessionTerminationList is a list of SessionTermination.
//
// +kubebuilder:object:root=true
type SessionTerminationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []SessionTermination `json:"items"`
}

// Connection returns the reference to the connection.
func (t *SessionTermination) Connection() ConnectionReference { return t.Spec.ConnectionRef }

// Suspended reports whether the request is held back.
func (t *SessionTermination) Suspended() bool { return t.Spec.Suspend != nil && *t.Spec.Suspend }

// GetStatus returns the status, for code that handles every kind.
func (t *SessionTermination) GetStatus() ObjectStatus { return &t.Status }
