// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

const metricsText = `# HELP pam_passes_total Finished passes over objects, by result: succeeded or failed.
# TYPE pam_passes_total counter
pam_passes_total{controller="rdpconnectionpolicy",result="failed"} 2
pam_passes_total{controller="rdpconnectionpolicy",result="succeeded"} 40
pam_passes_total{controller="localuser",result="succeeded"} 1000
# HELP pam_passes Passes by state
# TYPE pam_passes gauge
pam_passes{controller="rdpconnectionpolicy",state="aside"} 1
pam_passes{controller="rdpconnectionpolicy",state="running"} 2
# HELP workqueue_depth Current depth of workqueue by workqueue and priority
# TYPE workqueue_depth gauge
workqueue_depth{controller="rdpconnectionpolicy",name="rdpconnectionpolicy",priority="0"} 5
workqueue_depth{controller="rdpconnectionpolicy",name="rdpconnectionpolicy",priority="-100"} 6
workqueue_depth{controller="localuser",name="localuser",priority="0"} 100
`

func TestParseWorkload(t *testing.T) {
	got, err := parseWorkload(strings.NewReader(metricsText), policyController)
	if err != nil {
		t.Fatal(err)
	}
	if want := (workload{passes: 42, queued: 11, active: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseWorkloadRefusesWhatIsNoMetrics(t *testing.T) {
	if _, err := parseWorkload(strings.NewReader("<html>"), policyController); err == nil {
		t.Error("no error")
	}
}
