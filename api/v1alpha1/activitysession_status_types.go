// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SessionPhase is how far an ActivitySession has progressed. It never goes backwards.
// +kubebuilder:validation:Enum=Pending;WaitingForApproval;Scheduled;Starting;Active;Ending;Completed;Cancelled;Failed;Denied
type SessionPhase string

// Phases of an ActivitySession.
const (
	// SessionPending has not been requested yet, or the outcome of the request is still unknown.
	SessionPending SessionPhase = "Pending"
	// SessionWaitingForApproval waits for an approver at the server.
	SessionWaitingForApproval SessionPhase = "WaitingForApproval"
	// SessionScheduled waits for its startTime.
	SessionScheduled SessionPhase = "Scheduled"
	// SessionStarting is being prepared by the server.
	SessionStarting SessionPhase = "Starting"
	// SessionActive can be used.
	SessionActive SessionPhase = "Active"
	// SessionEnding is being taken down by the server.
	SessionEnding SessionPhase = "Ending"
	// SessionCompleted ended normally.
	SessionCompleted SessionPhase = "Completed"
	// SessionCancelled was ended early.
	SessionCancelled SessionPhase = "Cancelled"
	// SessionFailed could not be started, or was lost.
	SessionFailed SessionPhase = "Failed"
	// SessionDenied was refused by an approver or by the server.
	SessionDenied SessionPhase = "Denied"
)

// AllSessionPhases lists every phase, in the order of a session's life. Each is also a reason of the conditions Active
// and Finished, and has an entry in docs/runbook.md.
func AllSessionPhases() []SessionPhase {
	return []SessionPhase{
		SessionPending, SessionWaitingForApproval, SessionScheduled, SessionStarting, SessionActive, SessionEnding,
		SessionCompleted, SessionCancelled, SessionFailed, SessionDenied,
	}
}

// Terminal reports whether the phase is final.
func (p SessionPhase) Terminal() bool {
	switch p {
	case SessionCompleted, SessionCancelled, SessionFailed, SessionDenied:
		return true
	}
	return false
}

// SessionFailure explains why a session failed.
type SessionFailure struct {
	// reason is the cause in one CamelCase word, such as ProvisioningFailed, StartTimeout or ApprovalTimeout.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message describes what happened and what can be done about it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`

	// log holds the last error lines of the session's log at the server, oldest first, redacted and truncated; at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=0
	// +kubebuilder:validation:items:MaxLength=512
	Log []string `json:"log,omitempty"`
}

// SessionTransition is one step in the life of a session.
type SessionTransition struct {
	// time is when the operator observed the step.
	// +required
	Time metav1.Time `json:"time,omitzero"`

	// phase is the phase that the session entered.
	// +required
	Phase SessionPhase `json:"phase,omitempty"`

	// message gives the details.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// ActivitySessionStatus is what is known about the privileged session.
type ActivitySessionStatus struct {
	// conditions always holds Ready; Active and Finished once they are known; Reconciling and Stalled only while they are
	// true.
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
	// on: the session was looked at again at the server after the request, unless it is over or was not requested yet.
	// The conditions show the outcome.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledReconcileRequest string `json:"handledReconcileRequest,omitempty"`

	// phase is how far the session has progressed.
	// +optional
	Phase SessionPhase `json:"phase,omitempty"`

	// sessionID is the GUID of the session at the server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	SessionID string `json:"sessionID,omitempty"`

	// server is the address of the server that the request was sent to. While the connection leads to another address, the
	// session is neither followed nor ended.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Server string `json:"server,omitempty"`

	// requestID identifies the request at the server. It is recorded before the request is sent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	RequestID string `json:"requestID,omitempty"`

	// requestSentTime is when the request was last sent, or was about to be sent.
	// +optional
	RequestSentTime *metav1.MicroTime `json:"requestSentTime,omitempty"`

	// firstRequestSentTime is when the request was first sent, or was about to be sent. A session at the server that is
	// older cannot come from it.
	// +optional
	FirstRequestSentTime *metav1.MicroTime `json:"firstRequestSentTime,omitempty"`

	// requestAttempts is how many times the request was sent, or was about to be sent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	RequestAttempts *int32 `json:"requestAttempts,omitempty"`

	// serverStatus is the session's status as the server words it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ServerStatus string `json:"serverStatus,omitempty"`

	// requestTime is when the server accepted the request.
	// +optional
	RequestTime *metav1.Time `json:"requestTime,omitempty"`

	// startTime is when the session started, by the server's clock.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// endTime is when the session ended, by the server's clock if the server reported it.
	// +optional
	EndTime *metav1.Time `json:"endTime,omitempty"`

	// expiresAt is when the session will end by itself, by the server's clock; see clockOffset.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// clockOffset is how far the server's clock was ahead of the operator's when the session was last seen there, such as
	// 2h0m0s, or -6m40s if it was behind. Unset if the clocks agree.
	// +optional
	ClockOffset *metav1.Duration `json:"clockOffset,omitempty"`

	// deadline is when the operator stops waiting in the current phase, by its own clock.
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

	// protocol is what the connection Secret holds: RDP, SSH or None.
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`

	// extensions is how many times the session was extended.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Extensions *int32 `json:"extensions,omitempty"`

	// connectionSecretRef names the Secret with the connection data while it exists.
	// +optional
	ConnectionSecretRef *SecretReference `json:"connectionSecretRef,omitempty"`

	// secretRefreshedAt is when the connection data was last fetched.
	// +optional
	SecretRefreshedAt *metav1.Time `json:"secretRefreshedAt,omitempty"`

	// connectionSecretDigest is a digest of the connection data in the Secret, with the salt that the Secret carries. Data
	// with another digest was written by somebody else, is not used by the plugin, and is fetched again.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ConnectionSecretDigest string `json:"connectionSecretDigest,omitempty"`

	// handledRefreshRequest is the last value of the annotation pam-operator.io/refresh-requested-at that was acted on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledRefreshRequest string `json:"handledRefreshRequest,omitempty"`

	// boundToUID is the UID of the workload in boundTo, once it has been seen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	BoundToUID string `json:"boundToUID,omitempty"`

	// failure explains why the session failed or was denied.
	// +optional
	Failure *SessionFailure `json:"failure,omitempty"`

	// history holds the latest steps of the session, oldest first; at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	History []SessionTransition `json:"history,omitempty"`
}

// ObjectConditions returns the conditions, for code that handles every kind.
func (s *ActivitySessionStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status describes.
func (s *ActivitySessionStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// HandledRequest returns the last request to reconcile that was handled, for code that handles every kind.
func (s *ActivitySessionStatus) HandledRequest() *string { return &s.HandledReconcileRequest }
