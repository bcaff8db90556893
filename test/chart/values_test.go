// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// object is a map of values.
type object = map[string]any

// leaf is one value of values.yaml.
type leaf struct {
	path  []string
	value any
}

func (l leaf) String() string { return strings.Join(l.path, ".") }

// leaves are the values of values.yaml, in the order of their names. An empty map is one of them.
func leaves(t *testing.T) []leaf {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	values := object{}
	if err := yaml.UnmarshalStrict(content, &values); err != nil {
		t.Fatal(err)
	}
	return appendLeaves(nil, nil, values)
}

func appendLeaves(to []leaf, path []string, value any) []leaf {
	members, isMap := value.(object)
	if !isMap || len(members) == 0 {
		return append(to, leaf{slices.Clone(path), value})
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		to = appendLeaves(to, append(path, key), members[key])
	}
	return to
}

// nested is a value with the maps around it.
func nested(value any, path ...string) object {
	for _, key := range slices.Backward(path) {
		value = object{key: value}
	}
	out, _ := value.(object)
	return out
}

// overlay puts values over others.
func overlay(base, over object) object {
	out := maps.Clone(base)
	for key, value := range over {
		below, isMap := out[key].(object)
		above, alsoMap := value.(object)
		if isMap && alsoMap {
			value = overlay(below, above)
		}
		out[key] = value
	}
	return out
}

var (
	peer        = object{"ipBlock": object{"cidr": "192.0.2.1/32"}}
	certManager = nested(true, "metrics", "tls", "certManager", "enabled")
	policy      = object{"networkPolicy": object{
		"enabled": true, "appliances": []any{object{"cidr": "192.0.2.2/32"}}, "apiServer": object{"peers": []any{peer}},
	}}
	traced = overlay(overlay(policy, nested([]any{peer}, "networkPolicy", "tracing", "peers")),
		nested("collector:4317", "tracing", "endpoint"))
)

// needs are values without which another one means nothing, by the beginning of its path; the longest counts.
var needs = map[string]object{
	"leaderElection.enabled":           nested(1, "replicas"),
	"serviceAccount.create":            nested("somebody", "serviceAccount", "name"),
	"rbac.namespaceRoles":              nested([]any{"one"}, "watchNamespaces"),
	"trust.key":                        nested("roots", "trust", "configMap"),
	"proxy.noProxy":                    nested("http://proxy:3128", "proxy", "https"),
	"metrics.tls.certManager.issuer":   certManager,
	"metrics.serviceMonitor.enabled":   certManager,
	"metrics.serviceMonitor":           overlay(certManager, nested(true, "metrics", "serviceMonitor", "enabled")),
	"metrics.serviceMonitor.namespace": {"metrics": object{"secure": false, "serviceMonitor": object{"enabled": true}}},
	"metrics.prometheusRule.":          nested(true, "metrics", "prometheusRule", "enabled"),
	"metrics.prometheusRule.enabled":   {},
	"metrics.dashboards.":              nested(true, "metrics", "dashboards", "enabled"),
	"metrics.dashboards.enabled":       {},
	"networkPolicy":                    policy,
	"networkPolicy.tracing":            traced,
	"tracing.":                         nested("collector:4317", "tracing", "endpoint"),
	"tracing.endpoint":                 {},
	"networkPolicy.enabled":            {},
}

