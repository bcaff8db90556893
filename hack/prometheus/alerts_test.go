// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	root       = filepath.Join("..", "..")
	alertsFile = filepath.Join(root, "config", "prometheus", "alerts.yaml")
)

// rule is an alert.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// read decodes a YAML file and rejects what it does not know.
func read(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	read(t, alertsFile, &file)
	if len(file.Groups) != 1 || file.Groups[0].Name != "pam-operator" || len(file.Groups[0].Rules) == 0 {
		t.Fatal("want one group pam-operator with alerts")
	}
	return file.Groups[0].Rules
}

// TestEveryAlertIsComplete is for those who get it: they know how urgent it is, and where to read on.
func TestEveryAlertIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range alerts(t) {
		if !regexp.MustCompile(`^Pam[A-Z][A-Za-z]+$`).MatchString(r.Alert) || seen[r.Alert] {
			t.Errorf("%s: the name is no name, or not the only one", r.Alert)
		}
		seen[r.Alert] = true
		for label, values := range map[string][]string{
			"severity":                    {"critical", "warning", "info"},
			"operator_health_impact":      {"critical", "warning", "none"},
			"kubernetes_operator_part_of": {"pam-operator"},
		} {
			if !slices.Contains(values, r.Labels[label]) {
				t.Errorf("%s: %s is %q, want one of %v", r.Alert, label, r.Labels[label], values)
			}
		}
		want := "https://github.com/pam-operator/pam-operator/blob/main/docs/runbook.md#" + strings.ToLower(r.Alert)
		if got := r.Annotations["runbook_url"]; got != want {
			t.Errorf("%s: runbook_url is %s, want %s", r.Alert, got, want)
		}
		for _, annotation := range []string{"summary", "description"} {
			if r.Annotations[annotation] == "" {
				t.Errorf("%s: no %s", r.Alert, annotation)
			}
		}
		if len(r.Labels) != 3 || len(r.Annotations) != 3 {
			t.Errorf("%s: %v, %v: further labels or annotations", r.Alert, r.Labels, r.Annotations)
		}
	}
}
