// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"time"

	utilwait "k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Soonest is the shortest of the durations that are not 0.
func Soonest(durations ...time.Duration) time.Duration {
	shortest := time.Duration(0)
	for _, d := range durations {
		if d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	return shortest
}

// UnseenRetry is how often an unreachable server is asked about a session that is about to end.
const UnseenRetry = 5 * time.Second

// DeadlineRecheck is the shortest delay after which a deadline is checked again.
const DeadlineRecheck = time.Second

// Jitter spreads reconciles that were scheduled together, by a fifth. 0 stays 0.
func Jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return utilwait.Jitter(d*9/10, 0.2)
}

// Delays of retries: the first are short, the later ones spare an appliance that is down.
const (
	FirstRetry = 500 * time.Millisecond
	LastRetry  = 2 * time.Minute
)

// jittered spreads retries that began together.
type jittered struct {
	workqueue.TypedRateLimiter[reconcile.Request]
}

// When returns a delay that grows with the failures, and varies by half of it.
func (j jittered) When(request reconcile.Request) time.Duration {
	return utilwait.Jitter(j.TypedRateLimiter.When(request), 0.5)
}
