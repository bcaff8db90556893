// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ByDeadline has an object that is given up at a deadline looked at again by then, whatever it waits for; left is how
// long that is.
func ByDeadline(out Outcome, left time.Duration) Outcome {
	switch {
	case out.Err == nil:
		out.After = Soonest(out.After, max(left, DeadlineRecheck))
	case left < LastRetry: // a growing delay would miss it
		out.Err, out.After = nil, Soonest(max(left, DeadlineRecheck), UnseenRetry)
	}
	return out
}

// LeftOf is how long an object that has finished stays, if it does for this many seconds.
func LeftOf(seconds int32, finished metav1.Time, now time.Time) time.Duration {
	return finished.Add(time.Duration(seconds) * time.Second).Sub(now)
}
