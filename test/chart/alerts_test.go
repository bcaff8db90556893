// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// ruleGroups are the groups of config/prometheus/alerts.yaml.
func ruleGroups(t *testing.T) []any {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config", "prometheus", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := object{}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	groups, _ := file["groups"].([]any)
	return groups
}

// groupsOf are the groups of the PrometheusRule among objects.
func groupsOf(t *testing.T, objects []*unstructured.Unstructured) []any {
	t.Helper()
	groups, _, err := unstructured.NestedSlice(find(t, objects, "PrometheusRule", "alerts").Object, "spec", "groups")
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// rulesByName are the alerts of the only group.
func rulesByName(t *testing.T, groups []any) map[string]object {
	t.Helper()
	out := map[string]object{}
	if len(groups) != 1 {
		t.Fatalf("%d groups, want one", len(groups))
	}
	group, _ := groups[0].(object)
	rules, _ := group["rules"].([]any)
	for _, each := range rules {
		rule, _ := each.(object)
		name, _ := rule["alert"].(string)
		out[name] = rule
	}
	return out
}

// TestEveryWayToInstallHasTheSameAlerts holds the defaults of the thresholds, too.
func TestEveryWayToInstallHasTheSameAlerts(t *testing.T) {
	want := ruleGroups(t)
	if diff := cmp.Diff(want, groupsOf(t, helm4(t).render(t, ciFile("monitoring")...))); diff != "" {
		t.Errorf("config/prometheus/alerts.yaml (-) and the chart (+) differ:\n%s", diff)
	}
	if diff := cmp.Diff(want, groupsOf(t, kustomize(t, "prometheus"))); diff != "" {
		t.Errorf("config/prometheus/alerts.yaml (-) and kustomize (+) differ:\n%s", diff)
	}
}

// number is one that something is compared with.
var number = regexp.MustCompile(` [0-9.]+\b`)

// TestAThresholdReplacesTheLastNumber looks at each of them.
func TestAThresholdReplacesTheLastNumber(t *testing.T) {
	h, plain := helm4(t), rulesByName(t, ruleGroups(t))
	for _, l := range leaves(t) {
		alert, isThreshold := strings.CutPrefix(l.String(), "metrics.prometheusRule.thresholds.")
		if !isThreshold {
			continue
		}
		t.Run(alert, func(t *testing.T) {
			t.Parallel()
			const half = 0.5 // is a valid value for all of them
			values := nested(object{"enabled": true, "thresholds": object{alert: half}}, "metrics", "prometheusRule")
			got := rulesByName(t, groupsOf(t, h.render(t, withValues(t, values)...)))
			want := maps.Clone(plain)
			want[alert] = maps.Clone(plain[alert])
			expr, _ := plain[alert]["expr"].(string)
			numbers := number.FindAllStringIndex(expr, -1)
			last := numbers[len(numbers)-1]
			want[alert]["expr"] = expr[:last[0]] + " 0.5" + expr[last[1]:]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLabelsOfAlertsTakePrecedence(t *testing.T) {
	for name, rule := range rulesByName(t, groupsOf(t, helm4(t).render(t, ciFile("everything")...))) {
		labels, _ := rule["labels"].(object)
		if labels["team"] != "platform" || labels["severity"] != "page" ||
			labels["kubernetes_operator_part_of"] != "pam-operator" {
			t.Errorf("%s has %v", name, labels)
		}
	}
}

// TestADashboardIsNotTooLarge for kubectl apply, which writes a whole object into an annotation of 256 KiB.
func TestADashboardIsNotTooLarge(t *testing.T) {
	const limit = 200 << 10
	content, err := os.ReadFile(filepath.Join(root, "config", "grafana", "pam-operator.json"))
	if err != nil || len(content) > limit {
		t.Errorf("%d bytes, want at most %d; %v", len(content), limit, err)
	}
}
