// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/installation"
)

// kustomize renders a folder below config/.
func kustomize(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	kubectl := filepath.Join(root, "bin", "k8s", "kubectl")
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		kubectl = filepath.Join(assets, "kubectl")
	}
	text, err := installation.Kubectl(t.Context(), kubectl, "", "kustomize", filepath.Join(root, "config", folder))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

// TestTheChartIsConfigDefault proves that it makes no difference which of the two somebody installs.
func TestTheChartIsConfigDefault(t *testing.T) {
	defaults := managerDefaults(t)
	want := withoutOwn(kustomize(t, "default"), defaults)
	got := withoutOwn(helm4(t).render(t, ciFile("kustomize-equal")...), defaults)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config/default (-) and the chart (+) differ:\n%s", diff)
	}
}

// TestIngressIsLimitedByDefault: any pod could otherwise fill the manager's ports. Only egress cannot be guessed.
func TestIngressIsLimitedByDefault(t *testing.T) {
	for name, objects := range map[string][]*unstructured.Unstructured{
		"config/default": kustomize(t, "default"), "the chart": helm4(t).render(t),
	} {
		isOther := func(o *unstructured.Unstructured) bool { return o.GetKind() != "NetworkPolicy" }
		policies := slices.DeleteFunc(objects, isOther)
		if len(policies) != 1 {
			t.Fatalf("%s has %d NetworkPolicies", name, len(policies))
		}
		types, _, err := unstructured.NestedStringSlice(policies[0].Object, "spec", "policyTypes")
		if err != nil || !slices.Equal(types, []string{"Ingress"}) {
			t.Errorf("%s limits %v (%v)", name, types, err)
		}
	}
}

// withoutOwn are objects by their identity, without what only one of the two ways to install has.
func withoutOwn(objects []*unstructured.Unstructured, defaults []string) map[string]any {
	out := map[string]any{}
	for _, o := range objects {
		if o.GetKind() == "Namespace" { // Helm's --create-namespace makes it
			continue
		}
		if strings.HasPrefix(o.GetKind(), "ValidatingAdmissionPolicy") {
			o.SetNamespace("") // kustomize does not know that they are in none
		}
		out[identify(o)] = strip(o.Object, defaults)
	}
	return out
}

// labels are those that both ways to install have of their own; the selectors consist of them.
var labels = regexp.MustCompile(`^(app\.kubernetes\.io/.*|helm\.sh/.*|control-plane)$`)

// strip leaves out labels, arguments that set what is the default, and what is empty without them.
func strip(value any, defaults []string) any {
	switch value := value.(type) {
	case object:
		out := object{}
		for key, member := range value {
			stripped := strip(member, defaults)
			if below, isMap := stripped.(object); labels.MatchString(key) || isMap && len(below) == 0 {
				continue
			}
			out[key] = stripped
		}
		return out
	case []any:
		var out []any
		for _, member := range value {
			if argument, isText := member.(string); isText && slices.Contains(defaults, canonical(argument)) {
				continue
			}
			out = append(out, strip(member, defaults))
		}
		return out
	}
	return value
}

// usage is how the manager describes its flags.
func usage(t *testing.T) string {
	t.Helper()
	manager, err := filepath.Abs(filepath.Join(root, "bin", "manager"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), manager, "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: run \"make build\": %s", err, out)
	}
	return string(out)
}

var (
	flagLine    = regexp.MustCompile(`(?m)^  -([-a-z0-9]+)`)
	flagDefault = regexp.MustCompile(`(?m)^  -([-a-z0-9]+).*\n.*\(default "?([^")]*)"?\)$`)
)

// managerDefaults are the arguments that change nothing.
func managerDefaults(t *testing.T) []string {
	t.Helper()
	out := []string{ // of flags whose default is not in the usual place
		"--zap-log-level=info", "--zap-encoder=json", "--max-answer-memory=192Mi",
	}
	for _, match := range flagDefault.FindAllStringSubmatch(usage(t), -1) {
		out = append(out, "--"+match[1]+"="+match[2])
	}
	if len(out) < 15 {
		t.Fatalf("only %d defaults", len(out))
	}
	return out
}

// canonical is an argument with a duration as the manager shows it: 1h0m0s for 1h.
func canonical(argument string) string {
	name, value, _ := strings.Cut(argument, "=")
	if duration, err := time.ParseDuration(value); err == nil {
		return name + "=" + duration.String()
	}
	return argument
}

// TestEveryArgumentIsAFlagOfTheManager keeps chart and manager together.
func TestEveryArgumentIsAFlagOfTheManager(t *testing.T) {
	var known []string
	for _, match := range flagLine.FindAllStringSubmatch(usage(t), -1) {
		known = append(known, match[1])
	}
	if len(known) < 20 {
		t.Fatalf("only %d flags", len(known))
	}
	for name, objects := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			for _, argument := range deployment(t, objects).Spec.Template.Spec.Containers[0].Args {
				name, _, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
				if !slices.Contains(known, name) {
					t.Errorf("the manager has no flag for %s", argument)
				}
			}
		})
	}
}

// TestTheValuesHaveTheDefaultsOfTheManager compares what a user who sets nothing gets with what the manager does by
// itself, except for what an installation must set.
func TestTheValuesHaveTheDefaultsOfTheManager(t *testing.T) {
	defaults := managerDefaults(t)
	set := []string{"--leader-elect", "--metrics-bind-address=:8443"}
	for _, argument := range deployment(t, helm4(t).render(t)).Spec.Template.Spec.Containers[0].Args {
		if !slices.Contains(defaults, canonical(argument)) && !slices.Contains(set, argument) {
			t.Errorf("%s is not the manager's default", argument)
		}
	}
}
