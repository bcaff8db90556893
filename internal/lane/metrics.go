// SPDX-License-Identifier: Apache-2.0

package lane

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// What a controller's own metrics say ends where an object is handed to its lane; these go on from there.
var (
	passesNow = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pam_passes",
		Help: "Passes over objects by state: waiting in the lane of their connection, running, or aside (waiting for a " +
			"shared commit).",
	}, []string{"controller", "state"})

	passesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pam_passes_total",
		Help: "Passes over objects that are over, by result: succeeded or failed.",
	}, []string{"controller", "result"})

	passDuration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "pam_pass_duration_seconds",
		Help:    "How long passes over objects took, waits for a shared commit included.",
		Buckets: []float64{0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120},
	}, []string{"controller"})
)

func init() { //nolint:gochecknoinits // the registry of controller-runtime is filled by packages
	metrics.Registry.MustRegister(passesNow, passesTotal, passDuration)
}

// States of a pass, and results.
const (
	stateWaiting = "waiting"
	stateRunning = "running"
	stateAside   = "aside"

	resultSucceeded = "succeeded"
	resultFailed    = "failed"
)

// moved counts a pass in another state; an empty state is none.
func (l *Lanes) moved(from, to string) {
	if from != "" {
		passesNow.WithLabelValues(l.options.Name, from).Dec()
	}
	if to != "" {
		passesNow.WithLabelValues(l.options.Name, to).Inc()
	}
}

func (l *Lanes) over(begun time.Time, err error) {
	result := resultSucceeded
	if err != nil {
		result = resultFailed
	}
	passesTotal.WithLabelValues(l.options.Name, result).Inc()
	passDuration.WithLabelValues(l.options.Name).Observe(time.Since(begun).Seconds())
}
