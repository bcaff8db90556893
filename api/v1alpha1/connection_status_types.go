// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConnectionStatus is the part of the status that both kinds of connection share.
type ConnectionStatus struct {
	// conditions always holds Ready, and Reconciling, Stalled, InsecureTLS and ManagedHost only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 until the first reconcile.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// version is the version that the appliance or server reports.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`

	// handledReconcileRequest is the last value of the annotation pam-operator.io/reconcile-requested-at that was acted
	// on: the connection was tried with it, and if it works, the configuration was read again. The conditions say how that
	// went.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledReconcileRequest string `json:"handledReconcileRequest,omitempty"`

	// circuitBreaker is set while the connection is failing: only one probe at a time is sent through it.
	// +optional
	CircuitBreaker *CircuitBreaker `json:"circuitBreaker,omitempty"`

	// logIn is what is known about log-ins with the current credentials. It keeps a restarted operator from retrying
	// refused credentials: both vendors lock accounts or addresses.
	// +optional
	LogIn *LogInStatus `json:"logIn,omitempty"`
}

// ObjectConditions returns the conditions, for code that handles every kind.
func (s *ConnectionStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status describes.
func (s *ConnectionStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// HandledRequest returns the last request to reconcile that was handled, for code that handles every kind.
func (s *ConnectionStatus) HandledRequest() *string { return &s.HandledReconcileRequest }

// CircuitState is the state of a circuit breaker that is not closed.
// +kubebuilder:validation:Enum=Open;HalfOpen
type CircuitState string

// States of a circuit breaker that is not closed.
const (
	// CircuitOpen sends nothing until the next probe.
	CircuitOpen CircuitState = "Open"
	// CircuitHalfOpen has sent one probe, and sends nothing else until it is answered.
	CircuitHalfOpen CircuitState = "HalfOpen"
)

// CircuitBreaker is since when a connection has been failing, and when it is tried again.
type CircuitBreaker struct {
	// state is Open (nothing is sent until the next probe) or HalfOpen (a probe is in flight).
	// +required
	State CircuitState `json:"state,omitempty"`

	// since is when the first call failed.
	// +required
	Since metav1.Time `json:"since,omitzero"`

	// failures is how many probes have failed since then.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failures *int32 `json:"failures,omitempty"`

	// nextProbe is when the connection is tried again.
	// +optional
	NextProbe *metav1.Time `json:"nextProbe,omitempty"`
}

// LogInStatus is what is known about log-ins with the credentials of a connection.
type LogInStatus struct {
	// credentialsVersion identifies the credentials that this status describes, without revealing them: it covers the
	// Secrets and the part of the spec that defines where and how to log in. A new version is tried at once, even if a
	// Secret was only rewritten with the same content.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	CredentialsVersion string `json:"credentialsVersion,omitempty"`

	// lastSuccessTime is when these credentials were last accepted.
	// +optional
	LastSuccessTime *metav1.Time `json:"lastSuccessTime,omitempty"`

	// failures is how many times they were refused since then.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failures *int32 `json:"failures,omitempty"`

	// lastFailureTime is when they were last refused.
	// +optional
	LastFailureTime *metav1.Time `json:"lastFailureTime,omitempty"`

	// retryTime is when they are tried again. To try at once, write the Secret again or request a reconciliation.
	// +optional
	RetryTime *metav1.Time `json:"retryTime,omitempty"`
}
