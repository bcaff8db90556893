// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// live are the phases of sessions that count for limits.
const live = `phase=~"WaitingForApproval|Scheduled|Starting|Active|Ending"`

// Labels by which gauges are told apart.
const (
	objectLabels  = byConnection + `, reason, acts`
	sessionLabels = `connection_namespace, connection, phase`
)

func glance() []cog.Builder[dashboard.Panel] {
	count := func(selector string) string {
		return `sum(` + once("pam_objects", ofConnection+`, `+selector, objectLabels) + `) or vector(0)`
	}
	return []cog.Builder[dashboard.Panel]{
		number("Ready", "Objects that are as they should be.", count(`reason=~"Synced|Active|Completed"`), base(green)),
		number("Waiting", "Objects that wait for something that clears without help, or for an approver.",
			count(`acts="wait"`), base(green), from(1, yellow)),
		number("Authors have to act", "Objects whose spec asks for something that cannot be done.",
			count(`acts="author"`), base(green), from(1, orange)),
		number("Owners have to act", "Objects that wait for the owner of an appliance, a server or a connection, or "+
			"that have met a bug of the operator.", count(`acts=~"owner|maker"`), base(green), from(1, red)),
		number("Live sessions", "Sessions at the servers that have not ended.",
			`sum(`+once("pam_sessions", ofConnection+`, `+live, sessionLabels)+`) or vector(0)`, base("blue")),
		number("Open drift", "Objects that differ from their appliance now.",
			`sum(`+once("pam_drifted_objects", ofConnection, byConnection+`, management_policy`)+`) or vector(0)`,
			base(green), from(1, orange)),
		number("Leftovers", "Objects that were deleted in the cluster, but may still be on an appliance.",
			`sum(`+once("pam_leftovers", ofManager, `cluster, namespace, collection`)+`) or vector(0)`,
			base(green), from(1, red)),
		number("Firing alerts", "Alerts of pam-operator that fire.",
			`count(ALERTS{alertname=~"Pam[A-Z].*", alertstate="firing", cluster=~"$cluster"}) or vector(0)`,
			base(green), from(1, red)),
		number("Leader", "The pod that leads, and its version. Empty if no replica was elected.",
			`max by (pod, version) (pam_build_info{`+ofManager+`} and on (cluster, namespace, pod, instance)
  (leader_election_master_status{`+ofManager+`} == 1))`, base(text)).
			Span(24).Height(3).TextMode(common.BigValueTextModeName).ColorMode(common.BigValueColorModeNone).
			DisplayName("${__field.labels.pod} ${__field.labels.version}"),
	}
}
