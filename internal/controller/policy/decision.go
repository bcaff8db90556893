// SPDX-License-Identifier: Apache-2.0

package policy

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// action is what a pass does about what it observed.
type action int

const (
	actNothing action = iota
	actCreate
	actUpdate
	// actRefuse does not touch an object that has our name and is not ours.
	actRefuse
	// actReport reports differences, because managementPolicy is Observe.
	actReport
	// actSuspend reports differences, because the object or its connection is suspended.
	actSuspend
	// actForbid reports differences that must not be repaired.
	actForbid
)

// decide is the whole decision about what was observed; it does not know how an action is carried out.
func decide(policies pamv1alpha1.ManagementPolicies, connectionSuspended bool, seen observation) action {
	switch {
	case !seen.ours && seen.exists() && !policies.Observes() && !mayAdopt(policies.Adoption(), seen):
		return actRefuse
	case !seen.different():
		return actNothing
	case policies.Observes():
		return actReport
	case policies.Suspended(), connectionSuspended:
		return actSuspend
	case seen.forbidden != "":
		return actForbid
	case !seen.exists():
		return actCreate
	}
	return actUpdate
}

// mayAdopt reports whether an object of the appliance that we did not create may be adopted.
func mayAdopt(policy pamv1alpha1.AdoptionPolicy, seen observation) bool {
	switch policy {
	case pamv1alpha1.AdoptionPolicyAlways:
		return true
	case pamv1alpha1.AdoptionPolicyIfIdentical:
		return len(seen.drift) == 0 && seen.incomparable == ""
	}
	return false
}

func adoptionRefused(obj kinds.PolicyObject, seen observation) error {
	name, policy := obj.NameOnAppliance(), obj.ManagementPolicies().Adoption()
	switch {
	case policy == pamv1alpha1.AdoptionPolicyNever:
		return loop.MustAct(pamv1alpha1.ReasonAdoptionRefused,
			"the appliance already has %q (key %s), and adoptionPolicy is Never", name, seen.current.Key)
	case len(visible(seen.drift)) > 0:
		return loop.MustAct(pamv1alpha1.ReasonAdoptionRefused,
			"the appliance already has %q (key %s), and it differs in %s: make the spec equal, or set adoptionPolicy: Always",
			name, seen.current.Key, paths(visible(seen.drift)))
	}
	return loop.MustAct(pamv1alpha1.ReasonAdoptionRefused,
		"the appliance already has %q (key %s), and %s", name, seen.current.Key, seen.incomparable)
}
