// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// defaultActiveDeadline is spec.activeDeadlineSeconds where it is left out.
const defaultActiveDeadline = 24 * time.Hour

// ActiveDeadline applies spec.activeDeadlineSeconds to an object that runs once and has not finished. Before the
// deadline it has the object looked at again by then, whatever it waits for; after it, expired says why it has failed.
func ActiveDeadline(created metav1.Time, seconds *int64, now time.Time, out Outcome) (_ Outcome, expired string) {
	deadline := defaultActiveDeadline
	if seconds != nil {
		deadline = time.Duration(*seconds) * time.Second
	}
	left := created.Add(deadline).Sub(now)
	switch {
	case left <= 0:
		return out, fmt.Sprintf("given up at its deadline of %s; it waited for: %s", deadline, out.Message)
	case out.Err == nil:
		out.After = Soonest(out.After, max(left, DeadlineRecheck))
	case left < LastRetry: // a growing delay would miss it
		out.Err, out.After = nil, Soonest(max(left, DeadlineRecheck), UnseenRetry)
	}
	return out, ""
}

// LeftOf is how long an object that has finished stays, if it does for this many seconds.
func LeftOf(seconds int32, finished metav1.Time, now time.Time) time.Duration {
	return finished.Add(time.Duration(seconds) * time.Second).Sub(now)
}
