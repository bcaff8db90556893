// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/pam-operator/pam-operator/internal/rest"
)

var (
	leftovers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pam_leftovers_total",
		Help: "Objects that were let go in the cluster although they may still be on their appliance.",
	}, []string{"collection"})

	insecureConnections = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pam_connection_insecure_tls",
		Help: "1 for every connection that does not verify its server's certificate.",
	}, []string{"kind", "namespace", "name"})

	circuits = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pam_connection_circuit_breaker",
		Help: "State of a connection's circuit breaker: 0 closed, 1 half-open (one probe is under way), " +
			"2 open (nothing is sent).",
	}, []string{"kind", "connection_namespace", "connection"})
)

// showCircuit keeps the metric of a connection's circuit breaker.
func showCircuit(kind string, name types.NamespacedName, state rest.CircuitState) {
	circuits.WithLabelValues(kind, name.Namespace, name.Name).Set(float64(state))
}

func init() { //nolint:gochecknoinits // the registry of controller-runtime is filled by packages
	metrics.Registry.MustRegister(leftovers, insecureConnections, circuits)
}
