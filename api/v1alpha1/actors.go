// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Actor says who has to act before an object becomes ready.
type Actor string

// The actors, in the order of the sections of docs/runbook.md.
const (
	// ActorNobody means that nothing is left to do.
	ActorNobody Actor = "nobody"
	// ActorWait means that it clears without help, or when somebody outside the cluster has decided.
	ActorWait Actor = "wait"
	// ActorAuthor is the person who wrote the object.
	ActorAuthor Actor = "author"
	// ActorOwner is the owner of the connection, or of the appliance or server that it leads to.
	ActorOwner Actor = "owner"
	// ActorMaker are the developers of the operator.
	ActorMaker Actor = "maker"
)

// AllActors lists every actor.
func AllActors() []Actor {
	return []Actor{ActorNobody, ActorWait, ActorAuthor, ActorOwner, ActorMaker}
}

// reasonActors is the one table of who acts on a reason. The runbook has the same sections.
var reasonActors = []struct {
	reason string
	actor  Actor
}{
	{ReasonSynced, ActorNobody},
	{ReasonProgressing, ActorNobody},
	{ReasonActive, ActorNobody},
	{ReasonCompleted, ActorNobody},
	{ReasonSuspended, ActorNobody},

	{ReasonLocked, ActorWait},
	{ReasonUnreachable, ActorWait},
	{ReasonWaitingForApproval, ActorWait},
	{ReasonConnectionNotReady, ActorWait},

	{ReasonInvalidSpec, ActorAuthor},
	{ReasonReferenceNotFound, ActorAuthor},
	{ReasonAdoptionRefused, ActorAuthor},
	{ReasonConflict, ActorAuthor},
	{ReasonDriftDetected, ActorAuthor},
	{ReasonDenied, ActorAuthor},

	{ReasonConnectionNotPermitted, ActorOwner},
	{ReasonUnauthorized, ActorOwner},
	{ReasonRejected, ActorOwner},
	{ReasonFailed, ActorOwner},
	{ReasonDeletionBlocked, ActorOwner},
	{ReasonVerificationDisabled, ActorOwner},
	{ReasonConfigurationOverwritten, ActorOwner},

	{ReasonInternalError, ActorMaker},
}

// AllReasons returns every reason, for documentation tests and metrics.
func AllReasons() []string {
	reasons := make([]string, 0, len(reasonActors))
	for _, entry := range reasonActors {
		reasons = append(reasons, entry.reason)
	}
	return reasons
}

// ActorFor says who acts on an object whose Ready condition has this reason. It is empty for a reason that is not in
// AllReasons, such as one of a newer version.
func ActorFor(reason string) Actor {
	for _, entry := range reasonActors {
		if entry.reason == reason {
			return entry.actor
		}
	}
	return ""
}
