// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func manager() []cog.Builder[dashboard.Panel] {
	rate := func(by, metric string) string {
		return `sum by (` + by + `) (rate(` + metric + `{` + ofManager + `}[$__rate_interval]))`
	}
	return []cog.Builder[dashboard.Panel]{
		graph("Reconciles", "Reconciles per second.", unitRate,
			query{"{{controller}} {{result}}", rate("controller, result", "controller_runtime_reconcile_total")}),
		graph("Reconcile errors", "Errors per second that the operator did not expect.", unitRate,
			query{"{{controller}}", rate("controller", "controller_runtime_reconcile_errors_total")}),
		graph("Reconcile duration", "The 99th percentile.", unitSeconds,
			quantiles("controller_runtime_reconcile_time_seconds", ofManager, "{{controller}}", "controller", 99)...),
		graph("Queue", "Objects that wait for a worker.", unitShort,
			query{"{{name}}", `sum by (name) (workqueue_depth{` + ofManager + `})`}),
		graph("Time in the queue", "The 99th percentile.", unitSeconds,
			quantiles("workqueue_queue_duration_seconds", ofManager, "{{name}}", "name", 99)...),
		graph("Calls of the API server", "Calls per second.", unitRate,
			query{"{{method}} {{code}}", rate("method, code", "rest_client_requests_total")}),
		graph("Memory", "Resident, and the limit, which kube-state-metrics exposes.", unitBytes,
			query{"{{pod}}", `max by (pod) (process_resident_memory_bytes{` + ofManager + `})`},
			query{"limit of {{pod}}", `max by (pod) (kube_pod_container_resource_limits{
  cluster=~"$cluster", namespace=~"$namespace", container="manager", resource="memory"
})`}),
		graph("Goroutines", "Each live session and each waiting change has some.", unitShort,
			query{"{{pod}}", `max by (pod) (go_goroutines{` + ofManager + `})`}),
		graph("Starts", "Starts of each pod within an hour.", unitShort,
			query{"{{pod}}", `max by (pod) (changes(process_start_time_seconds{` + ofManager + `}[1h]))`}),
	}
}
