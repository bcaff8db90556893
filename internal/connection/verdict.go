// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Refusal is an error of our own about one change, such as a name that cannot be resolved: as for a refusal by the
// appliance, the others in the batch go on.
type Refusal interface {
	error
	// Refused marks the error.
	Refused()
}

// classify tells the committer what an error means for the batch.
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
	case sps.IsCommitConflict(err), sps.IsTorn(err), isMoved(err):
		return groupcommit.Conflict
	case sps.IsRefused(err), errors.As(err, &refusal):
		return groupcommit.Refused
	}
	return groupcommit.Failed
}

// isHeld says that it is somebody else who holds the configuration, and not the appliance that takes no changes.
func isHeld(err error) bool {
	locked, ok := errors.AsType[*sps.LockedError](err)
	return !ok || !locked.Busy
}

// holder is the name of whoever has the lock, if the appliance gave it.
func holder(err error) string {
	if locked, ok := errors.AsType[*sps.LockedError](err); ok {
		return locked.Holder
	}
	return ""
}

func duration(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}
