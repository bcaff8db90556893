// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// targetLabels are what Prometheus adds to every series.
var targetLabels = []string{"cluster", "namespace", "job", "instance", "pod"}

// foreign are the metrics that others define, with their labels: controller-runtime and the libraries of the manager,
// Prometheus itself, and kube-state-metrics.
var foreign = map[string][]string{
	"controller_runtime_reconcile_total":               {"controller", "result"},
	"controller_runtime_reconcile_errors_total":        {"controller"},
	"controller_runtime_reconcile_time_seconds_bucket": {"controller", "le"},
	"workqueue_depth":                         {"name", "controller", "priority"},
	"workqueue_queue_duration_seconds_bucket": {"name", "controller", "le"},
	"rest_client_requests_total":              {"code", "host", "method"},
	"leader_election_master_status":           {"name"},
	"process_resident_memory_bytes":           {},
	"process_start_time_seconds":              {},
	"go_goroutines":                           {},
	"ALERTS":                                  {"alertname", "alertstate", "severity"},
	"kube_pod_container_resource_limits":      {"container", "resource", "unit", "node"},
}

// metricRow is a row of docs/metrics.md, which is generated from the table that registers the metrics.
var metricRow = regexp.MustCompile("(?m)^\\| `(pam_[a-z_]+)` \\| (gauge|counter|histogram)[^|]*\\| ([^|]*) \\|")

// known are all metrics with their labels; a histogram is three.
func known(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := maps.Clone(foreign)
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		name, kind := row[1], row[2]
		var names []string
		for _, label := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[3], -1) {
			names = append(names, label[1])
		}
		if kind != "histogram" {
			all[name] = names
			continue
		}
		all[name+"_bucket"], all[name+"_count"], all[name+"_sum"] = append(slices.Clone(names), "le"), names, names
	}
	if len(all) < len(foreign)+30 {
		t.Fatalf("docs/metrics.md has only %d metrics", len(all)-len(foreign))
	}
	return all
}

// expressions are those of alerts and dashboards, by where they are.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range alerts(t) {
		all["the alert "+r.Alert] = r.Expr
	}
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			all[fmt.Sprintf("%s of the panel %q", target.RefID, p.Title)] = target.Expr
		}
	}
	return all
}

// withoutVariables is what Grafana sends: it replaces its variables first.
var withoutVariables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h")

// TestEveryExpressionUsesMetricsAndLabelsThatExist parses them as Prometheus does.
func TestEveryExpressionUsesMetricsAndLabelsThatExist(t *testing.T) {
	exists, used := known(t), map[string]bool{}
	for where, expr := range expressions(t) {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(withoutVariables.Replace(expr))
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		for _, problem := range problems(parsed, exists) {
			t.Errorf("%s: %s", where, problem)
		}
		for _, selector := range selectors(parsed) {
			used[selector.Name] = true
		}
	}
	for name := range foreign {
		if !used[name] {
			t.Errorf("nothing uses %s any more", name)
		}
	}
}

// problems are the metrics and labels of an expression that do not exist.
func problems(expr parser.Expr, exists map[string][]string) (found []string) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			found = append(found, ofSelector(n, exists)...)
		case *parser.AggregateExpr:
			if n.Without {
				found = append(found, "without: labels of the target would stay; say by which")
			}
			found = append(found, missing(n.Grouping, labelsBelow(n.Expr, exists), "by")...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil && n.VectorMatching.On {
				found = append(found, missing(n.VectorMatching.MatchingLabels, labelsBelow(n.LHS, exists), "on, left")...)
				found = append(found, missing(n.VectorMatching.MatchingLabels, labelsBelow(n.RHS, exists), "on, right")...)
			}
		}
		return nil
	})
	return found
}

func ofSelector(selector *parser.VectorSelector, exists map[string][]string) (found []string) {
	of, ok := exists[selector.Name]
	if !ok {
		return []string{fmt.Sprintf("there is no metric %q", selector.Name)}
	}
	var matched []string
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name != model.MetricNameLabel {
			matched = append(matched, matcher.Name)
		}
	}
	return missing(matched, slices.Concat(of, targetLabels), selector.Name)
}

// labelsBelow are the labels that the series of an expression can have. label_replace and label_join make new ones.
func labelsBelow(node parser.Node, exists map[string][]string) []string {
	all := slices.Clone(targetLabels)
	for _, selector := range selectors(node) {
		all = append(all, exists[selector.Name]...)
	}
	parser.Inspect(node, func(n parser.Node, _ []parser.Node) error {
		if call, ok := n.(*parser.Call); ok && strings.HasPrefix(call.Func.Name, "label_") {
			if made, ok := call.Args[1].(*parser.StringLiteral); ok {
				all = append(all, made.Val)
			}
		}
		return nil
	})
	return all
}

func missing(wanted, exist []string, where string) (found []string) {
	for _, name := range wanted {
		if !slices.Contains(exist, name) {
			found = append(found, fmt.Sprintf("%s: there is no label %q", where, name))
		}
	}
	return found
}

// TestWhatDoesNotExistIsFound is a test of the tests above.
func TestWhatDoesNotExistIsFound(t *testing.T) {
	exists := map[string][]string{"a": {"x"}, "b": {"y"}}
	for expr, want := range map[string]string{
		`a{x="1", cluster="c"}`:      "",
		`sum by (x, namespace) (a)`:  "",
		`c`:                          `no metric "c"`,
		`a{y="1"}`:                   `no label "y"`,
		`sum by (y) (a)`:             `no label "y"`,
		`sum by (x) (rate(b[5m]))`:   `no label "x"`,
		`a * on (x) group_left () b`: `on, right: there is no label "x"`,
		`b unless on (x) a`:          `on, left: there is no label "x"`,
		`sum without (pod) (a)`:      "say by which",
		`histogram_quantile(0.9, c)`: `no metric "c"`,
		`sum by (n) (label_replace(a, "n", "$1", "x", "(.*)"))`: "",
	} {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(problems(parsed, exists), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}
