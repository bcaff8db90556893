// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// This file is about sessions that end before the workload that uses them.

// stillRuns is in the message about such an end.
const stillRuns = " still runs"

func endedTooEarly(message string) bool { return strings.Contains(message, stillRuns) }

// noteTooEarly adds to the history that a session which is over was ended although its workload still runs. It looks
// once, at the end of the session: workloads go on.
func (f *follower) noteTooEarly(ctx context.Context, s *pamv1alpha1.ActivitySession) {
	n := len(s.Status.History)
	over := meta.IsStatusConditionTrue(s.Status.Conditions, pamv1alpha1.ConditionFinished)
	if over || n == 0 || s.Status.Failure != nil || s.Cancelled() || s.Status.SessionID == "" {
		return
	}
	workload, err := f.workloads.bound(ctx, s)
	if err != nil || workload.over || workload.idle != "" || s.Status.BoundToUID == "" {
		return // an error: the warning is a courtesy
	}
	last := &s.Status.History[n-1]
	last.Message = tooEarly(s, last.Message)
}

// tooEarly says why a session ended, and what to do about it.
func tooEarly(s *pamv1alpha1.ActivitySession, message string) string {
	cause, advice := "it was ended at the server", ""
	switch {
	case strings.HasPrefix(message, byAdministrator):
		cause = message
	case reachedItsEnd(s):
		cause, advice = "its time has passed", "; set a longer duration, or extension.mode: Automatic"
		if start := s.Status.StartTime; start != nil {
			cause = fmt.Sprintf("its duration of %s has passed", roughly(s.Status.ExpiresAt.Sub(start.Time)))
		}
		if isAutomatic(s) {
			advice = "; the server, or a grant of the connection, did not allow a later end"
		}
	}
	return fmt.Sprintf("%s while %s %s/%s%s%s",
		cause, s.Spec.BoundTo.Kind, s.Namespace, s.Spec.BoundTo.Name, stillRuns, advice)
}

// roughly rounds a duration: the server's times are in whole seconds.
func roughly(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Minute)
}

// reachedItsEnd reports whether a session that is over ended when it had to.
func reachedItsEnd(s *pamv1alpha1.ActivitySession) bool {
	const imprecise = 5 * time.Second // servers end sessions from time to time
	return s.Status.ExpiresAt != nil && s.Status.EndTime != nil &&
		s.Status.EndTime.After(s.Status.ExpiresAt.Add(-imprecise))
}
