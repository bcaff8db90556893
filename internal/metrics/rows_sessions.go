// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Values of the labels result and outcome of sessions.
const (
	RequestCreated   = "created"
	RequestRecovered = "recovered"
	RequestRefused   = "refused"
	RequestLost      = "lost"
	RequestFailed    = "failed"

	DuplicatePrevented = "prevented"
	DuplicateEnded     = "ended"

	ExtensionDone    = "extended"
	ExtensionRefused = "refused"
	ExtensionDenied  = "denied"
)

func sessionRows() []Metric {
	return through(kinds.NPSConnection, append(liveSessionRows(), sessionEndRows()...))
}

func liveSessionRows() []Metric {
	return []Metric{
		{
			Name: Sessions, Type: Gauge, Stability: Stable, Labels: with(ofConnection, labelPhase), AtScrape: true,
			Help:   "ActivitySessions by phase.",
			LookAt: "`Pending` and `Starting` that do not go down.",
		},
		{
			Name: SessionLimit, Type: Gauge, Stability: Stable, Labels: ofConnection, AtScrape: true,
			Help:   "How many sessions may be live through the connection, by limits.activeSessions.",
			LookAt: "Live sessions near it: further requests wait.",
		},
		{
			Name: sessionRequests, Type: Counter, Stability: Stable, FromZero: true, Labels: with(ofConnection, labelResult),
			Values: map[string][]string{labelResult: {
				RequestCreated, RequestRecovered, RequestRefused, RequestLost, RequestFailed,
			}},
			Help: "Requests for sessions: created, recovered (the answer was lost, and the session found), refused by the " +
				"server, lost (the answer; it is searched for), or failed before they were sent.",
			LookAt: "`lost` should be followed by `recovered` or `created`.",
		},
		{
			Name: sessionDuplicates, Type: Counter, Stability: Stable, FromZero: true, Labels: with(ofConnection, labelOutcome),
			Values: map[string][]string{labelOutcome: {DuplicatePrevented, DuplicateEnded}},
			Help: "Second sessions of one request: prevented, because the first one was found although its answer was lost, " +
				"or ended, because there were two.",
			LookAt: "`ended`: the server takes longer than `--session-recovery-window` to create a session.",
		},
		{
			Name: sessionToActive, Type: Histogram, Stability: Stable, Labels: with(ofConnection, labelApproval),
			Buckets: []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600},
			Help:    "From the request, or from the startTime that it asked for, until the session could be used, in seconds.",
			LookAt:  "`approval=\"false\"`: the server alone. With an approval, people are part of it.",
		},
		{
			Name: sessionExtensions, Type: Counter, Stability: Stable, Labels: with(ofConnection, labelResult),
			Values: map[string][]string{labelResult: {ExtensionDone, ExtensionRefused, ExtensionDenied}},
			Help:   "Attempts to extend a session: extended, refused by the server, or denied by the connection's grants.",
			LookAt: "`refused`: the connection profile at the server allows no more.",
		},
	}
}

func sessionEndRows() []Metric {
	return []Metric{
		{
			Name: sessionEnds, Type: Counter, Stability: Stable, Labels: with(ofConnection, labelPhase, labelReason),
			Values: map[string][]string{labelReason: append(pamv1alpha1.AllFailureReasons(), NoReason)},
			Help:   "Sessions that are over, by their last phase and status.failure.reason.",
			LookAt: "The share of `phase=\"Failed\"`; the runbook has an entry per reason.",
		},
		{
			Name: secretAge, Type: Histogram, Stability: Alpha, Labels: ofConnection,
			Buckets: []float64{60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 259200, 604800},
			Help:    "Age of connection Secrets when they were deleted, in seconds.",
			LookAt:  "It should not exceed how long your sessions last.",
		},
		{
			Name: secretLag, Type: Histogram, Stability: Stable, Labels: ofConnection,
			Buckets: []float64{0.5, 1, 2, 5, 10, 30, 60, 120, 300},
			Help:    "From the end of a session until its connection Secret was deleted, in seconds; 0 if that came first.",
			LookAt:  "Above 60: connection data outlived its session.",
		},
	}
}
