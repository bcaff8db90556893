// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

func transactions() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Transactions by result", "Transactions per second.", unitRate, query{
			byResult, `sum by (result) (rate(pam_transactions_total{` + ofAppliance + `}[$__rate_interval]))`,
		})),
		stacked(graph("Changes by result", "Single changes per second.", unitRate, query{
			byResult, `sum by (result) (rate(pam_changes_total{` + ofAppliance + `}[$__rate_interval]))`,
		})),
		changesPerCommit(),
		graph("Wait for the lock", "From the first try until the configuration is locked.", unitSeconds,
			quantiles("pam_transaction_lock_wait_seconds", ofAppliance, "{{appliance}}", "appliance", 50, 99)...),
		graph("Lock held", "How long nobody else can change the configuration.", unitSeconds,
			quantiles("pam_transaction_lock_hold_seconds", ofAppliance, "{{appliance}}", "appliance", 50, 99)...),
		graph("Commit", "How long the appliance takes to apply a transaction.", unitSeconds,
			quantiles("pam_transaction_commit_seconds", ofAppliance, "{{appliance}}", "appliance", 50, 99)...),
		graph("Changes waiting", "Changes that are gathered, but not committed yet.", unitShort, query{
			"{{appliance}}", once("pam_changes_waiting", ofAppliance, "appliance"),
		}),
		graph("Locked by others", "For how long somebody else has held the configuration.", unitSeconds, query{
			"{{appliance}}",
			`time() - ` + once("pam_foreign_lock_timestamp_seconds", ofAppliance, "appliance"),
		}),
		graph("Last look at the appliance", "How old the picture is with which objects are compared.", unitSeconds, query{
			"{{appliance}}",
			`time() - ` + once("pam_inventory_check_timestamp_seconds", ofAppliance, "appliance"),
		}),
	}
}

func changesPerCommit() *heatmap.PanelBuilder {
	return heatmap.NewPanelBuilder().
		Title("Changes per commit").
		Description("The more changes share a commit, the less often the configuration is locked.").
		Datasource(source()).Span(8).Height(8).
		Calculate(false).
		YAxis(heatmap.NewYAxisConfigBuilder().AxisPlacement(common.AxisPlacementLeft).Unit(unitShort)).
		Color(heatmap.NewHeatmapColorOptionsBuilder().
			Mode(heatmap.HeatmapColorModeScheme).Scheme("Blues").Steps(64).Exponent(0.5).Fill("blue")).
		WithTarget(prometheus.NewDataqueryBuilder().
			RefId(refID(0)).Datasource(source()).Range().Format(prometheus.PromQueryFormatHeatmap).LegendFormat("{{le}}").
			Expr(`sum by (le) (increase(pam_transaction_changes_bucket{` + ofAppliance + `}[$__rate_interval]))`))
}
