// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestDriftInAStatus(t *testing.T) {
	differences := make([]sps.Difference, 0, 2*maxDrift)
	for i := range 2 * maxDrift {
		differences = append(differences, sps.Difference{
			Path: fmt.Sprintf("field%d", i), Desired: strings.Repeat("ä", maxDriftValue), Actual: "1",
		})
	}
	got := driftedFields(differences)
	if len(got) != maxDrift {
		t.Fatalf("%d differences are shown, want %d", len(got), maxDrift)
	}
	if len(got[0].Desired) > maxDriftValue || !strings.HasSuffix(got[0].Desired, "ä…") {
		t.Errorf("a long value is not cut cleanly: %d bytes, ending in %q", len(got[0].Desired), got[0].Desired[250:])
	}
	if count := driftCount(differences); count == nil || *count != 2*maxDrift {
		t.Errorf("%v differences are counted, want %d", count, 2*maxDrift)
	}
	if driftCount(nil) != nil {
		t.Error("no difference is counted")
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
			policy := builder.RDPConnectionPolicy("a")
			policy.Status.Conditions = []metav1.Condition{
				{Type: pamv1alpha1.ConditionDriftDetected, Status: metav1.ConditionTrue},
			}
			setDriftCondition(policy, c.seen)
			found := meta.FindStatusCondition(policy.Status.Conditions, pamv1alpha1.ConditionDriftDetected)
			if (found != nil) != c.want {
				t.Errorf("the condition is %+v", found)
			}
		})
	}
}

func TestMessagesAboutDrift(t *testing.T) {
	t.Parallel()
	observing := builder.RDPConnectionPolicy("rdp", builder.Manage(pamv1alpha1.ManagementPolicyObserve))
	suspended := builder.RDPConnectionPolicy("rdp", builder.Suspended())
	differing := observation{current: sps.Object{Key: "1"}, drift: fields("active")}
	for want, got := range map[string]string{
		`"rdp" does not exist on the appliance; managementPolicy Observe does not create it`: driftOutcome(
			observing, observation{}).Message,
		"the appliance differs in active; managementPolicy Observe does not repair it": driftOutcome(
			observing, differing).Message,
		`suspended by spec.suspend; "rdp" does not exist on the appliance`: suspendedOutcome(
			builder.SPSConnection("sps"), suspended, observation{}).Message,
		`the connection is suspended ("an audit"); the appliance differs in active`: suspendedOutcome(
			builder.SPSConnection("sps", builder.Annotation(pamv1alpha1.AnnotationSuspendReason, "an audit")),
			observing, differing).Message,
		`the appliance accepted the change but does not show "rdp"`: changeNotKept(observing, observation{}),
		"the appliance accepted the change but shows another value for active": changeNotKept(
			observing, differing),
		`created again, because "rdp" no longer existed on the appliance`: repairMessage(observing, observation{}),
		"written again, because the appliance differed in active":         repairMessage(observing, differing),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDriftIsNewOnce(t *testing.T) {
	there := observation{current: sps.Object{Key: "1"}, drift: []sps.Difference{{Path: "targets"}}}
	password := observation{current: sps.Object{Key: "1"}, drift: []sps.Difference{{Path: fieldPassword}}}
	same := observation{current: sps.Object{Key: "1"}}
	shown := func(p *pamv1alpha1.RDPConnectionPolicy) *pamv1alpha1.RDPConnectionPolicy {
		setDriftCondition(p, there)
		return p
	}
	created := builder.RDPConnectionPolicy("a")
	changed := repaired(pamv1alpha1.ReasonSynced)
	changed.Generation++
	tests := map[string]struct {
		policy          *pamv1alpha1.RDPConnectionPolicy
		seen            observation
		isNew, isRepair bool
	}{
		"in sync, and now changed":         {repaired(pamv1alpha1.ReasonSynced), there, true, false},
		"in sync, and now gone":            {repaired(pamv1alpha1.ReasonSynced), observation{}, true, false},
		"in sync, and still so":            {repaired(pamv1alpha1.ReasonSynced), same, false, false},
		"a password that its author set":   {repaired(pamv1alpha1.ReasonSynced), password, false, false},
		"a new spec":                       {changed, there, false, false},
		"shown, and waiting for the lock":  {shown(repaired(pamv1alpha1.ReasonLocked)), there, false, true},
		"shown, and changed back by hand":  {shown(repaired(pamv1alpha1.ReasonLocked)), same, false, false},
		"locked before anything was there": {builder.RDPConnectionPolicy("a"), observation{}, false, false},
		"suspended before it was created":  {shown(created), observation{}, false, false},
		"observed for the first time": {
			builder.RDPConnectionPolicy("a", builder.Manage(pamv1alpha1.ManagementPolicyObserve)), there, true, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := isNewDrift(tt.policy, tt.seen); got != tt.isNew {
				t.Errorf("it is new: %v", got)
			}
			if got := repairs(tt.policy, tt.seen); got != tt.isRepair {
				t.Errorf("writing it is a repair: %v", got)
			}
		})
	}
}
