// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SessionPhase says how far an ActivitySession is. It never goes backwards.
// +kubebuilder:validation:Enum=Pending;WaitingForApproval;Scheduled;Starting;Active;Ending;Completed;Cancelled;Failed;Denied
type SessionPhase string

// How far an ActivitySession is.
const (
	// SessionPending has not been asked for, or it is not known yet that it was.
	SessionPending SessionPhase = "Pending"
	// SessionWaitingForApproval waits for people at the server.
	SessionWaitingForApproval SessionPhase = "WaitingForApproval"
	// SessionScheduled waits for its startTime.
	SessionScheduled SessionPhase = "Scheduled"
	// SessionStarting is being prepared by the server.
	SessionStarting SessionPhase = "Starting"
	// SessionActive can be used.
	SessionActive SessionPhase = "Active"
	// SessionEnding is being taken down by the server.
	SessionEnding SessionPhase = "Ending"
	// SessionCompleted came to its ordinary end.
	SessionCompleted SessionPhase = "Completed"
	// SessionCancelled was ended early.
	SessionCancelled SessionPhase = "Cancelled"
	// SessionFailed could not be started, or was lost.
	SessionFailed SessionPhase = "Failed"
	// SessionDenied was refused by an approver or by the server.
	SessionDenied SessionPhase = "Denied"
)

// Terminal says that the phase is the last one.
func (p SessionPhase) Terminal() bool {
	switch p {
	case SessionCompleted, SessionCancelled, SessionFailed, SessionDenied:
		return true
	}
	return false
}

// SessionFailure says why a session failed.
type SessionFailure struct {
	// reason is one CamelCase word for the cause, such as ProvisioningFailed, StartTimeout or ApprovalTimeout.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message says what happened and what can be done.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`

	// log holds the last error lines of the session's log at the server, newest last, redacted and shortened.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=0
	// +kubebuilder:validation:items:MaxLength=512
	Log []string `json:"log,omitempty"`
}

// SessionTransition is one step of a session.
type SessionTransition struct {
	// time is when the operator saw the step.
	// +required
	Time metav1.Time `json:"time,omitzero"`

	// phase is the phase that was entered.
	// +required
	Phase SessionPhase `json:"phase,omitempty"`

	// message says more.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// ActivitySessionStatus is what is known about the privileged session.
type ActivitySessionStatus struct {
	// conditions holds Ready always, Active and Finished once they are known, and Reconciling and Stalled only while they
	// are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status speaks of; -1 before the first look.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// phase is how far the session is.
	// +optional
	Phase SessionPhase `json:"phase,omitempty"`

	// sessionID is the GUID of the session at the server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	SessionID string `json:"sessionID,omitempty"`

	// requestID is the text by which the request is recognised at the server. It is written before the request is sent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	RequestID string `json:"requestID,omitempty"`

	// requestSentTime is when the request was last sent, or was about to be.
	// +optional
	RequestSentTime *metav1.MicroTime `json:"requestSentTime,omitempty"`

	// firstRequestSentTime is when the request was first sent, or was about to be: nothing that is older at the server can
	// have come of it.
	// +optional
	FirstRequestSentTime *metav1.MicroTime `json:"firstRequestSentTime,omitempty"`

	// requestAttempts is how often the request was sent, or was about to be.
	// +optional
	// +kubebuilder:validation:Minimum=0
	RequestAttempts *int32 `json:"requestAttempts,omitempty"`

	// serverStatus is the session's state in the server's own words.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ServerStatus string `json:"serverStatus,omitempty"`

	// requestTime is when the server accepted the request.
	// +optional
	RequestTime *metav1.Time `json:"requestTime,omitempty"`

	// startTime is when the session began, by the server's clock.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// endTime is when the session was over, by the server's clock if there was one.
	// +optional
	EndTime *metav1.Time `json:"endTime,omitempty"`

	// expiresAt is when the session ends by itself, by the server's clock; see clockOffset of the NPSConnection.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// deadline is when the operator stops waiting in the present phase, by its own clock.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`

	// loginAccount is the account that the session uses on the resource.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	LoginAccount string `json:"loginAccount,omitempty"`

	// platform is the GUID of the resource's platform at the server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Platform string `json:"platform,omitempty"`

	// protocol is what the connection Secret holds.
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`

	// extensions is how often the session was prolonged.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Extensions *int32 `json:"extensions,omitempty"`

	// connectionSecretRef names the Secret with the connection data, while it exists.
	// +optional
	ConnectionSecretRef *SecretReference `json:"connectionSecretRef,omitempty"`

	// secretRefreshedAt is when the connection data was last fetched.
	// +optional
	SecretRefreshedAt *metav1.Time `json:"secretRefreshedAt,omitempty"`

	// handledRefreshRequest is the value of the annotation pam-operator.io/refresh-requested-at that was last obeyed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledRefreshRequest string `json:"handledRefreshRequest,omitempty"`

	// boundToUID is the UID of the workload of boundTo, once it was seen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	BoundToUID string `json:"boundToUID,omitempty"`

	// failure says why the session failed or was denied.
	// +optional
	Failure *SessionFailure `json:"failure,omitempty"`

	// history holds the last steps of the session, oldest first; at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	History []SessionTransition `json:"history,omitempty"`
}

// ObjectConditions are the conditions, for code that treats all kinds alike.
func (s *ActivitySessionStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status speaks of.
func (s *ActivitySessionStatus) Observed(generation int64) { s.ObservedGeneration = &generation }
