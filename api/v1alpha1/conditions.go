// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready is always present, on every kind; the abnormal-true ones only while they are true.
const (
	// ConditionReady is the one summary: True when what runs is what the spec asks for.
	ConditionReady = "Ready"
	// ConditionReconciling is True while work is under way or waits for something that comes by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when somebody has to act before the object can become ready.
	ConditionStalled = "Stalled"
	// ConditionDriftDetected is True while the appliance differs from the spec and the difference is not repaired.
	ConditionDriftDetected = "DriftDetected"
	// ConditionInsecureTLS is True on a connection that does not verify its server's certificate.
	ConditionInsecureTLS = "InsecureTLS"
	// ConditionManagedHost is True on an SPSConnection whose appliance takes its configuration from another one, which
	// undoes what is written here.
	ConditionManagedHost = "ManagedHost"
	// ConditionActive is True on an ActivitySession while its privileged session can be used.
	ConditionActive = "Active"
	// ConditionFinished is True on an ActivitySession whose privileged session is over, however it ended.
	ConditionFinished = "Finished"
	// ConditionComplete is True on a SessionTermination that did what it was asked to do.
	ConditionComplete = "Complete"
	// ConditionFailed is True on a SessionTermination that could not do what it was asked to do.
	ConditionFailed = "Failed"
)

// Reasons answer "who must act". This list is closed, and each reason has an entry in docs/runbook.md.
const (
	// ReasonSynced says that the appliance equals the spec; nobody has to act.
	ReasonSynced = "Synced"
	// ReasonProgressing says that work is under way; nobody has to act.
	ReasonProgressing = "Progressing"
	// ReasonActive says that the privileged session can be used; nobody has to act.
	ReasonActive = "Active"
	// ReasonCompleted says that a request ran to its ordinary end; nobody has to act.
	ReasonCompleted = "Completed"
	// ReasonSuspended says that somebody set suspend, on the object or on its connection.
	ReasonSuspended = "Suspended"

	// ReasonLocked says that somebody else holds the configuration of the appliance; it is waited for.
	ReasonLocked = "Locked"
	// ReasonUnreachable says that the appliance gave no usable answer; it is tried again.
	ReasonUnreachable = "Unreachable"
	// ReasonWaitingForApproval says that approvers at the server have to decide.
	ReasonWaitingForApproval = "WaitingForApproval"
	// ReasonConnectionNotReady says that the connection, its Secret or its CA is missing or not ready; it is watched.
	ReasonConnectionNotReady = "ConnectionNotReady"

	// ReasonInvalidSpec says that the spec asks for something that cannot be; its author has to change it.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonReferenceNotFound says that a name does not exist where the spec says it does.
	ReasonReferenceNotFound = "ReferenceNotFound"
	// ReasonAdoptionRefused says that the appliance has an object of that name and adoptionPolicy forbids taking it.
	ReasonAdoptionRefused = "AdoptionRefused"
	// ReasonConflict says that another object manages the same thing already.
	ReasonConflict = "Conflict"
	// ReasonDriftDetected says that the appliance differs from the spec and managementPolicy is Observe.
	ReasonDriftDetected = "DriftDetected"

	// ReasonConnectionNotPermitted says that the connection's owner does not allow this namespace or request.
	ReasonConnectionNotPermitted = "ConnectionNotPermitted"
	// ReasonUnauthorized says that the appliance refuses the credentials or the rights behind them.
	ReasonUnauthorized = "Unauthorized"
	// ReasonRejected says that the appliance understood and refused; the message has its own words.
	ReasonRejected = "Rejected"
	// ReasonDenied says that an approver said no.
	ReasonDenied = "Denied"
	// ReasonFailed says that the privileged session or the request failed at the server.
	ReasonFailed = "Failed"
	// ReasonDeletionBlocked says that the appliance does not let the object go.
	ReasonDeletionBlocked = "DeletionBlocked"

	// ReasonInternalError says that the operator has a fault; please report it.
	ReasonInternalError = "InternalError"
)

// AllReasons lists every reason, for documentation tests and metrics.
func AllReasons() []string {
	return []string{
		ReasonSynced, ReasonProgressing, ReasonActive, ReasonCompleted, ReasonSuspended,
		ReasonLocked, ReasonUnreachable, ReasonWaitingForApproval, ReasonConnectionNotReady,
		ReasonInvalidSpec, ReasonReferenceNotFound, ReasonAdoptionRefused, ReasonConflict, ReasonDriftDetected,
		ReasonConnectionNotPermitted, ReasonUnauthorized, ReasonRejected, ReasonDenied, ReasonFailed,
		ReasonDeletionBlocked, ReasonInternalError,
	}
}

// Names that the operator puts on objects.
const (
	// Finalizer keeps an object until what it stands for is gone from the appliance, or has been let go.
	Finalizer = "pam-operator.io/finalizer"
	// LabelLeftover is on every ConfigMap that records what may have been left on an appliance; its value is the kind of
	// the object that was let go, in lower case.
	LabelLeftover = "pam-operator.io/leftover"
	// LabelLeftoverOf is on the same ConfigMaps; its value is the namespace of the object that was let go.
	LabelLeftoverOf = "pam-operator.io/leftover-of"
	// AnnotationRequestID carries the request id of an ActivitySession from before the request is sent. It lets people,
	// and an object whose status was lost, find the session; it proves nothing, since users can write it.
	AnnotationRequestID = "pam-operator.io/request-id"
	// AnnotationRequestedAt is reserved: earlier versions wrote it, and nobody reads it.
	AnnotationRequestedAt = "pam-operator.io/requested-at"
	// AnnotationRefreshRequestedAt, when its value changes, makes an active session's connection Secret be fetched anew.
	AnnotationRefreshRequestedAt = "pam-operator.io/refresh-requested-at"
	// AnnotationReconcileRequestedAt, when its value changes, makes the operator look again at once, and try credentials
	// again that were refused.
	AnnotationReconcileRequestedAt = "pam-operator.io/reconcile-requested-at"
	// LabelReadBy is on every Secret that the operator may read because an object refers to it; its value is the kind of
	// that object: LocalUser, SPSConnection or NPSConnection. The types SecretTypePassword and SecretTypeCredentials say
	// the same.
	LabelReadBy = "pam-operator.io/read-by"
	// SecretTypePassword is the type of a Secret with the password of a LocalUser.
	SecretTypePassword = "pam-operator.io/password"
	// SecretTypeCredentials is the type of a Secret that a connection logs in with.
	SecretTypeCredentials = "pam-operator.io/credentials"
	// SecretTypeConnection is the type of the Secret that an ActivitySession fills.
	SecretTypeConnection = "pam-operator.io/connection"
	// SecretTypeSession is the type of the Secret in which the operator keeps its own log-in session at an appliance, so
	// that a transaction can be ended after a crash.
	SecretTypeSession = "pam-operator.io/session"
)