func needed(path string) object {
	longest := ""
	for prefix := range needs {
		if strings.HasPrefix(path, prefix) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	return overlay(object{}, needs[longest])
}

// others are other values, where not just any will do.
var others = map[string]any{
	"admissionPolicy.failurePolicy":          "Ignore",
	"admissionPolicy.validationActions":      []any{"Audit"},
	"allowedTargets":                         []any{"*.example.com"},
	"extraArgs":                              []any{"--enable-http2"},
	"image.digest":                           "sha256:" + strings.Repeat("0", 64),
	"image.pullPolicy":                       "Always",
	"log.encoder":                            "console",
	"leaderElection.renewDeadline":           "11s",
	"leaderElection.retryPeriod":             "3s",
	"log.level":                              7,
	"maxAnswerMemory":                        "1Gi",
	"metrics.prometheusRule.alertLabels":     object{"team": "platform"},
	"metrics.prometheusRule.disabledAlerts":  []any{"PamInsecureTLS"},
	"metrics.prometheusRule.runbookBaseUrl":  "https://wiki.example.com/pam",
	"metrics.serviceMonitor.scrapeTimeout":   "11s",
	"metrics.tls.certManager.issuerRef":      object{"name": "mine"},
	"networkPolicy.apiServer.peers":          []any{peer, peer},
	"networkPolicy.apiServer.ports":          []any{6444},
	"networkPolicy.appliances":               []any{object{"cidr": "192.0.2.3/32", "ports": []any{6500}}},
	"networkPolicy.dns.peers":                []any{peer},
	"networkPolicy.dns.ports":                []any{5353},
	"networkPolicy.metricsFrom":              []any{peer},
	"networkPolicy.tracing.peers":            []any{peer, peer},
	"networkPolicy.tracing.ports":            []any{4318},
	"tracing.endpoint":                       "otel-collector.observability:4317",
	"proxy.https":                            "http://proxy.example.com:3128",
	"securityContext.capabilities.drop":      []any{"NET_RAW"},
	"topologySpreadConstraints":              []any{},
	"watchNamespaces":                        []any{"one", "two"},
	"metrics.serviceMonitor.relabelings":     []any{object{"targetLabel": "cluster"}},
	"extraObjects":                           []any{"kind: ConfigMap\napiVersion: v1\nmetadata: {name: more}"},
	"metrics.serviceMonitor.tlsConfig":       object{"serverName": "other"},
	"podSecurityContext.seccompProfile.type": "Localhost",
}

var duration = regexp.MustCompile(`^[0-9]+(ms|s|m|h)$`)

// other is another value of the same type.
func other(l leaf) any {
	if value, found := others[l.String()]; found {
		return value
	}
	switch value := l.value.(type) {
	case bool:
		return !value
	case float64:
		if value < 1 {
			return value / 2 // a part of something
		}
		return value + 1
	case string:
		if duration.MatchString(value) {
			return "7" + value
		}
		return "other"
	case []any:
		return []any{object{"name": "other"}}
	}
	return object{"other": "value"}
}

// TestEveryValueChangesSomething keeps values that nothing reads out of the chart.
func TestEveryValueChangesSomething(t *testing.T) {
	h := helm4(t)
	var before sync.Map // what is rendered without the value, by what the value needs
	render := func(t *testing.T, values object) string {
		t.Helper()
		text, err := h.template(t.Context(), chartDir, withValues(t, values)...)
		if err != nil {
			t.Fatalf("%v with %v", err, values)
		}
		return text
	}
	for _, l := range leaves(t) {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			base := needed(l.String())
			once, _ := before.LoadOrStore(fmt.Sprint(base), sync.OnceValue(func() string { return render(t, base) }))
			plain, _ := once.(func() string)
			if render(t, overlay(base, nested(other(l), l.path...))) == plain() {
				t.Errorf("%v and %v render the same", l.value, other(l))
			}
		})
	}
}

// TestWhatIsMissingIsItsDefault is for an upgrade with --reuse-values, which knows no values that are new, and for
// whoever sets one to null. In maps that Kubernetes gets as they are, null removes a field.
func TestWhatIsMissingIsItsDefault(t *testing.T) {
	h := helm4(t)
	rendered := func(t *testing.T, h helm, values object) string {
		t.Helper()
		text, err := h.template(t.Context(), chartDir, withValues(t, values)...)
		if err != nil {
			return err.Error()
		}
		return text
	}
	for _, path := range paths(t) {
		t.Run(strings.Join(path, "."), func(t *testing.T) {
			t.Parallel()
			base := needed(strings.Join(path, "."))
			want, got := rendered(t, h, without(base, path)), rendered(t, h, overlay(base, nested(nil, path...)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("with its default (-) and with null (+):\n%s", diff)
			}
		})
	}
	for name, h := range map[string]helm{"Helm 4": h, "Helm 3": helm3(t)} {
		t.Run("everything at once with "+name, func(t *testing.T) {
			t.Parallel()
			all := object{}
			for _, path := range paths(t) {
				if len(path) == 1 {
					all[path[0]] = nil
				}
			}
			if diff := cmp.Diff(rendered(t, h, object{}), rendered(t, h, all)); diff != "" {
				t.Errorf("with the defaults (-) and with null (+):\n%s", diff)
			}
		})
	}
}

// paths are those of all values, and of the maps around them, except for fields of what Kubernetes gets as it is.
func paths(t *testing.T) (out [][]string) {
	t.Helper()
	seen := map[string]bool{}
	for _, l := range leaves(t) {
		for n := 1; n <= len(l.path); n++ {
			path := strings.Join(l.path[:n], ".")
			if !seen[path] {
				out = append(out, l.path[:n])
			}
			if seen[path] = true; opaque(path) || path == "resources" {
				break
			}
		}
	}
	return out
}

// without are values without the one at a path.
func without(values object, path []string) object {
	out := maps.Clone(values)
	if len(path) == 1 {
		delete(out, path[0])
	} else if below, isMap := out[path[0]].(object); isMap {
		out[path[0]] = without(below, path[1:])
	}
	return out
}
