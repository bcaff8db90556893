// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// foreign are the groups of other projects, whose types are not at hand: the API server checks their objects.
var foreign = []string{"monitoring.coreos.com", "cert-manager.io"}

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, pamv1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// typed converts an object to its type, and rejects fields that the type does not have.
func typed(scheme *runtime.Scheme, o *unstructured.Unstructured) (runtime.Object, error) {
	into, err := scheme.New(o.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	return into, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, into, true)
}

// renderings are the objects of the chart with each of its values files.
func renderings(t *testing.T) map[string][]*unstructured.Unstructured {
	t.Helper()
	h, out := helm4(t), map[string][]*unstructured.Unstructured{}
	for _, name := range ciNames(t) {
		out[name] = h.render(t, ciFile(name)...)
	}
	return out
}

func TestEveryObjectHasItsTypeAndItsName(t *testing.T) {
	scheme := newScheme(t)
	for name, objects := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			for _, o := range objects {
				if seen[identify(o)] {
					t.Errorf("there are two %s", identify(o))
				}
				seen[identify(o)] = true
				if slices.Contains(foreign, o.GroupVersionKind().Group) {
					continue
				}
				if _, err := typed(scheme, o); err != nil {
					t.Errorf("%s: %v", identify(o), err)
				}
			}
		})
	}
}

// deployment is the one of a rendering.
func deployment(t *testing.T, objects []*unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	o, err := typed(newScheme(t), find(t, objects, "Deployment", ""))
	if err != nil {
		t.Fatal(err)
	}
	out, _ := o.(*appsv1.Deployment)
	return out
}

// TestContainersAreHardened looks at what Pod Security does not ask for, beside the API server, which checks the rest.
func TestContainersAreHardened(t *testing.T) {
	for name, objects := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			for _, container := range deployment(t, objects).Spec.Template.Spec.Containers {
				context := container.SecurityContext
				if context == nil || context.ReadOnlyRootFilesystem == nil || !*context.ReadOnlyRootFilesystem {
					t.Errorf("container %s can write to its root", container.Name)
				}
				if !container.Resources.Limits.Cpu().IsZero() {
					t.Errorf("container %s has a CPU limit", container.Name)
				}
			}
		})
	}
}

// TestSelectorsNeverChange holds the labels of selectors. They are immutable: with another one, no release could be
// upgraded.
func TestSelectorsNeverChange(t *testing.T) {
	want := map[string]string{"app.kubernetes.io/name": "pam-operator", "app.kubernetes.io/instance": release}
	for name, objects := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, objects)
			if got := d.Spec.Selector; !maps.Equal(got.MatchLabels, want) || len(got.MatchExpressions) > 0 {
				t.Errorf("the selector of the Deployment is %v", got)
			}
			for key, value := range want {
				if d.Spec.Template.Labels[key] != value {
					t.Errorf("pods have %s=%s", key, d.Spec.Template.Labels[key])
				}
			}
			for _, path := range [][]string{
				{"Service", "spec", "selector"}, {"PodDisruptionBudget", "spec", "selector", "matchLabels"},
				{"NetworkPolicy", "spec", "podSelector", "matchLabels"}, {"ServiceMonitor", "spec", "selector", "matchLabels"},
			} {
				for _, o := range objects {
					got, _, err := unstructured.NestedStringMap(o.Object, path[1:]...)
					if o.GetKind() == path[0] && (err != nil || !maps.Equal(got, want)) {
						t.Errorf("%s selects %v, %v", identify(o), got, err)
					}
				}
			}
		})
	}
}

func TestALongReleaseNameCutsNoSuffix(t *testing.T) {
	const longest = 53 // that Helm allows
	h := helm4(t)
	long := strings.Repeat("a", longest)
	arguments := []string{"template", long, chartDir, "--namespace", namespace}
	text, err := h.run(t.Context(), append(arguments, ciFile("monitoring")...)...)
	if err != nil {
		t.Fatal(err)
	}
	short := h.render(t, ciFile("monitoring")...)
	objects := decode(t, text)
	if len(objects) != len(short) {
		t.Fatalf("%d objects, want %d", len(objects), len(short))
	}
	for _, o := range short {
		suffix := strings.TrimPrefix(o.GetName(), release)
		if name := find(t, objects, o.GetKind(), suffix).GetName(); len(name) > 63 {
			t.Errorf("%s %s has %d characters", o.GetKind(), name, len(name))
		}
	}
}

