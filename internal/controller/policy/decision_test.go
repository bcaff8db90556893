// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// there is what an appliance may have under an object's name.
type there string

const (
	absent       there = "absent"
	equalOurs    there = "equal, ours"
	differsOurs  there = "differs, ours"
	equalOther   there = "equal, not ours"
	differsOther there = "differs, not ours"
	opaqueOther  there = "equal except for a password, not ours"
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

// decisions is the whole table: what is done, by what is there, for all management policies.
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
		absent: actSuspend, equalOurs: actNothing, differsOurs: actSuspend,
		equalOther: actNothing, differsOther: actRefuse, opaqueOther: actRefuse,
	}},
	{suspended: true, adoption: pamv1alpha1.AdoptionPolicyNever, want: map[there]action{
		absent: actSuspend, equalOurs: actNothing, differsOurs: actSuspend,
		equalOther: actRefuse, differsOther: actRefuse, opaqueOther: actRefuse,
	}},
	{suspended: true, adoption: pamv1alpha1.AdoptionPolicyAlways, want: map[there]action{
		absent: actSuspend, equalOurs: actNothing, differsOurs: actSuspend,
		equalOther: actNothing, differsOther: actSuspend, opaqueOther: actNothing,
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
		policies := pamv1alpha1.ManagementPolicies{ManagementPolicy: d.management, AdoptionPolicy: d.adoption}
		for what, want := range d.want {
			name := fmt.Sprintf("%s %s suspended=%v: %s", d.management, d.adoption, d.suspended, what)
			if got := decide(policies, d.suspended, what.observation()); got != want {
				t.Errorf("%s: got action %d, want %d, with the connection suspended", name, got, want)
			}
			policies.Suspend = &d.suspended
			if got := decide(policies, false, what.observation()); got != want {
				t.Errorf("%s: got action %d, want %d, with the object suspended", name, got, want)
			}
		}
	}
}

func TestWhatMustNotBeRepairedIsLeft(t *testing.T) {
	t.Parallel()
	always := pamv1alpha1.ManagementPolicies{AdoptionPolicy: pamv1alpha1.AdoptionPolicyAlways}
	observe := pamv1alpha1.ManagementPolicies{ManagementPolicy: pamv1alpha1.ManagementPolicyObserve}
	for name, c := range map[string]struct {
		policies pamv1alpha1.ManagementPolicies
		there    there
		want     action
	}{
		"a difference of ours":                     {there: differsOurs, want: actForbid},
		"what is adopted":                          {always, differsOther, actForbid},
		"a refused adoption stays one":             {there: differsOther, want: actRefuse},
		"where nothing differs there is no repair": {there: equalOurs, want: actNothing},
		"what is only observed is reported":        {observe, differsOurs, actReport},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := c.there.observation()
			seen.forbidden = "it would take an account its group"
			if got := decide(c.policies, false, seen); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
