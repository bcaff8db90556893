// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// testFile is what promtool reads.
type testFile struct {
	RuleFiles          []string `yaml:"rule_files"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	Tests              []struct {
		Name        string `yaml:"name"`
		Interval    string `yaml:"interval"`
		InputSeries []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		Cases []struct {
			Time   string           `yaml:"eval_time"`
			Alert  string           `yaml:"alertname"`
			Alerts []map[string]any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

// TestEveryAlertFiresAndIsSilentInATest keeps an alert from being added without either. An alert whose metrics are not
// among the series of its test would be silent in any case.
func TestEveryAlertFiresAndIsSilentInATest(t *testing.T) {
	metrics := map[string][]string{}
	for _, r := range alerts(t) {
		metrics[r.Alert] = metricsOf(t, r.Expr)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, file := range testFiles(t) {
		for _, test := range file.Tests {
			var series []string
			for _, s := range test.InputSeries {
				name, _, _ := strings.Cut(s.Series, "{")
				series = append(series, name)
			}
			for _, c := range test.Cases {
				of, exists := metrics[c.Alert]
				if !exists {
					t.Errorf("%s: there is no alert %s", test.Name, c.Alert)
				}
				known := slices.ContainsFunc(of, func(metric string) bool { return slices.Contains(series, metric) })
				fires[c.Alert] = fires[c.Alert] || len(c.Alerts) > 0 && strings.Contains(test.Name, c.Alert+" fires")
				silent[c.Alert] = silent[c.Alert] ||
					len(c.Alerts) == 0 && known && strings.HasPrefix(test.Name, c.Alert+" is silent")
			}
		}
	}
	for alert := range metrics {
		if !fires[alert] || !silent[alert] {
			t.Errorf("%s: fires in a test: %t; is silent in one that has its metrics: %t", alert, fires[alert], silent[alert])
		}
	}
}

func testFiles(t *testing.T) (all []testFile) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(alertsFile), "tests", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of tests, %v", len(files), err)
	}
	for _, name := range files {
		var file testFile
		read(t, name, &file)
		all = append(all, file)
	}
	return all
}

// metricsOf are the metrics of an expression.
func metricsOf(t *testing.T, expr string) (names []string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	for _, selector := range selectors(parsed) {
		names = append(names, selector.Name)
	}
	return names
}

// selectors are all selectors of series below a node.
func selectors(node parser.Node) (all []*parser.VectorSelector) {
	parser.Inspect(node, func(n parser.Node, _ []parser.Node) error {
		if selector, ok := n.(*parser.VectorSelector); ok {
			all = append(all, selector)
		}
		return nil
	})
	return all
}
