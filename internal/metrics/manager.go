// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"runtime"
	"time"

	"github.com/pam-operator/pam-operator/internal/lane"
)

// Results of passes.
const (
	PassSucceeded = "succeeded"
	PassFailed    = "failed"
)

// Build shows what the manager was built from.
func Build(version, revision string) {
	gauges[buildInfo].WithLabelValues(version, revision, runtime.Version()).Set(1)
}

// PassMoved counts a pass of a controller in a new state; an empty state means none.
func PassMoved(controller string, from, to lane.State) {
	if from != "" {
		gauge(passesNow, controller, string(from)).Dec()
	}
	if to != "" {
		gauge(passesNow, controller, string(to)).Inc()
	}
}

// PassOver counts a finished pass.
func PassOver(controller string, took time.Duration, failed bool) {
	result := PassSucceeded
	if failed {
		result = PassFailed
	}
	count(passesTotal, controller, result)
	observe(passSeconds, took.Seconds(), controller)
}

// ReconcileRequested counts a request to reconcile an object of a kind that was handled.
func ReconcileRequested(kind string) { count(reconcileRequests, kind) }

// Leftover counts an object that was released although something of it may remain; collection is where.
func Leftover(collection string) { count(leftoversTotal, collection) }
