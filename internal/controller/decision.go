// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// observation is what was seen of one object on an appliance.
type observation struct {
	// current is the object that is there; its Key is empty if there is none. Its body is in the form in which it would be
	// written: references are keys.
	current sps.Object
	// position is the object's place in its collection, from 0.
	position int
	// managed is what the spec asks for, and nothing else.
	managed sps.Body
	// complete is the full body that would be created.
	complete sps.Body
	// drift is where current differs from managed, in terms of the spec.
	drift []sps.Difference
	// incomparable says why what is there cannot be called identical although nothing of the spec differs, and what to do
	// to take it over; empty if it can.
	incomparable string
	// members are the names of the members of a group.
	members []string
	// ours says that the object is known to be ours already.
	ours bool
	// accounts are those that the operator logs in with; they must keep what they have.
	accounts connection.Accounts
	// remark is added to the message of an object that is in sync: what is no fault, and may be a slip.
	remark string
	// forbidden says why the difference must not be repaired; empty if it may be.
	forbidden string
}

// forbids is the refusal to repair a difference.
func (o observation) forbids() error {
	return mustAct(pamv1alpha1.ReasonInvalidSpec, "%s", o.forbidden)
}

func (o observation) exists() bool { return o.current.Key != "" }

// different says that the appliance is not as the spec asks.
func (o observation) different() bool { return !o.exists() || len(o.drift) > 0 }

// action is what a pass does about what it saw.
type action int

const (
	actNothing action = iota
	actCreate
	actUpdate
	// actRefuse leaves alone what is there under our name.
	actRefuse
	// actReport shows differences that managementPolicy does not repair.
	actReport
	// actHold shows differences that suspend does not repair.
	actHold
	// actForbid shows differences that must not be repaired.
	actForbid
)

// decide is the whole policy about what is there: it knows nothing of how to do it.
func decide(steward pamv1alpha1.Stewardship, connectionSuspended bool, seen observation) action {
	switch {
	case !seen.ours && seen.exists() && !steward.Observes() && !mayAdopt(steward.Adoption(), seen):
		return actRefuse
	case !seen.different():
		return actNothing
	case steward.Observes():
		return actReport
	case steward.Suspended(), connectionSuspended:
		return actHold
	case seen.forbidden != "":
		return actForbid
	case !seen.exists():
		return actCreate
	}
	return actUpdate
}

// mayAdopt says whether an object that somebody else made may be taken over.
func mayAdopt(policy pamv1alpha1.AdoptionPolicy, seen observation) bool {
	switch policy {
	case pamv1alpha1.AdoptionPolicyAlways:
		return true
	case pamv1alpha1.AdoptionPolicyIfIdentical:
		return len(seen.drift) == 0 && seen.incomparable == ""
	}
	return false
}

func adoptionRefused(obj policyObject, seen observation) error {
	name, policy := obj.NameOnAppliance(), obj.Steward().Adoption()
	switch {
	case policy == pamv1alpha1.AdoptionPolicyNever:
		return mustAct(pamv1alpha1.ReasonAdoptionRefused,
			"the appliance has %q already (key %s), and adoptionPolicy is Never", name, seen.current.Key)
	case len(visible(seen.drift)) > 0:
		return mustAct(pamv1alpha1.ReasonAdoptionRefused,
			"the appliance has %q already (key %s), and it differs in %s: make the spec equal, or set adoptionPolicy: Always",
			name, seen.current.Key, paths(visible(seen.drift)))
	}
	return mustAct(pamv1alpha1.ReasonAdoptionRefused,
		"the appliance has %q already (key %s), and %s", name, seen.current.Key, seen.incomparable)
}

// visible are the differences that both sides show. A password is not among them: no spec can be made equal to it.
func visible(drift []sps.Difference) []sps.Difference {
	var out []sps.Difference
	for _, d := range drift {
		if d.Desired != "" || d.Actual != "" {
			out = append(out, d)
		}
	}
	return out
}

const (
	// maxDrift is how many differences a status shows.
	maxDrift = 20
	// maxDriftValue bounds a value that a status shows, in bytes.
	maxDriftValue = 256
)

// drifted turns differences into what a status shows.
func drifted(differences []sps.Difference) []pamv1alpha1.DriftedField {
	var out []pamv1alpha1.DriftedField
	for _, d := range differences {
		if len(out) == maxDrift {
			break
		}
		out = append(out, pamv1alpha1.DriftedField{
			Path: shorten(d.Path, maxDriftValue), Desired: shorten(d.Desired, maxDriftValue),
			Actual: shorten(d.Actual, maxDriftValue),
		})
	}
	return out
}

// inSpec gives the name, which the appliances call name everywhere, the name that it has in the spec of a kind.
func inSpec(name string, differences []sps.Difference) []sps.Difference {
	for i := range differences {
		if differences[i].Path == "name" {
			differences[i].Path = name
		}
	}
	return differences
}

// maxPaths is how many paths a message names.
const maxPaths = 5

func paths(differences []sps.Difference) string {
	var names []string
	for _, d := range differences {
		if len(names) == maxPaths {
			names = append(names, "…")
			break
		}
		names = append(names, d.Path)
	}
	if len(names) == 0 {
		return "everything: it does not exist there"
	}
	return strings.Join(names, ", ")
}

// setDriftCondition shows DriftDetected while there is drift, and only then.
func setDriftCondition(conditions *[]metav1.Condition, generation int64, seen observation) {
	if !seen.different() {
		meta.RemoveStatusCondition(conditions, pamv1alpha1.ConditionDriftDetected)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionDriftDetected, Status: metav1.ConditionTrue, ObservedGeneration: generation,
		Reason: pamv1alpha1.ReasonDriftDetected, Message: "the appliance differs in " + paths(seen.drift),
	})
}

// setInsecureCondition shows InsecureTLS while it is true, and only then.
func setInsecureCondition(conditions *[]metav1.Condition, generation int64, insecure bool) {
	if !insecure {
		meta.RemoveStatusCondition(conditions, pamv1alpha1.ConditionInsecureTLS)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionInsecureTLS, Status: metav1.ConditionTrue, ObservedGeneration: generation,
		Reason: "VerificationDisabled",
		Message: "the server's certificate is not verified, so anybody on the way can read the credentials: " +
			"set tls.caBundleRef and remove insecureSkipVerify",
	})
}
