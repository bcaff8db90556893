// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Names of controllers in metrics.
const (
	policyController  = "rdpconnectionpolicy"
	sessionController = "activitysession"
)

// pollInterval is how often the manager's metrics are read while waiting for it.
const pollInterval = 100 * time.Millisecond

// workload is what the manager's metrics say about one controller.
type workload struct{ passes, queued, active float64 }

// parseWorkload parses metrics in the Prometheus format.
func parseWorkload(text io.Reader, controller string) (workload, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return workload{}, fmt.Errorf("metrics of the manager: %w", err)
	}
	return workload{
		passes: sum(families["pam_passes_total"], "controller", controller),
		queued: sum(families["workqueue_depth"], "name", controller),
		active: sum(families["pam_passes"], "controller", controller),
	}, nil
}

// sum adds up the counters or gauges whose label has this value.
func sum(family *dto.MetricFamily, label, value string) float64 {
	total := 0.0
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == label && l.GetValue() == value {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}

func (m *manager) workload(ctx context.Context, controller string) (workload, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.metrics, nil)
	if err != nil {
		return workload{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return workload{}, err
	}
	defer response.Body.Close()
	return parseWorkload(response.Body, controller)
}

// settled waits until the manager has reconciled n policies and is idle.
func (d *bed) settled(ctx context.Context, passes int) error {
	return d.settledController(ctx, policyController, passes)
}

func (d *bed) settledController(ctx context.Context, controller string, passes int) error {
	return wait.PollUntilContextTimeout(ctx, pollInterval, d.patience, true, func(ctx context.Context) (bool, error) {
		if err := d.manager.ended(); err != nil {
			return false, err
		}
		w, err := d.manager.workload(ctx, controller)
		if err != nil {
			return false, nil //nolint:nilerr // it is not serving yet
		}
		return w.passes >= float64(passes) && w.queued == 0 && w.active == 0, nil
	})
}
