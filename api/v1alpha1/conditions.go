// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready is always present on every kind; abnormal-true conditions are present only while they are
// true.
const (
	// ConditionReady is the summary: True when the actual state matches the spec.
	ConditionReady = "Ready"
	// ConditionReconciling is True while work is in progress or waits for something that needs no human action.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when a human has to act before the object can become ready.
	ConditionStalled = "Stalled"
	// ConditionDriftDetected is True while the appliance differs from the spec and the drift is not repaired.
	ConditionDriftDetected = "DriftDetected"
	// ConditionInsecureTLS is True on a connection that does not verify its server's certificate.
	ConditionInsecureTLS = "InsecureTLS"
	// ConditionManagedHost is True on an SPSConnection whose appliance receives its configuration from another appliance,
	// which overwrites the operator's changes.
	ConditionManagedHost = "ManagedHost"
	// ConditionActive is True on an ActivitySession while its privileged session can be used. The reason of this condition
	// and of Finished is the phase.
	ConditionActive = "Active"
	// ConditionFinished is True on an ActivitySession whose privileged session is over, whatever the outcome.
	ConditionFinished = "Finished"
	// ConditionComplete is True on a SessionTermination or an ApplianceExport that succeeded.
	ConditionComplete = "Complete"
	// ConditionFailed is True on a SessionTermination or an ApplianceExport that failed.
	ConditionFailed = "Failed"
)

// Reasons answer "who must act". The list is closed, and each reason has an entry in docs/runbook.md.
const (
	// ReasonSynced means that the appliance matches the spec; no action is needed.
	ReasonSynced = "Synced"
	// ReasonProgressing means that work is in progress; no action is needed.
	ReasonProgressing = "Progressing"
	// ReasonActive means that the privileged session can be used; no action is needed.
	ReasonActive = "Active"
	// ReasonCompleted means that a request ended normally; no action is needed.
	ReasonCompleted = "Completed"
	// ReasonSuspended means that suspend is set on the object or on its connection.
	ReasonSuspended = "Suspended"

	// ReasonLocked means that another client holds the appliance's configuration lock; the operator waits for it.
	ReasonLocked = "Locked"
	// ReasonUnreachable means that the appliance gave no usable response; the operator retries.
	ReasonUnreachable = "Unreachable"
	// ReasonWaitingForApproval means that an approver at the server has to decide.
	ReasonWaitingForApproval = "WaitingForApproval"
	// ReasonConnectionNotReady means that the connection, its Secret or its CA is missing or not ready; the operator
	// watches it.
	ReasonConnectionNotReady = "ConnectionNotReady"

	// ReasonInvalidSpec means that the spec asks for something impossible; its author has to change it.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonReferenceNotFound means that the spec refers to a name that does not exist.
	ReasonReferenceNotFound = "ReferenceNotFound"
	// ReasonAdoptionRefused means that the appliance has an object of that name and adoptionPolicy forbids adopting it.
	ReasonAdoptionRefused = "AdoptionRefused"
	// ReasonConflict means that another object already manages the same thing.
	ReasonConflict = "Conflict"
	// ReasonDriftDetected means that the appliance differs from the spec and managementPolicy is Observe.
	ReasonDriftDetected = "DriftDetected"

	// ReasonConnectionNotPermitted means that the connection's owner does not allow this namespace or request.
	ReasonConnectionNotPermitted = "ConnectionNotPermitted"
	// ReasonUnauthorized means that the appliance rejects the credentials, or that they lack a permission.
	ReasonUnauthorized = "Unauthorized"
	// ReasonRejected means that the appliance understood the request and refused it; the message quotes the refusal.
	ReasonRejected = "Rejected"
	// ReasonDenied means that an approver denied the request.
	ReasonDenied = "Denied"
	// ReasonFailed means that the privileged session or the request failed at the server.
	ReasonFailed = "Failed"
	// ReasonDeletionBlocked means that the appliance refuses to delete the object.
	ReasonDeletionBlocked = "DeletionBlocked"

	// ReasonVerificationDisabled is the reason of InsecureTLS: the connection's owner set insecureSkipVerify.
	ReasonVerificationDisabled = "VerificationDisabled"
	// ReasonConfigurationOverwritten is the reason of ManagedHost: a Central Management node overwrites the appliance.
	ReasonConfigurationOverwritten = "ConfigurationOverwritten"

	// ReasonInternalError means that the operator has a bug; please report it.
	ReasonInternalError = "InternalError"
)

