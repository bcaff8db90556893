// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// describe describes a policy. A field that the API does not accept, or that differs from the appliance although it was
// read from it, is left out.
func (m mapping[T]) describe(
	ctx context.Context, d *Describer, record sps.Record, name string,
) (kinds.PolicyObject, []Missing, error) {
	current, err := record.Object()
	if err != nil {
		return nil, whole(err.Error()), nil
	}
	obj := kinds.Of[T]().New().(T) //nolint:errcheck // kinds.Of found the kind by this type
	m.fill(obj, sps.Dereference(current.Body))
	obj.CommonSpec().ConnectionRef = d.Connection
	m.protocol.rename(obj, nameBeside(name, record.Name))
	d.identify(obj, name)
	if err := m.useNames(ctx, d.View, obj); err != nil {
		return nil, nil, err
	}
	body := m.comparison.Numbers(sps.Dereference(current.Body))
	var missing []Missing
	for {
		managed, faults, err := m.faults(ctx, d, obj, body)
		if err != nil {
			return nil, nil, err
		}
		if len(faults) == 0 {
			return obj, append(missing, m.unmanaged(managed, body, missing)...), nil
		}
		if usable, err := leaveOut(obj, faults); err != nil || !usable {
			return nil, refused(faults), err
		}
		for _, fault := range faults {
			missing = append(missing, Missing{Field: strings.TrimPrefix(fault.Path, "spec."), Reason: fault.Reason})
		}
	}
}

// leaveOut removes the fields with faults from a spec. It returns false if one of them cannot be left out.
func leaveOut(obj kinds.PolicyObject, faults []Fault) (usable bool, err error) {
	gone := map[string]bool{}
	for _, fault := range faults {
		field, isField := droppable(fault.Path)
		if gone[field] { // by another fault of it
			continue
		}
		if !isField {
			return false, nil
		}
		if dropped, err := drop(obj, field); err != nil || !dropped {
			return false, err
		}
		gone[field] = true
	}
	return true, nil
}

// read reads the collections that a record refers to.
func (m mapping[T]) read(ctx context.Context, view appliance.View, record sps.Record) error {
	current, err := record.Object()
	if err != nil {
		return nil //nolint:nilerr // describe says so
	}
	obj := kinds.Of[T]().New().(T) //nolint:errcheck // kinds.Of found the kind by this type
	m.fill(obj, sps.Dereference(current.Body))
	return m.useNames(ctx, view, obj)
}

// fill fills the fields of a spec with what a body has, references by key.
func (m mapping[T]) fill(obj T, body sps.Body) {
	_, accessRules := body["access_control"]
	body = m.comparison.Numbers(body)
	if policies, ok := body["policies"].(map[string]any); ok { // null says "none" there, unlike a member that is missing
		for name, key := range policies {
			if key == nil {
				policies[name] = ""
			}
		}
	}
	common := m.protocol.describe(obj, func(into any) { decode(body, into) })
	describeCommon(obj.CommonSpec(), common, accessRules)
}

// decode fills a wire struct with the members of a body whose form it knows.
func decode(body sps.Body, into any) {
	if decodes(body, into) {
		return
	}
	known, to := sps.Body{}, reflect.ValueOf(into).Elem()
	for name, value := range body {
		if decodes(sps.Body{name: value}, reflect.New(to.Type()).Interface()) {
			known[name] = value
		}
	}
	to.SetZero()
	decodes(known, into)
}

func decodes(body sps.Body, into any) bool {
	text, err := json.Marshal(body)
	return err == nil && json.Unmarshal(text, into) == nil
}

// useNames refers by name to what has a name of its own.
func (m mapping[T]) useNames(ctx context.Context, view appliance.View, obj T) error {
	for _, r := range m.references(obj, false) {
		if r.key == "" {
			continue
		}
		name, err := r.nameOf(ctx, view)
		if err != nil {
			return err
		}
		if name != "" {
			r.rename(name)
		}
	}
	return nil
}

// faults is where an object cannot be used as it is: where it differs from the body although it was made of it, and
// what the API does not accept. managed is what the object manages.
func (m mapping[T]) faults(
	ctx context.Context, d *Describer, obj T, body sps.Body,
) (managed sps.Body, out []Fault, err error) {
	authorizers := make([]string, 0, len(obj.CommonSpec().AccessControl))
	for _, rule := range obj.CommonSpec().AccessControl {
		authorizers = append(authorizers, rule.Authorizer)
	}
	keys, err := resolve(ctx, d.View, m.references(obj, false))
	if err != nil {
		return nil, nil, err
	}
	if managed, err = m.managed(obj, keys, authorizers); err != nil {
		return nil, nil, err
	}
	for _, difference := range sps.Diff(managed, body, m.comparison) {
		out = append(out, Fault{Path: "spec." + m.specPath(difference.Path), Reason: noForm})
	}
	refused, err := d.Check(ctx, obj)
	return managed, append(out, refused...), err
}

// unmanaged are the members of a body that an object does not manage and that are not known to be missing yet.
func (m mapping[T]) unmanaged(managed, body sps.Body, missing []Missing) []Missing {
	var out []Missing
	for _, path := range sps.Unmanaged(managed, body) {
		known := false
		for _, already := range missing {
			field, _ := droppable("spec." + already.Field)
			at := m.specPath(path)
			known = known || at == field || strings.HasPrefix(at, field+".") || strings.HasPrefix(field, at+".")
		}
		if !known {
			out = append(out, Missing{Field: path, Reason: noField})
		}
	}
	return out
}

// droppable is the optional field of a spec that a path is in, without "spec."; false if there is none.
func droppable(path string) (field string, ok bool) {
	parts := strings.Split(path, ".")
	if len(parts) < 2 || parts[0] != "spec" {
		return "", false
	}
	for i, part := range parts {
		parts[i], _, _ = strings.Cut(part, "[")
	}
	switch parts[1] {
	case "policyName", "connectionRef", "adoptionPolicy", "deletionPolicy":
		return "", false
	case "network", "policies": // all of their members are optional
		return strings.Join(parts[1:min(3, len(parts))], "."), true
	}
	return parts[1], true
}

// drop removes an optional field from a spec, and with it the object around it that has nothing else.
func drop(obj kinds.PolicyObject, field string) (dropped bool, err error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return false, err
	}
	path := append([]string{"spec"}, strings.Split(field, ".")...)
	if _, dropped, err = unstructured.NestedFieldNoCopy(content, path...); err != nil || !dropped {
		return false, err
	}
	unstructured.RemoveNestedField(content, path...)
	if around, _, _ := unstructured.NestedMap(content, path[:len(path)-1]...); len(around) == 0 {
		unstructured.RemoveNestedField(content, path[:len(path)-1]...)
	}
	to := reflect.ValueOf(obj).Elem()
	to.SetZero()
	return true, runtime.DefaultUnstructuredConverter.FromUnstructured(content, obj)
}
