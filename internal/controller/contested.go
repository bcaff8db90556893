// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file is the brake of last resort against somebody else who writes the same object and does not stop: another
// operator, another connection that nobody could recognise, a script. Each repair takes the lock of the appliance, and
// for the time in between one of the two is not in force.

const (
	// repairLimit is how many repairs of an object there are within repairWindow. An administrator who tries something out
	// by hand does not come that far; two who take turns at the default interval of a drift check do within half an hour.
	repairLimit  = 6
	repairWindow = time.Hour
)

// contestedUntil says until when an object is not repaired; zero if it may be. The times are in the status, so that a
// restart forgets nothing, and count for one spec: a new one is a new attempt.
func contestedUntil(obj policyObject, now time.Time) time.Time {
	recent := recentRepairs(obj, now)
	if len(recent) < repairLimit {
		return time.Time{}
	}
	return recent[len(recent)-repairLimit].Add(repairWindow)
}

// recentRepairs are those of this spec within the window.
func recentRepairs(obj policyObject, now time.Time) []metav1.Time {
	if is := readyOf(obj); is == nil || is.ObservedGeneration != obj.GetGeneration() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(obj.PolicyStatus().Repairs), func(t metav1.Time) bool {
		return now.Sub(t.Time) >= repairWindow
	})
}

// repairsAfter are the repairs when a write of now has been done. It is one if the object was written for this same
// spec before, and the appliance has come to differ.
func repairsAfter(obj policyObject, seen observation, now time.Time) []metav1.Time {
	recent := recentRepairs(obj, now)
	if !movedAway(seen) || !isSettled(obj) && !wasUndone(obj) {
		return recent
	}
	recent = append(recent, metav1.NewTime(now.Truncate(time.Second)))
	return recent[max(0, len(recent)-repairLimit):]
}

// wasUndone says that this spec was written before, and was found changed again since, perhaps at once.
func wasUndone(obj policyObject) bool {
	is := readyOf(obj)
	return is != nil && is.ObservedGeneration == obj.GetGeneration() && mayBeThere(obj) &&
		(is.Reason == pamv1alpha1.ReasonConflict || is.Reason == pamv1alpha1.ReasonRejected)
}

// movedAway says that the appliance has come to differ. A password that is to be set is a change of its Secret.
func movedAway(seen observation) bool {
	isSeen := func(d sps.Difference) bool { return d.Path != fieldPassword }
	return !seen.exists() || slices.ContainsFunc(seen.drift, isSeen)
}

// contested refuses to write an object that somebody else keeps writing.
func (r *policyReconciler[T]) contested(obj T, seen observation, until time.Time) error {
	others := ""
	if r.pool != nil {
		if same := r.pool.SameAs(obj.PolicyStatus().Appliance); len(same) > 0 {
			others = " (connections reach it as " + strings.Join(same, ", ") + ", too)"
		}
	}
	problem := &problem{reason: pamv1alpha1.ReasonConflict, stall: true, after: max(time.Until(until), time.Second)}
	problem.message = fmt.Sprintf("written %d times within an hour, and each time the appliance differed again, now in "+
		"%s. Most likely another operator, another SPSConnection to the same appliance%s, a script or an administrator "+
		"writes against it: find out who, and stop one of the two. It is written again after %s, or as soon as the spec "+
		"changes",
		repairLimit, paths(seen.drift), others, until.UTC().Format(time.RFC3339))
	return problem
}
