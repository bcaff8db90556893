// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

const metricsText = `# HELP controller_runtime_reconcile_total Total number of reconciliations per controller
# TYPE controller_runtime_reconcile_total counter
controller_runtime_reconcile_total{controller="rdpconnectionpolicy",result="error"} 2
controller_runtime_reconcile_total{controller="rdpconnectionpolicy",result="success"} 40
controller_runtime_reconcile_total{controller="localuser",result="success"} 1000
# HELP controller_runtime_active_workers Number of currently used workers per controller
# TYPE controller_runtime_active_workers gauge
controller_runtime_active_workers{controller="rdpconnectionpolicy"} 3
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
