// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"errors"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Refusal is an error of our own about one change, such as a name that cannot be resolved: as after a refusal by the
// appliance, the rest of the batch continues.
type Refusal interface {
	error
	// Refused marks the error.
	Refused()
}

// classify returns what an error means for the batch.
func classify(err error) groupcommit.Verdict {
	var refusal Refusal
	if _, foreign := errors.AsType[*sps.ForeignChangesError](err); foreign {
		return groupcommit.Foreign
	}
	switch {
	case sps.IsFenced(err):
		return groupcommit.Stopped
	case sps.IsLocked(err):
		return groupcommit.Locked
	case sps.IsCommitConflict(err), sps.IsTorn(err), isConcurrentChange(err):
		return groupcommit.Conflict
	case errors.As(err, &refusal):
		return groupcommit.Declined
	case sps.IsRefused(err):
		return groupcommit.Refused
	}
	return groupcommit.Failed
}

// isLockedByOther reports whether another client has locked the configuration. The alternative is that the appliance
// accepts no changes.
func isLockedByOther(err error) bool {
	locked, ok := errors.AsType[*sps.LockedError](err)
	return !ok || !locked.Busy
}

// lockHolder is the name of the lock's holder, if the appliance reported it.
func lockHolder(err error) string {
	if locked, ok := errors.AsType[*sps.LockedError](err); ok {
		return locked.Holder
	}
	return ""
}
