// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// there is what an appliance may have under an object's name.
type there string

const (
	absent       there = "absent"
	equalOurs    there = "equal, ours"
	differsOurs  there = "differs, ours"
	equalOther   there = "equal, somebody else's"
	differsOther there = "differs, somebody else's"
	opaqueOther  there = "equal but for a password, somebody else's"
)

func (w there) observation() observation {
	var seen observation
	if w != absent {
		seen.current.Key = "k"
	}
	if w == differsOurs || w == differsOther {
		seen.drift = []sps.Difference{{Path: "network.ports"}}
	}
	seen.ours = w == equalOurs || w == differsOurs
	if w == opaqueOther {
		seen.incomparable = "it cannot be compared"
	}
	return seen
}

// decisions is the whole table: what is done, by what is there, for each way to steward an object.
var decisions = []struct {
	management pamv1alpha1.ManagementPolicy
	// suspended stands for the object or its connection.
	suspended bool
	adoption  pamv1alpha1.AdoptionPolicy
	want      map[there]action
}{
	{adoption: "", want: map[there]action{
		absent: actCreate, equalOurs: actNothing, differsOurs: actUpdate,
		equalOther: actNothing, differsOther: actRefuse, opaqueOther: actRefuse,
	}},
	{adoption: pamv1alpha1.AdoptionPolicyIfIdentical, want: map[there]action{
		absent: actCreate, equalOurs: actNothing, differsOurs: actUpdate,
		equalOther: actNothing, differsOther: actRefuse, opaqueOther: actRefuse,
	}},
	{adoption: pamv1alpha1.AdoptionPolicyNever, want: map[there]action{
		absent: actCreate, equalOurs: actNothing, differsOurs: actUpdate,
		equalOther: actRefuse, differsOther: actRefuse, opaqueOther: actRefuse,
	}},
	{adoption: pamv1alpha1.AdoptionPolicyAlways, want: map[there]action{
		absent: actCreate, equalOurs: actNothing, differsOurs: actUpdate,
		equalOther: actNothing, differsOther: actUpdate, opaqueOther: actNothing,
	}},
	{suspended: true, want: map[there]action{
		absent: actHold, equalOurs: actNothing, differsOurs: actHold,
		equalOther: actNothing, differsOther: actRefuse, opaqueOther: actRefuse,
	}},
	{suspended: true, adoption: pamv1alpha1.AdoptionPolicyNever, want: map[there]action{
		absent: actHold, equalOurs: actNothing, differsOurs: actHold,
		equalOther: actRefuse, differsOther: actRefuse, opaqueOther: actRefuse,
	}},
	{suspended: true, adoption: pamv1alpha1.AdoptionPolicyAlways, want: map[there]action{
		absent: actHold, equalOurs: actNothing, differsOurs: actHold,
		equalOther: actNothing, differsOther: actHold, opaqueOther: actNothing,
	}},
	{management: pamv1alpha1.ManagementPolicyObserve, want: observing},
	{management: pamv1alpha1.ManagementPolicyObserve, adoption: pamv1alpha1.AdoptionPolicyNever, want: observing},
	{management: pamv1alpha1.ManagementPolicyObserve, adoption: pamv1alpha1.AdoptionPolicyAlways, want: observing},
	{management: pamv1alpha1.ManagementPolicyObserve, suspended: true, want: observing},
}

var observing = map[there]action{
	absent: actReport, equalOurs: actNothing, differsOurs: actReport,
	equalOther: actNothing, differsOther: actReport, opaqueOther: actNothing,
}

func TestDecide(t *testing.T) {
	for _, d := range decisions {
		steward := pamv1alpha1.Stewardship{ManagementPolicy: d.management, AdoptionPolicy: d.adoption}
		for what, want := range d.want {
			name := fmt.Sprintf("%s %s suspended=%v: %s", d.management, d.adoption, d.suspended, what)
			if got := decide(steward, d.suspended, what.observation()); got != want {
				t.Errorf("%s: got action %d, want %d, with the connection suspended", name, got, want)
			}
			steward.Suspend = &d.suspended
			if got := decide(steward, false, what.observation()); got != want {
				t.Errorf("%s: got action %d, want %d, with the object suspended", name, got, want)
			}
		}
	}
}

func TestDriftInAStatus(t *testing.T) {
	differences := make([]sps.Difference, 0, 2*maxDrift)
	for i := range 2 * maxDrift {
		differences = append(differences, sps.Difference{
			Path: fmt.Sprintf("field%d", i), Desired: strings.Repeat("ä", maxDriftValue), Actual: "1",
		})
	}
	got := drifted(differences)
	if len(got) != maxDrift {
		t.Fatalf("%d differences are shown, want %d", len(got), maxDrift)
	}
	if len(got[0].Desired) > maxDriftValue || !strings.HasSuffix(got[0].Desired, "ä…") {
		t.Errorf("a long value is not cut cleanly: %d bytes, ending in %q", len(got[0].Desired), got[0].Desired[250:])
	}
	want := pamv1alpha1.DriftedField{Path: "field0", Desired: got[0].Desired, Actual: "1"}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
}

func TestPathsInAMessage(t *testing.T) {
	cases := map[string]struct {
		differences []sps.Difference
		want        string
	}{
		"nothing is there":          {want: "everything: it does not exist there"},
		"one field":                 {differences: []sps.Difference{{Path: "a"}}, want: "a"},
		"more fields than fit":      {differences: fields("a", "b", "c", "d", "e", "f"), want: "a, b, c, d, e, …"},
		"exactly as many as do fit": {differences: fields("a", "b", "c", "d", "e"), want: "a, b, c, d, e"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := paths(c.differences); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func fields(names ...string) []sps.Difference {
	out := make([]sps.Difference, 0, len(names))
	for _, name := range names {
		out = append(out, sps.Difference{Path: name})
	}
	return out
}

func TestDriftConditionIsPresentOnlyWhileItIsTrue(t *testing.T) {
	cases := map[string]struct {
		seen observation
		want bool
	}{
		"it differs":      {seen: differsOurs.observation(), want: true},
		"it is not there": {seen: absent.observation(), want: true},
		"it is equal":     {seen: equalOurs.observation(), want: false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conditions := []metav1.Condition{{Type: pamv1alpha1.ConditionDriftDetected, Status: metav1.ConditionTrue}}
			setDriftCondition(&conditions, 1, c.seen)
			found := meta.FindStatusCondition(conditions, pamv1alpha1.ConditionDriftDetected)
			if (found != nil) != c.want {
				t.Errorf("the condition is %+v", found)
			}
		})
	}
}

func TestWhatMustNotBeRepairedIsLeft(t *testing.T) {
	t.Parallel()
	type steward = pamv1alpha1.Stewardship
	for name, c := range map[string]struct {
		steward steward
		there   there
		want    action
	}{
		"a difference of ours":                     {there: differsOurs, want: actForbid},
		"what is taken over":                       {steward{AdoptionPolicy: "Always"}, differsOther, actForbid},
		"a refused adoption stays one":             {there: differsOther, want: actRefuse},
		"where nothing differs there is no repair": {there: equalOurs, want: actNothing},
		"what is only observed is reported":        {steward{ManagementPolicy: "Observe"}, differsOurs, actReport},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := c.there.observation()
			seen.forbidden = "it would take an account its group"
			if got := decide(c.steward, false, seen); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
