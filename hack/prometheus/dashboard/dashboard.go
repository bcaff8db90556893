// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const (
	// schemaVersion is that of Grafana 11. Newer ones migrate it when they load it.
	schemaVersion = 39
	documents     = "https://github.com/pam-operator/pam-operator/blob/main/docs/"
	runbookURL    = documents + "runbook.md"
)

// row is a row of panels. The width of a dashboard is 24.
type row struct {
	title  string
	panels []cog.Builder[dashboard.Panel]
}

func rows(explained []string) []row {
	return []row{
		{"At a glance", glance()},
		{"Connections", connections()},
		{"Transactions and the configuration lock", transactions()},
		{"Policies, users and groups", objects(explained)},
		{"Sessions", sessions()},
		{"Calls of appliances and servers", calls()},
		{"Manager", manager()},
	}
}

// model is what Grafana 11 and newer read. There is a newer one, which needs Grafana 12.
type model = dashboard.Dashboard //nolint:staticcheck // SA1019: see above

// build returns the dashboard. explained are the entries of the runbook.
func build(explained []string) (model, error) {
	builder := dashboard.NewDashboardBuilder("pam-operator"). //nolint:staticcheck // SA1019: see model
									Uid("pam-operator").
									Description("Privileged access as Kubernetes objects: connections, policies, sessions, and the manager.").
									Tags([]string{"pam-operator", "kubernetes", "security"}).
									Time("now-6h", "now").
									Refresh("1m").
									Timezone("browser").
									Tooltip(dashboard.DashboardCursorSyncCrosshair).
									Editable().
									Variables(variables()).
									Link(link("Runbook", runbookURL)).
									Link(link("Metrics", documents+"metrics.md")).
									Link(link("SPS connections", documents+"kinds/spsconnection.md")).
									Link(link("NPS connections", documents+"kinds/npsconnection.md"))
	for _, r := range rows(explained) {
		builder.WithRow(dashboard.NewRowBuilder(r.title))
		for _, panel := range r.panels {
			builder.WithPanel(panel)
		}
	}
	out, err := builder.Build()
	out.SchemaVersion = schemaVersion
	return out, err
}

func link(title, url string) cog.Builder[dashboard.DashboardLink] {
	return dashboard.NewDashboardLinkBuilder(title).
		Type(dashboard.DashboardLinkTypeLink).Icon("doc").Url(url).TargetBlank(true)
}

// source is the data source that the reader chooses.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
}

// What the variables select. A label that a series does not have matches ".*", which is what "All" means.
const (
	ofManager    = `cluster=~"$cluster", namespace=~"$namespace", job=~"$job"`
	ofConnection = ofManager + `, connection_namespace=~"$connection_namespace", connection=~"$connection"`
	ofAppliance  = ofManager + `, appliance=~"$appliance"`
)

func variables() []cog.Builder[dashboard.VariableModel] {
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus"),
		variable("cluster", "Cluster", `pam_build_info`),
		variable("namespace", "Namespace of the manager", `pam_build_info{cluster=~"$cluster"}`),
		variable("job", "Job", `pam_build_info{cluster=~"$cluster", namespace=~"$namespace"}`).
			Hide(dashboard.VariableHideHideVariable),
		variable("connection_namespace", "Namespace of the connection", `pam_connection_ready{`+ofManager+`}`),
		variable("connection", "Connection",
			`pam_connection_ready{`+ofManager+`, connection_namespace=~"$connection_namespace"}`),
		variable("appliance", "Appliance", `pam_connection_info{`+ofConnection+`}`),
	}
}

// variable has the values of the label of the same name.
func variable(name, label, series string) *dashboard.QueryVariableBuilder {
	query := "label_values(" + series + ", " + name + ")"
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(source()).
		Query(dashboard.StringOrMap{String: &query}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(true).
		AllValue(".*").
		Current(dashboard.VariableOption{
			Selected: cog.ToPtr(true),
			Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value:    dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}