// Failure reasons are the values of status.failure.reason of an ActivitySession. This list is closed, and each of them
// has an entry in docs/runbook.md.
const (
	// FailureNotPermitted means that the connection stopped allowing the request after it was sent.
	FailureNotPermitted = "NotPermitted"
	// FailureRequestTimeout means that the session could not be requested in time.
	FailureRequestTimeout = "RequestTimeout"
	// FailureRejected means that the server kept refusing the request.
	FailureRejected = "Rejected"
	// FailureOutcomeUnknown means that the request was sent, and that its outcome could not be determined.
	FailureOutcomeUnknown = "OutcomeUnknown"
	// FailureApprovalTimeout means that approvalTimeout passed without a decision.
	FailureApprovalTimeout = "ApprovalTimeout"
	// FailureApprovalDenied means that an approver denied the session.
	FailureApprovalDenied = "ApprovalDenied"
	// FailureApprovalFailed means that the server could not complete the approval.
	FailureApprovalFailed = "ApprovalFailed"
	// FailureStartTimeout means that the server did not start the session within startTimeout.
	FailureStartTimeout = "StartTimeout"
	// FailureProvisioningFailed means that the server could not start the session.
	FailureProvisioningFailed = "ProvisioningFailed"
	// FailureSessionLost means that the server lost the session before it became active.
	FailureSessionLost = "SessionLost"
	// FailureSessionFailed means that the session failed at the server after it had become active.
	FailureSessionFailed = "SessionFailed"
)

// AllFailureReasons lists every failure reason.
func AllFailureReasons() []string {
	return []string{
		FailureNotPermitted, FailureRequestTimeout, FailureRejected, FailureOutcomeUnknown, FailureApprovalTimeout,
		FailureApprovalDenied, FailureApprovalFailed, FailureStartTimeout, FailureProvisioningFailed, FailureSessionLost,
		FailureSessionFailed,
	}
}

// Names that the operator puts on objects.
const (
	// Finalizer keeps an object until its counterpart is gone from the appliance, or the operator has given up on it.
	Finalizer = "pam-operator.io/finalizer"
	// LabelLeftover is on every ConfigMap that records a possible leftover on an appliance; its value is the kind of the
	// deleted object, in lower case.
	LabelLeftover = "pam-operator.io/leftover"
	// LabelLeftoverOf is on the same ConfigMaps; its value is the namespace of the deleted object.
	LabelLeftoverOf = "pam-operator.io/leftover-of"
	// LabelSpentRequests is on the ConfigMap in which the operator remembers, for each namespace, which requests were made
	// for objects that a GitOps tool creates again.
	LabelSpentRequests = "pam-operator.io/spent-requests"
	// LabelExport is on every ConfigMap with a part of an export; its value is the name of the ApplianceExport.
	LabelExport = "pam-operator.io/export"
	// AnnotationRequestID carries the request ID of an ActivitySession and is set before the request is sent. With it
	// people, and an object that lost its status, can find the session. It proves nothing, because users can write it.
	AnnotationRequestID = "pam-operator.io/request-id"
	// AnnotationRequestedAt is reserved: earlier versions wrote it, and nothing reads it.
	AnnotationRequestedAt = "pam-operator.io/requested-at"
	// AnnotationRefreshRequestedAt refreshes the connection Secret of an active session when its value changes.
	AnnotationRefreshRequestedAt = "pam-operator.io/refresh-requested-at"
	// AnnotationSalt, on a connection Secret, is the salt of its digest in the status of the session.
	AnnotationSalt = "pam-operator.io/salt"
	// AnnotationReconcileRequestedAt, when its value changes, triggers a reconcile at once that reads the appliance or the
	// server again; on a connection, it is also a new attempt with credentials that were refused. The status shows the
	// value in handledReconcileRequest when that has happened.
	AnnotationReconcileRequestedAt = "pam-operator.io/reconcile-requested-at"
	// AnnotationSuspendReason says why an object or a connection is suspended. The message of Suspended shows it.
	AnnotationSuspendReason = "pam-operator.io/suspend-reason"
	// LabelReadBy is on every Secret that the operator may read because an object refers to it; its value is the kind of
	// that object: LocalUser, SPSConnection or NPSConnection. The types SecretTypePassword and SecretTypeCredentials have
	// the same effect.
	LabelReadBy = "pam-operator.io/read-by"
	// SecretTypePassword is the type of a Secret that holds the password of a LocalUser.
	SecretTypePassword = "pam-operator.io/password"
	// SecretTypeCredentials is the type of a Secret that holds the credentials of a connection.
	SecretTypeCredentials = "pam-operator.io/credentials"
	// SecretTypeConnection is the type of the Secret that an ActivitySession writes.
	SecretTypeConnection = "pam-operator.io/connection"
	// SecretTypeSession is the type of the Secret that stores the operator's own log-in session at an appliance, so that a
	// transaction can be ended after a crash.
	SecretTypeSession = "pam-operator.io/session"
)
