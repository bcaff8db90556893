// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func sessions() []cog.Builder[dashboard.Panel] {
	rate := func(metric string) string {
		return `(rate(` + metric + `{` + ofConnection + `}[$__rate_interval]))`
	}
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Sessions by phase", "ActivitySessions that have not ended.", unitShort, query{
			"{{phase}}", `sum by (phase) (` +
				once("pam_sessions", ofConnection+`, phase!~"Completed|Cancelled|Failed|Denied"`, sessionLabels) + `)`,
		})),
		graph("Time to active", "From the request until the session can be used, with and without approval.",
			unitSeconds,
			quantiles("pam_session_time_to_active_seconds", ofConnection, "approval {{approval}}", "approval", 50, 95)...),
		stacked(graph("Ends by reason", "Sessions per second that ended.", unitRate, query{
			"{{phase}} {{reason}}", `sum by (phase, reason) ` + rate("pam_session_ends_total"),
		})),
		graph("Requests by result", "Requests per second. A recovered one had lost its answer.", unitRate, query{
			byResult, `sum by (result) ` + rate("pam_session_requests_total"),
		}),
		graph("Extensions by result", "Extensions per second.", unitRate, query{
			byResult, `sum by (result) ` + rate("pam_session_extensions_total"),
		}),
		graph("Second sessions", "Second sessions of one request per second, prevented or ended.", unitRate, query{
			"{{outcome}}", `sum by (outcome) ` + rate("pam_session_duplicates_total"),
		}),
		graph("Places used", "Live sessions as a part of limits.activeSessions.", unitRatio, query{
			"{{connection_namespace}}/{{connection}}",
			`sum by (connection_namespace, connection) (` + once("pam_sessions", ofConnection+`, `+live, sessionLabels) + `)
/ ` + once("pam_session_limit", ofConnection, `connection_namespace, connection`),
		}).Max(1).Thresholds(thresholds(base(green), from(0.9, red))),
		graph("Secrets after their session", "From the end of a session until its connection data are deleted.",
			unitSeconds, quantiles("pam_session_secret_lag_seconds", ofConnection, "", "", 50, 99)...),
		graph("Age of Secrets", "How old connection data are when they are deleted.",
			unitSeconds, quantiles("pam_session_secret_age_seconds", ofConnection, "", "", 50, 99)...),
	}
}
