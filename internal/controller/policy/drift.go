// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file puts differences into words, and into the status.

const (
	// maxDrift is how many differences a status shows.
	maxDrift = 20
	// maxDriftValue bounds a value that a status shows, in bytes.
	maxDriftValue = 256
	// maxPaths is how many paths a message names.
	maxPaths = 5
)

// driftedFields are differences as a status shows them.
func driftedFields(differences []sps.Difference) []pamv1alpha1.DriftedField {
	if len(differences) == 0 {
		return nil
	}
	shown := differences[:min(len(differences), maxDrift)]
	out := make([]pamv1alpha1.DriftedField, 0, len(shown))
	for _, d := range shown {
		out = append(out, pamv1alpha1.DriftedField{
			Path: rest.Shorten(d.Path, maxDriftValue), Desired: rest.Shorten(d.Desired, maxDriftValue),
			Actual: rest.Shorten(d.Actual, maxDriftValue),
		})
	}
	return out
}

// driftCount is how many differences there are; nil if there are none.
func driftCount(differences []sps.Difference) *int32 {
	if len(differences) == 0 {
		return nil
	}
	return new(int32(len(differences))) //nolint:gosec // as many as a body has members
}

// inSpec gives the member name the name of its field in the spec of a kind.
func inSpec(field string, differences []sps.Difference) []sps.Difference {
	for i := range differences {
		if differences[i].Path == sps.MemberName {
			differences[i].Path = field
		}
	}
	return differences
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

// paths lists the fields that differ.
func paths(differences []sps.Difference) string {
	var names []string
	for _, d := range differences {
		if len(names) == maxPaths {
			names = append(names, "…")
			break
		}
		names = append(names, d.Path)
	}
	return strings.Join(names, ", ")
}

// differs is a clause that says how the appliance differs from the object.
func differs(obj kinds.PolicyObject, seen observation) string {
	if !seen.exists() {
		return fmt.Sprintf("%q does not exist on the appliance", obj.NameOnAppliance())
	}
	return "the appliance differs in " + paths(seen.drift)
}

// changeNotKept is the message about an appliance that accepted a change and still differs.
func changeNotKept(obj kinds.PolicyObject, seen observation) string {
	if !seen.exists() {
		return fmt.Sprintf("the appliance accepted the change but does not show %q", obj.NameOnAppliance())
	}
	return "the appliance accepted the change but shows another value for " + paths(seen.drift)
}

// repairMessage is the message of an Event about a repair.
func repairMessage(obj kinds.PolicyObject, seen observation) string {
	if !seen.exists() {
		return fmt.Sprintf("created again, because %q no longer existed on the appliance", obj.NameOnAppliance())
	}
	return "written again, because the appliance differed in " + paths(seen.drift)
}

// driftOutcome is the outcome where differences are only reported.
func driftOutcome(obj kinds.PolicyObject, seen observation) loop.Outcome {
	verb := "repair"
	if !seen.exists() {
		verb = "create"
	}
	return loop.Stalled(pamv1alpha1.ReasonDriftDetected,
		differs(obj, seen)+"; managementPolicy Observe does not "+verb+" it")
}

// suspendedOutcome is the outcome where the object or its connection is suspended.
func suspendedOutcome(conn *pamv1alpha1.SPSConnection, obj kinds.PolicyObject, seen observation) loop.Outcome {
	what := "the connection is suspended" + loop.SuspendReason(conn)
	if obj.ManagementPolicies().Suspended() {
		what = "suspended by spec.suspend" + loop.SuspendReason(obj)
	}
	return loop.Suspended(what + "; " + differs(obj, seen))
}

// isNewDrift reports whether a difference is seen for the first time: the object was in sync, or only observes.
func isNewDrift(obj kinds.PolicyObject, seen observation) bool {
	return hasDrifted(seen) && !showsDrift(obj) && (isInSync(obj) || obj.ManagementPolicies().Observes())
}

// showsDrift reports whether the status shows a difference already.
func showsDrift(obj kinds.PolicyObject) bool {
	return meta.IsStatusConditionTrue(obj.PolicyStatus().Conditions, pamv1alpha1.ConditionDriftDetected)
}

// repairs reports whether writing what was observed would repair a difference, and not make what was never there.
func repairs(obj kinds.PolicyObject, seen observation) bool {
	return hasDrifted(seen) && showsDrift(obj) && loop.ManagedKey(obj) != ""
}

// setDriftCondition sets DriftDetected while there is drift, and removes it otherwise.
func setDriftCondition(obj kinds.PolicyObject, seen observation) {
	conditions := &obj.PolicyStatus().Conditions
	if !seen.different() {
		meta.RemoveStatusCondition(conditions, pamv1alpha1.ConditionDriftDetected)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionDriftDetected, Status: metav1.ConditionTrue, ObservedGeneration: obj.GetGeneration(),
		Reason: pamv1alpha1.ReasonDriftDetected, Message: differs(obj, seen),
	})
}