func TestASingleReplicaHasNoDisruptionBudget(t *testing.T) {
	h := helm4(t)
	budgets := func(replicas int) (out []*unstructured.Unstructured) {
		for _, o := range h.render(t, withValues(t, nested(replicas, "replicas"))...) {
			if o.GetKind() == "PodDisruptionBudget" {
				out = append(out, o)
			}
		}
		return out
	}
	if got := budgets(1); len(got) != 0 {
		t.Error("with one replica there is a budget")
	}
	two := budgets(2)
	if len(two) != 1 {
		t.Fatalf("with two replicas there are %d budgets", len(two))
	}
	if spec, _ := two[0].Object["spec"].(object); spec["maxUnavailable"] != int64(1) || spec["minAvailable"] != nil {
		t.Errorf("the budget is %v", spec)
	}
}

// TestNoCertificateGoesUnverified is for what Prometheus sends its token to.
func TestNoCertificateGoesUnverified(t *testing.T) {
	h := helm4(t)
	for _, name := range ciNames(t) {
		text, err := h.template(t.Context(), chartDir, append(ciFile(name), "--set", "crds.enabled=false")...)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^ *insecureSkipVerify:`).MatchString(text) {
			t.Errorf("%s skips the verification of a certificate", name)
		}
	}
}

// TestTheAPIServerIsReachedWithoutProxy is for the manager's own client, which obeys the same variables.
func TestTheAPIServerIsReachedWithoutProxy(t *testing.T) {
	for _, e := range deployment(t, helm4(t).render(t, ciFile("hardened")...)).Spec.Template.Spec.Containers[0].Env {
		if e.Name == "NO_PROXY" {
			if want := "$(KUBERNETES_SERVICE_HOST),.example.com"; e.Value != want {
				t.Errorf("NO_PROXY is %s, want %s", e.Value, want)
			}
			return
		}
	}
	t.Error("NO_PROXY is not set")
}

func TestAlertsAndDashboardsAreThoseInFiles(t *testing.T) {
	h, chart := helm4(t), changedChart(t, filepath.Join("testdata", "hooks"))
	text, err := h.template(t.Context(), chart, withValues(t, object{"metrics": object{
		"dashboards": object{"enabled": true},
		"prometheusRule": object{
			"enabled": true, "disabledAlerts": []string{"LastAlert", "AnotherAlert"}, "runbookBaseUrl": "https://wiki/pam",
		},
	}})...)
	if err != nil {
		t.Fatal(err)
	}
	objects := decode(t, text)
	groups, _, _ := unstructured.NestedSlice(find(t, objects, "PrometheusRule", "alerts").Object, "spec", "groups")
	if len(groups) != 1 {
		t.Fatalf("%d groups, want the one that still has an alert", len(groups))
	}
	group, _ := groups[0].(object)
	rules, _ := group["rules"].([]any)
	if len(rules) != 1 {
		t.Fatalf("rules %v", rules)
	}
	rule, _ := rules[0].(object)
	annotations, _ := rule["annotations"].(object)
	if rule["alert"] != "OneAlert" || annotations["runbook_url"] != "https://wiki/pam#onealert" ||
		annotations["summary"] != "{{ $labels.object }} is one" {
		t.Errorf("the rule is %v", rule)
	}
	o, err := typed(newScheme(t), find(t, objects, "ConfigMap", "dashboards"))
	if err != nil {
		t.Fatal(err)
	}
	dashboards, _ := o.(*corev1.ConfigMap)
	if got := dashboards.Data["one.json"]; got != `{"title": "one", "templating": "{{ name }}"}`+"\n" {
		t.Errorf("the dashboard is %q", got)
	}
}
