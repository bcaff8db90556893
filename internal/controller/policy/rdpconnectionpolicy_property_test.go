// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestRDPMapping draws specs of any combination of forms, with any numbers, and checks what must hold of all of them.
func TestRDPMapping(t *testing.T) { rapid.Check(t, rdpMappingProperties) }

func FuzzRDPMapping(f *testing.F) { f.Fuzz(rapid.MakeFuzz(rdpMappingProperties)) }

func rdpMappingProperties(t *rapid.T) {
	wanted, there := drawSpec(t, "wanted"), drawSpec(t, "there")
	managed, complete := mustWire(t, wanted)
	_, current := mustWire(t, there)

	if drift := sps.Diff(managed, complete, rdpMapping.comparison); len(drift) > 0 {
		t.Fatalf("what was just created differs: %v", drift)
	}
	updated := sps.Overlay(current, managed, complete)
	if drift := sps.Diff(managed, updated, rdpMapping.comparison); len(drift) > 0 {
		t.Fatalf("what was just written differs: %v", drift)
	}
	for member, value := range current {
		if _, isManaged := managed[member]; !isManaged && !cmp.Equal(value, updated[member]) {
			t.Fatalf("%s is not managed, and became %v", member, updated[member])
		}
	}
}

// TestSpecsThatDifferDifferOnTheWire goes the way back: no two forms look the same on the wire.
func TestSpecsThatDifferDifferOnTheWire(t *testing.T) {
	same := map[string]string{}
	for name, field := range builder.RDPFields {
		managed, _ := wire(t, field.Spec)
		text, err := json.Marshal(managed)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := same[string(text)]; taken {
			t.Errorf("%q and %q are the same on the wire: %s", name, other, text)
		}
		same[string(text)] = name
	}
}

// drawSpec puts a spec together from the forms of builder.RDPFields, at most one for each part, and draws its numbers.
func drawSpec(t *rapid.T, label string) *pamv1alpha1.RDPConnectionPolicySpec {
	parts := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(builder.RDPFields)) {
		if !rapid.Bool().Draw(t, label+": "+name) {
			continue
		}
		var fragment map[string]any
		if err := yaml.Unmarshal([]byte(builder.RDPFields[name].Spec), &fragment); err != nil {
			t.Fatal(err)
		}
		maps.Copy(parts, fragment)
	}
	spec, text := &pamv1alpha1.RDPConnectionPolicySpec{}, encode(t, parts)
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatal(err)
	}
	port := rapid.Int32Range(1, 65535)
	if n := spec.Network; n != nil && n.Ports != nil {
		n.Ports = rapid.SliceOfNDistinct(port, 1, 4, rapid.ID[int32]).Draw(t, label+": ports")
	}
	if s := spec.ServerAddress; s != nil && s.Fixed != nil && s.Fixed.Port != nil {
		s.Fixed.Port = new(port.Draw(t, label+": port"))
	}
	if c := spec.ChannelDatabaseCleanup; c != nil && c.Days != nil {
		c.Days = new(rapid.Int32Range(1, 10000).Draw(t, label+": days"))
	}
	if r := spec.RateLimit; r != nil && r.ConnectionsPerMinute != nil {
		r.ConnectionsPerMinute = new(rapid.Int32Range(1, 10000).Draw(t, label+": rate"))
	}
	return spec
}

func mustWire(t *rapid.T, spec *pamv1alpha1.RDPConnectionPolicySpec) (managed, complete sps.Body) {
	managed, complete, err := wireOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	return managed, complete
}

func encode(t *rapid.T, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
