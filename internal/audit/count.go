// SPDX-License-Identifier: Apache-2.0

package audit

import "github.com/pam-operator/pam-operator/internal/metrics"

// This file counts what the audit trail records, so that the metrics and the trail cannot tell different stories.

// count counts the record of an action that has a metric.
func count(r Record) {
	switch r.Action {
	case Adopt:
		countIf(adoptions, r.Result, func(result string) { metrics.SPS(r.Connection).Adoption(r.Kind, result) })
	case Request:
		countIf(requests, r.Result, metrics.NPS(r.Connection).SessionRequest)
	case Extend:
		countIf(extensions, r.Result, metrics.NPS(r.Connection).SessionExtension)
	case AdoptSession:
		metrics.NPS(r.Connection).SessionRequest(metrics.RequestRecovered)
		metrics.NPS(r.Connection).SessionDuplicate(metrics.DuplicatePrevented)
	case EndDuplicate:
		metrics.NPS(r.Connection).SessionDuplicate(metrics.DuplicateEnded)
	case Create, Update, Repair, Delete, Abandon, Terminate, End, Hand, Over:
	}
}

// The values of the label result. What the operator itself denied was never requested.
var (
	adoptions = map[Result]string{
		Succeeded: metrics.AdoptionAdopted, Denied: metrics.AdoptionRefused, Refused: metrics.AdoptionRefused,
	}
	requests = map[Result]string{
		Succeeded: metrics.RequestCreated, Refused: metrics.RequestRefused, Unknown: metrics.RequestLost,
		Failed: metrics.RequestFailed,
	}
	extensions = map[Result]string{
		Succeeded: metrics.ExtensionDone, Refused: metrics.ExtensionRefused, Denied: metrics.ExtensionDenied,
	}
)

func countIf(results map[Result]string, result Result, count func(string)) {
	if label, ok := results[result]; ok {
		count(label)
	}
}
