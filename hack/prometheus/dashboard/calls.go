// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func calls() []cog.Builder[dashboard.Panel] {
	rate := func(by, further string) string {
		return `sum by (` + by + `) (rate(pam_requests_total{` + ofConnection + further + `}[$__rate_interval]))`
	}
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Calls by operation", "Calls per second.", unitRate,
			query{"{{system}} {{operation}}", rate("system, operation", "")})),
		stacked(graph("Failed calls by result",
			"Calls per second without an answer of 2xx. SPS answers some questions with 404.", unitRate,
			query{"{{system}} {{result}}", rate("system, result", `, result!~"2.."`)})),
		graph("Log-ins", "Log-ins per second. Both products lock accounts after too many failures.", unitRate,
			query{"{{connection_namespace}}/{{connection}} {{result}}",
				rate("connection_namespace, connection, result", `, operation=~"log_in|second_factor"`)}),
		graph("Duration by connection", "How long calls take.", unitSeconds,
			quantiles("pam_request_duration_seconds", ofConnection,
				"{{connection_namespace}}/{{connection}}", "connection_namespace, connection", 50, 95, 99)...).Span(12),
		graph("Duration by operation", "The 95th percentile of calls.", unitSeconds,
			quantiles("pam_request_duration_seconds", ofConnection,
				"{{system}} {{operation}}", "system, operation", 95)...).Span(12),
	}
}
