// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

const (
	// missingGrace is how long after a spec was written an object that it refers to may be missing: what is applied
	// together arrives in any order.
	missingGrace = 10 * time.Second
	// missingRecheck keeps the last look before the end of the grace from being many.
	missingRecheck = time.Second
)

// Missing returns the error of a reference to an object of the cluster that does not exist. Its author has to act,
// unless the spec was written just now; see OfUser.
func Missing(format string, args ...any) error {
	return &Problem{
		Reason: pamv1alpha1.ReasonReferenceNotFound, Message: fmt.Sprintf(format, args...), Stall: true, graced: true,
	}
}

// awaited is a problem that is still waited for, by now.
func (p *Problem) awaited(obj client.Object, now time.Time) *Problem {
	age := now.Sub(writtenAt(obj))
	if !p.graced || age >= missingGrace || age <= -missingGrace { // a clock that is far behind would wait for ever
		return p
	}
	return &Problem{
		Reason: pamv1alpha1.ReasonProgressing, Message: p.Message + " yet", After: max(missingGrace-age, missingRecheck),
	}
}

// writtenAt is when the spec of an object was last written, or the object was created; see StripForCache.
func writtenAt(obj client.Object) time.Time {
	if fields := obj.GetManagedFields(); len(fields) == 1 && fields[0].Time != nil {
		return fields[0].Time.Time
	}
	return obj.GetCreationTimestamp().Time
}
