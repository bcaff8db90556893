// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
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
)

func init() { //nolint:gochecknoinits // the registry of controller-runtime is filled by packages
	metrics.Registry.MustRegister(leftovers, insecureConnections)
}
