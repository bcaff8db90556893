// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TerminationPhase says how far a SessionTermination is.
// +kubebuilder:validation:Enum=Pending;Running;Succeeded;Failed
type TerminationPhase string

// How far a SessionTermination is.
const (
	// TerminationPending has not been started.
	TerminationPending TerminationPhase = "Pending"
	// TerminationRunning is closing sessions, or tries again.
	TerminationRunning TerminationPhase = "Running"
	// TerminationSucceeded closed everything that was to be closed.
	TerminationSucceeded TerminationPhase = "Succeeded"
	// TerminationFailed could not close something, for a reason that does not go away by itself.
	TerminationFailed TerminationPhase = "Failed"
)

// SessionTerminationSpec says which live sessions are closed.
// +kubebuilder:validation:XValidation:rule="has(self.sessionID) != has(self.policyRef)",message="exactly one of sessionID and policyRef is needed"
// +kubebuilder:validation:XValidation:rule="has(self.sessionID) == has(oldSelf.sessionID) && has(self.policyRef) == has(oldSelf.policyRef)",message="sessionID and policyRef are immutable; create a new SessionTermination instead"
type SessionTerminationSpec struct {
	// connectionRef names the SPSConnection of the appliance. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable; create a new object instead"
	ConnectionRef ConnectionReference `json:"connectionRef,omitzero"`

	// sessionID is the id of one session as the appliance shows it, such as svc/rpokH8fD9kx6CaxNLznKx2/test:12. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="sessionID is immutable; create a new SessionTermination instead"
	SessionID string `json:"sessionID,omitempty"`

	// policyRef names an RDPConnectionPolicy in the same namespace: all live sessions of it are closed. Immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="policyRef is immutable; create a new SessionTermination instead"
	PolicyRef *LocalReference `json:"policyRef,omitempty"`

	// activeDeadlineSeconds is how long after its creation the request is given up, whatever it waits for. Left out, it is
	// 86400, a day.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	ActiveDeadlineSeconds *int64 `json:"activeDeadlineSeconds,omitempty"`

	// ttlSecondsAfterFinished deletes this object so many seconds after it succeeded or failed. Left out, it stays.
	// +optional
	// +nullable
	// +kubebuilder:validation:Minimum=0
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	// suspend holds the request before anything is sent. Left out, it is false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// SessionTerminationStatus says what was done.
type SessionTerminationStatus struct {
	// conditions holds Ready always, Complete or Failed at the end, and Reconciling and Stalled only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status speaks of; -1 before the first look.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// phase is Pending, Running, Succeeded or Failed.
	// +optional
	Phase TerminationPhase `json:"phase,omitempty"`

	// terminated is how many live sessions were closed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Terminated *int32 `json:"terminated,omitempty"`

	// startTime is when the first attempt was made. Sessions that began later are not closed.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when it was over.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// ObjectConditions are the conditions, for code that treats all kinds alike.
func (s *SessionTerminationStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status speaks of.
func (s *SessionTerminationStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// SessionTermination closes live sessions that an SPS appliance is recording. It runs once, like a Job.
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
type SessionTermination struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says which live sessions are closed.
	// +required
	Spec SessionTerminationSpec `json:"spec,omitzero"`

	// status says what was done.
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

// Connection is the reference to the connection.
func (t *SessionTermination) Connection() ConnectionReference { return t.Spec.ConnectionRef }

// Suspended says that nothing is sent for this object.
func (t *SessionTermination) Suspended() bool { return t.Spec.Suspend != nil && *t.Spec.Suspend }

// GetStatus is the status, for code that treats all kinds alike.
func (t *SessionTermination) GetStatus() ObjectStatus { return &t.Status }
