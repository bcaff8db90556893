// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func objects(explained []string) []cog.Builder[dashboard.Panel] {
	rate := func(metric string) string {
		return `(rate(` + metric + `{` + ofConnection + `}[$__rate_interval]))`
	}
	return []cog.Builder[dashboard.Panel]{
		stacked(graph("Objects by reason", "All kinds. Reasons are explained in the runbook.", unitShort, query{
			"{{reason}}", `sum by (reason) (` + once("pam_objects", ofConnection, objectLabels) + `)`,
		})).Span(12),
		stacked(graph("Objects by kind", "How many there are.", unitShort, query{
			"{{kind}}", `sum by (kind) (` + once("pam_objects", ofConnection, objectLabels) + `)`,
		})).Span(12),
		graph("Drift", "Objects per second that were found to differ, and that were repaired.", unitRate,
			query{"{{kind}} found", `sum by (kind) ` + rate("pam_drift_found_total")},
			query{"{{kind}} repaired", `sum by (kind) ` + rate("pam_drift_repaired_total")}),
		graph("Adoptions", "Objects per second that were already on an appliance.", unitRate, query{
			"{{kind}} {{result}}", `sum by (kind, result) ` + rate("pam_adoptions_total"),
		}),
		graph("Deletions", "Objects that are being deleted.", unitShort, query{
			"{{kind}}", once("pam_deleting_objects", ofManager, "kind"),
		}),
		longestNotReady(explained),
	}
}

// longestNotReady links each reason to its entry in the runbook, whose anchor is the reason in lower case. Grafana
// cannot change the case of a text, but it can show another one for a value.
func longestNotReady(explained []string) cog.Builder[dashboard.Panel] {
	anchors := map[string]dashboard.ValueMappingResult{}
	for _, name := range explained {
		anchors[name] = dashboard.ValueMappingResult{Text: cog.ToPtr(strings.ToLower(name))}
	}
	return listing("Longest not ready", "The twenty objects that have not been ready for the longest time.",
		[]string{"kind", "object_namespace", "object", "reason", "Value", "acts"}, column{
			"For",
			`topk(20, time() - max by (
  kind, object_namespace, object, connection_namespace, connection, reason, acts, runbook
) (label_replace(
  pam_object_not_ready_timestamp_seconds{` + ofConnection + `}, "runbook", "$1", "reason", "(.*)"
)))`,
			[]dashboard.DynamicConfigValue{property("unit", unitSeconds)},
		}).
		OverrideByName("runbook", []dashboard.DynamicConfigValue{
			property("mappings", []dashboard.ValueMapping{words(anchors)}),
			property("links", []map[string]any{{
				"title": "What it means and what to do", "url": runbookURL + "#${__value.text}", "targetBlank": true,
			}}),
		}).
		Height(10)
}
