// SPDX-License-Identifier: Apache-2.0

// Package verdict is what GitOps tools make of our objects: Argo CD by the scripts of config/argocd, and Flux by
// kstatus and by the expressions of config/flux. It also names and keeps the states in which the operator leaves
// objects, so that the tools are judged by what it really writes.
package verdict

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// State is what distinguishes one object from another for somebody who waits for it.
type State struct {
	Kind string
	// Deleting says that the object is being deleted.
	Deleting bool
	// Reason is that of Ready, or Unobserved or Outdated if the status is not about this generation.
	Reason string
	// Class is whether somebody waits or has to act.
	Class Class
	// Phase is that of a request; empty for the other kinds.
	Phase string
	// Warnings are the conditions of a connection that are true although it works, in order.
	Warnings []string
}

// Reasons of objects whose status says nothing about their spec.
const (
	// Unobserved is a new object.
	Unobserved = "Unobserved"
	// Outdated is an object whose spec has changed since.
	Outdated = "Outdated"
)

// Class is the summary of the three conditions Ready, Reconciling and Stalled.
type Class string

// Classes.
const (
	Ready   Class = "ready"
	Waiting Class = "waiting"
	Stalled Class = "stalled"
	// Held is neither ready nor working nor faulty: suspended.
	Held Class = "held"
)

// warnings are the conditions that warn about what works.
var warnings = []string{pamv1alpha1.ConditionInsecureTLS, pamv1alpha1.ConditionManagedHost}

// StateOf is the state of an object of ours.
func StateOf(o *unstructured.Unstructured) (State, error) {
	var status struct {
		ObservedGeneration int64              `json:"observedGeneration"`
		Phase              string             `json:"phase"`
		Conditions         []metav1.Condition `json:"conditions"`
	}
	if err := convert(o.Object["status"], &status); err != nil {
		return State{}, err
	}
	state := State{Kind: o.GetKind(), Deleting: o.GetDeletionTimestamp() != nil}
	switch {
	case len(status.Conditions) == 0:
		state.Reason, state.Class = Unobserved, Waiting
		return state, nil
	case status.ObservedGeneration != o.GetGeneration():
		state.Reason, state.Class = Outdated, Waiting
		return state, nil
	}
	is := func(condition string) bool { return meta.IsStatusConditionTrue(status.Conditions, condition) }
	state.Class, state.Phase = Held, status.Phase
	for _, each := range []struct {
		condition string
		class     Class
	}{
		{pamv1alpha1.ConditionStalled, Stalled}, {pamv1alpha1.ConditionReady, Ready},
		{pamv1alpha1.ConditionReconciling, Waiting},
	} {
		if is(each.condition) {
			state.Class = each.class
			break
		}
	}
	if ready := meta.FindStatusCondition(status.Conditions, pamv1alpha1.ConditionReady); ready != nil {
		state.Reason = ready.Reason
	}
	for _, condition := range warnings {
		if is(condition) {
			state.Warnings = append(state.Warnings, condition)
		}
	}
	return state, nil
}

// File is the name of the file that keeps an object in this state, below a folder of its kind.
func (s State) File() string {
	parts := slices.Concat([]string{s.Reason, s.Phase, string(s.Class)}, s.Warnings)
	if s.Deleting {
		parts = append(parts, "deleting")
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return strings.ToLower(s.Kind + "/" + strings.Join(parts, "-") + ".yaml")
}

// alike are the texts that differ from run to run, and what stands for them.
var alike = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)`), "2026-01-02T03:04:05.000000Z"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)`), "2026-01-02T03:04:05Z"},
	{regexp.MustCompile(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`), "00000000-0000-0000-0000-000000000000"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "pam.example.com"},
	{regexp.MustCompile(`\bsite-\d+\b`), "team"},
}

// Record is the manifest of a live object without what differs from run to run: an example of its state. Secrets are in
// no object of ours, so none is removed.
func Record(o *unstructured.Unstructured) (string, error) {
	kept := o.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "ownerReferences", "selfLink"} {
		unstructured.RemoveNestedField(kept.Object, "metadata", field)
	}
	text, err := yaml.Marshal(kept.Object)
	if err != nil {
		return "", err
	}
	out := string(text)
	for _, each := range alike {
		out = each.pattern.ReplaceAllString(out, each.instead)
	}
	return out, nil
}

// Unstructured is an object of this kind as tools see it. A Go value from a client does not name its own kind.
func Unstructured(o runtime.Object, kind schema.GroupVersionKind) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{Object: content}
	out.SetGroupVersionKind(kind)
	return out, nil
}

// convert decodes one form of a value into another one.
func convert(from, to any) error {
	encoded, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, to)
}
