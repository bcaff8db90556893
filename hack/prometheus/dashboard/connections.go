// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
)

// byConnection are the labels of a connection.
const byConnection = "kind, connection_namespace, connection"

func connections() []cog.Builder[dashboard.Panel] {
	of := func(metric string) string { return once(metric, ofConnection, byConnection) }
	yes := func(colour string) []dashboard.DynamicConfigValue {
		return coloured(map[string]dashboard.ValueMappingResult{"0": word("no", text), "1": word("yes", colour)})
	}
	const expiry = "pam_connection_credential_expiry_timestamp_seconds"
	when := []dashboard.DynamicConfigValue{property("unit", "dateTimeFromNow")}
	return []cog.Builder[dashboard.Panel]{
		listing("Connections", "When the token and the first of the certificates expire, and how many objects depend on it.",
			[]string{"kind", "connection_namespace", "connection"},
			column{"Ready", of("pam_connection_ready"), coloured(map[string]dashboard.ValueMappingResult{
				"0": word("not ready", red), "1": word("ready", green),
			})},
			column{"", once("pam_connection_info", ofConnection, byConnection+`, appliance, version`), nil},
			column{"Suspended", of("pam_connection_suspended"), yes(yellow)},
			column{"Insecure TLS", of("pam_connection_insecure_tls"), yes(red)},
			column{"Token", once(expiry, ofConnection+`, credential="token"`, byConnection) + ` * 1000`, when},
			column{"Certificate", `min by (` + byConnection + `) (` +
				expiry + `{` + ofConnection + `, credential!="token"}) * 1000`, when},
			column{"Objects", of("pam_connection_ready") + ` * 0 + on (connection_namespace, connection) group_left ()
  sum by (connection_namespace, connection) (` +
				once("pam_objects", ofConnection+`, kind!~"SPSConnection|NPSConnection"`, objectLabels) + `)`, nil},
		),
		statetimeline.NewPanelBuilder().
			Title("Readiness over time").
			Description("A gap is a time without a leader.").
			Datasource(source()).Span(24).Height(8).
			ShowValue(common.VisibilityModeNever).MergeValues(true).
			Mappings([]dashboard.ValueMapping{words(map[string]dashboard.ValueMappingResult{
				"0": word("not ready", red), "1": word("ready", green),
			})}).
			Thresholds(thresholds(base(text))).
			WithTarget(target(0, query{"{{kind}} {{connection_namespace}}/{{connection}}", of("pam_connection_ready")})),
	}
}
