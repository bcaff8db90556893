// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// wire maps a fragment as the controller does, with invented keys and group names.
func wire(t *testing.T, fragment string) (managed, complete sps.Body) {
	t.Helper()
	spec, err := builder.RDPSpec(fragment)
	if err != nil {
		t.Fatalf("%s: %v", fragment, err)
	}
	managed, complete, err = wireOf(&spec)
	if err != nil {
		t.Fatalf("%s: %v", fragment, err)
	}
	return managed, complete
}

func wireOf(spec *pamv1alpha1.RDPConnectionPolicySpec) (managed, complete sps.Body, err error) {
	keys := map[string]string{}
	obj := &pamv1alpha1.RDPConnectionPolicy{Spec: *spec}
	obj.Name = "policy"
	for _, r := range rdpMapping.references(obj, true) {
		if r.name+r.key != "" {
			keys[r.field] = "key of " + r.name + r.key
		}
	}
	authorizers := make([]string, len(spec.AccessControl))
	managed, err = rdpMapping.managed(obj, keys, authorizers)
	if err != nil {
		return nil, nil, err
	}
	complete, err = rdpMapping.complete(obj, managed, keys)
	return managed, complete, err
}

func TestSpecPathsAreFieldsOfTheSpec(t *testing.T) {
	known := append(specFields(reflect.TypeFor[pamv1alpha1.RDPConnectionPolicySpec](), ""), elsewhere...)
	for wanted, field := range builder.RDPFields {
		managed, _ := wire(t, field.Spec)
		managed["name"] = "renamed"
		for there, other := range builder.RDPFields {
			_, complete := wire(t, other.Spec)
			seen := map[string]bool{}
			for _, d := range sps.Diff(managed, complete, rdpMapping.comparison) {
				path := rdpMapping.specPath(d.Path)
				if !slices.Contains(known, path) {
					t.Errorf("%s is wanted and %s is there: %s is shown as %s, which is no field", wanted, there, d.Path, path)
				}
				if seen[path] { // the status is a map by path
					t.Errorf("%s is wanted and %s is there: %s is shown twice", wanted, there, path)
				}
				seen[path] = true
			}
		}
	}
}

func TestANewPolicyDoesNotDiffer(t *testing.T) {
	names := slices.Sorted(maps.Keys(builder.RDPFields))
	rapid.Check(t, func(t *rapid.T) {
		spec := mixed(t, names)
		managed, complete, err := wireOf(&spec)
		if err != nil {
			t.Fatal(err)
		}
		if found := sps.Diff(managed, complete, rdpMapping.comparison); len(found) > 0 {
			t.Fatalf("what would be created differs from the spec in %+v", found)
		}
	})
}

func TestAnUpdatedPolicyDoesNotDifferAndKeepsWhatIsNotManaged(t *testing.T) {
	names := slices.Sorted(maps.Keys(builder.RDPFields))
	rapid.Check(t, func(t *rapid.T) {
		before, after := mixed(t, names), mixed(t, names)
		_, current, err := wireOf(&before)
		if err != nil {
			t.Fatal(err)
		}
		current["future_member"] = "kept"
		managed, complete, err := wireOf(&after)
		if err != nil {
			t.Fatal(err)
		}
		written := sps.Overlay(current, managed, complete)
		if found := sps.Diff(managed, written, rdpMapping.comparison); len(found) > 0 {
			t.Fatalf("what would be written differs from the spec in %+v", found)
		}
		for member, value := range current {
			if _, isManaged := managed[member]; !isManaged && !cmp.Equal(value, written[member]) {
				t.Fatalf("%s is not managed and has changed: %s", member, cmp.Diff(value, written[member]))
			}
		}
	})
}

// mixed draws a spec whose fields come from several fragments.
func mixed(t *rapid.T, names []string) pamv1alpha1.RDPConnectionPolicySpec {
	var spec pamv1alpha1.RDPConnectionPolicySpec
	into := reflect.ValueOf(&spec).Elem()
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 1, 8).Draw(t, "fragments") {
		fragment, err := builder.RDPSpec(builder.RDPFields[name].Spec)
		if err != nil {
			t.Fatal(err)
		}
		from := reflect.ValueOf(fragment)
		for i := range from.NumField() {
			if !from.Field(i).IsZero() {
				into.Field(i).Set(from.Field(i))
			}
		}
	}
	return spec
}
