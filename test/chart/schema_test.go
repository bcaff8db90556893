// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// passed is what the schema hands to Kubernetes as it is, so that it cannot know its keys.
var passed = []string{
	"commonLabels", "commonAnnotations", "crds.annotations", "strategy", "resources.requests", "resources.limits",
	"nodeSelector", "affinity", "podLabels", "podAnnotations", "podSecurityContext", "securityContext",
	"serviceAccount.annotations", "metrics.serviceMonitor.labels", "metrics.serviceMonitor.authorization",
	"metrics.serviceMonitor.tlsConfig", "metrics.prometheusRule.labels", "metrics.prometheusRule.alertLabels",
	"metrics.dashboards.annotations",
}

func TestAMisspeltKeyIsNamed(t *testing.T) {
	h := helm4(t)
	content, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	values := object{}
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	delete(values, "global")
	wrong, names := object{}, map[string]string{}
	misspell(wrong, names, "", values)
	if len(names) < 100 {
		t.Fatalf("only %d keys", len(names))
	}
	_, err = h.template(t.Context(), chartDir, withValues(t, wrong)...)
	if err == nil {
		t.Fatal("it was rendered")
	}
	for name, path := range names {
		if !strings.Contains(err.Error(), "'"+name+"'") {
			t.Errorf("%s, which is %s misspelt, is not named", name, path)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

// misspell adds every key of a map with a spelling that no other key has, at every level that the schema knows.
func misspell(to object, names map[string]string, prefix string, values object) {
	for key, value := range values {
		wrong := strings.NewReplacer(".", "", "/", "").Replace(prefix+key) + "x"
		to[wrong], names[wrong] = "anything", prefix+key
		if members, isMap := value.(object); isMap && !opaque(prefix+key) && len(members) > 0 {
			below := object{}
			to[key] = below
			misspell(below, names, prefix+key+".", members)
		}
	}
}

func opaque(path string) bool {
	for _, p := range passed {
		if p == path {
			return true
		}
	}
	return false
}

func TestWhatTheSchemaAccepts(t *testing.T) {
	h := helm4(t)
	for name, values := range map[string]object{
		"what umbrella charts add": {
			"global": object{"anything": object{"at": "all"}}, "enabled": true, "tags": object{"security": true},
		},
		"the metadata of an encrypted file":      {"sops": object{"version": "3", "mac": "ENC[]"}},
		"a verbosity as a number":                {"log": object{"level": 5}},
		"a field of the context that is null":    {"podSecurityContext": object{"runAsUser": nil}},
		"a limit that is null":                   {"resources": object{"limits": nil}},
		"a ServiceAccount that exists":           {"serviceAccount": object{"create": false, "name": "mine"}},
		"a percentage of replicas":               {"podDisruptionBudget": object{"maxUnavailable": "50%"}},
		"one replica that leads without a Lease": {"replicas": 1, "leaderElection": object{"enabled": false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := h.template(t.Context(), chartDir, withValues(t, values)...); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestABadValueIsExplained has for each value the key that the message must name, and what it must say of it.
func TestABadValueIsExplained(t *testing.T) {
	h := helm4(t)
	for name, tt := range map[string]struct {
		values object
		want   []string
	}{
		"a word that is none of those": {
			nested("chatty", "log", "level"), []string{"/log/level", "'debug', 'info', 'error'"},
		},
		"a text for a number": {nested("two", "replicas"), []string{"/replicas", "want integer"}},
		"a number without a unit": {
			nested("15", "leaderElection", "leaseDuration"), []string{"/leaderElection/leaseDuration", "(ms|s|m|h)"},
		},
		"a digest that is none":    {nested("latest", "image", "digest"), []string{"/image/digest", "sha256:"}},
		"a port that is too large": {nested(70000, "metrics", "port"), []string{"/metrics/port", "65,535"}},
		"the port of the probes":   {nested(8081, "metrics", "port"), []string{"/metrics/port"}},
		"no name for a ServiceAccount that is not created": {
			nested(false, "serviceAccount", "create"), []string{"/serviceAccount/name"},
		},
		"a namespace that cannot exist": {
			nested([]any{"Payments"}, "watchNamespaces"), []string{"/watchNamespaces/0", "a-z0-9"},
		},
		"an appliance without an address": {
			nested([]any{object{"ports": []any{443}}}, "networkPolicy", "appliances"),
			[]string{"/networkPolicy/appliances/0", "'cidr'"},
		},
		"the addresses of the API server without appliances": {
			nested([]any{peer}, "networkPolicy", "apiServer", "peers"),
			[]string{"networkPolicy.appliances", "cidr: 192.0.2.10/32"},
		},
		"a network policy without the API server": {
			nested([]any{object{"cidr": "192.0.2.2/32"}}, "networkPolicy", "appliances"),
			[]string{"networkPolicy.apiServer.peers", "endpointslices"},
		},
		"a policy that cuts off the collector of traces": {
			overlay(policy, nested("collector:4317", "tracing", "endpoint")),
			[]string{"networkPolicy.tracing.peers", "namespaceSelector"},
		},
		"a collector by its URL": {
			nested("http://collector:4317", "tracing", "endpoint"), []string{"/tracing/endpoint"},
		},
		"more traces than all": {nested(10, "tracing", "sampleRatio"), []string{"/tracing/sampleRatio"}},
		"a certificate that Prometheus cannot verify": {
			nested(true, "metrics", "serviceMonitor", "enabled"), []string{"metrics.tls.certManager.enabled"},
		},
		"a CA in another namespace": {
			overlay(certManager, object{"metrics": object{"serviceMonitor": object{"enabled": true, "namespace": "other"}}}),
			[]string{"metrics.serviceMonitor.namespace", "metrics.serviceMonitor.tlsConfig"},
		},
		"a ServiceMonitor without metrics": {
			object{"metrics": object{"enabled": false, "serviceMonitor": object{"enabled": true}}},
			[]string{"metrics.enabled is false"},
		},
		"an alert that does not exist": {
			object{"metrics": object{"prometheusRule": object{"enabled": true, "disabledAlerts": []any{"PamManagerUp"}}}},
			[]string{"metrics.prometheusRule.disabledAlerts", "no alert PamManagerUp", "PamManagerDown"},
		},
		"a threshold that is no part": {
			nested(90, "metrics", "prometheusRule", "thresholds", "PamSessionLimitNear"),
			[]string{"/metrics/prometheusRule/thresholds/PamSessionLimitNear"},
		},
		"a threshold of an alert that has none": {
			nested(1, "metrics", "prometheusRule", "thresholds", "PamManagerDown"), []string{"'PamManagerDown'"},
		},
		"two managers without a Lease": {nested(false, "leaderElection", "enabled"), []string{"replicas", "only one"}},
		"a lease that ends before its renewal": {
			nested("5s", "leaderElection", "leaseDuration"),
			[]string{"leaderElection", "leaseDuration 5s must be longer than renewDeadline 10s"},
		},
		"a lease that ends with its renewal": {
			nested("15000ms", "leaderElection", "renewDeadline"), []string{"leaseDuration 15s", "renewDeadline 15000ms"},
		},
		"no time for a second try to renew a lease": {
			nested("8400ms", "leaderElection", "retryPeriod"), []string{"renewDeadline 10s", "1.2 times retryPeriod 8400ms"},
		},
		"a scrape that takes longer than the time to the next": {
			overlay(certManager, object{"metrics": object{"serviceMonitor": object{"enabled": true, "interval": "5s"}}}),
			[]string{"metrics.serviceMonitor", "scrapeTimeout 10s must not be longer than interval 5s"},
		},
		"two sources of trust": {
			object{"trust": object{"configMap": "a", "secret": "b"}}, []string{"trust", "not both"},
		},
		"actions that exclude each other": {
			nested([]any{"Deny", "Warn"}, "admissionPolicy", "validationActions"),
			[]string{"admissionPolicy.validationActions", "not both"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := h.template(t.Context(), chartDir, withValues(t, tt.values)...)
			if err == nil {
				t.Fatal("it was rendered")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
		})
	}
}
