// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file is the brake of last resort against another writer of the same object that does not stop: another operator,
// a connection to the same appliance that was not recognised as such, a script. Each repair takes the lock of the
// appliance, and in between only one of the two settings is in force.

const (
	// repairLimit is how many repairs of an object are made within repairWindow. An administrator who experiments by hand
	// stays below it; two writers that take turns at the default interval of a drift check reach it within half an hour.
	repairLimit  = 6
	repairWindow = time.Hour
)

// contestedUntil is until when an object is not repaired; zero if it may be. The times are in the status, so that a
// restart does not lose them, and count for one spec: a new spec is a new attempt.
func contestedUntil(obj kinds.PolicyObject, now time.Time) time.Time {
	recent := recentRepairs(obj, now)
	if len(recent) < repairLimit {
		return time.Time{}
	}
	return recent[len(recent)-repairLimit].Add(repairWindow)
}

// recentRepairs are those of this spec within the window.
func recentRepairs(obj kinds.PolicyObject, now time.Time) []metav1.Time {
	if is := loop.ReadyOf(obj); is == nil || is.ObservedGeneration != obj.GetGeneration() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(obj.PolicyStatus().Repairs), func(t metav1.Time) bool {
		return now.Sub(t.Time) >= repairWindow
	})
}

// repairsAfter are the repairs once a write at now is done. The write is a repair if the object was written for this
// same spec before, and the appliance has come to differ.
func repairsAfter(obj kinds.PolicyObject, seen observation, now time.Time) []metav1.Time {
	recent := recentRepairs(obj, now)
	if !hasDrifted(seen) || !isInSync(obj) && !wasUndone(obj) {
		return recent
	}
	recent = append(recent, metav1.NewTime(now.Truncate(time.Second)))
	return recent[max(0, len(recent)-repairLimit):]
}

// wasUndone reports whether this spec was written before and found changed since, perhaps at once.
func wasUndone(obj kinds.PolicyObject) bool {
	is := loop.ReadyOf(obj)
	return is != nil && is.ObservedGeneration == obj.GetGeneration() && loop.MayBeThere(obj) &&
		(is.Reason == pamv1alpha1.ReasonConflict || is.Reason == pamv1alpha1.ReasonRejected)
}

// hasDrifted reports whether the appliance has come to differ. A password that has to be set does not count: its Secret
// has changed.
func hasDrifted(seen observation) bool {
	isSeen := func(d sps.Difference) bool { return d.Path != fieldPassword }
	return !seen.exists() || slices.ContainsFunc(seen.drift, isSeen)
}

// contested refuses to write an object that another writer keeps changing.
func (r *policyReconciler[T]) contested(obj T, seen observation, until time.Time) error {
	others := ""
	if r.Pool != nil {
		if same := r.Pool.SameAs(obj.PolicyStatus().Appliance); len(same) > 0 {
			others = " (connections also reach it as " + strings.Join(same, ", ") + ")"
		}
	}
	problem := &loop.Problem{Reason: pamv1alpha1.ReasonConflict, Stall: true, After: max(time.Until(until), time.Second)}
	problem.Message = fmt.Sprintf("written %d times within an hour and changed again each time; now %s. Most likely "+
		"another operator, another SPSConnection to the same appliance%s, a script or an administrator changes it: find the "+
		"other writer, and stop one of the two. It is written again after %s, or as soon as the spec changes",
		repairLimit, differs(obj, seen), others, until.UTC().Format(time.RFC3339))
	return problem
}
