// SPDX-License-Identifier: Apache-2.0

package difference_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/difference"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

// refused is a policy whose adoption was refused.
func refused(fields []pamv1alpha1.DriftedField, count *int32) *pamv1alpha1.RDPConnectionPolicy {
	p := builder.RDPConnectionPolicy("rdp-finance", builder.Connection("sps-prod", ""))
	p.Generation, p.Spec.PolicyName, p.Status.Key = 1, "rdp_finance", "3bd7b6f8"
	p.Status.Observed(1)
	p.Status.Drift, p.Status.DriftCount = fields, count
	for _, kind := range []string{pamv1alpha1.ConditionReady, pamv1alpha1.ConditionStalled} {
		c := metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: pamv1alpha1.ReasonAdoptionRefused, ObservedGeneration: 1,
		}
		if kind == pamv1alpha1.ConditionReady {
			c.Status = metav1.ConditionFalse
		}
		p.Status.Conditions = append(p.Status.Conditions, c)
	}
	return p
}

var fields = []pamv1alpha1.DriftedField{
	{Path: "active", Desired: "true", Actual: "false"},
	{Path: "network.clients", Desired: `["10.0.0.0/8"]`},
	{Path: "network.ports", Desired: "[3389]", Actual: "[3389,3390]"},
	{Path: "rateLimit.connectionsPerMinute", Actual: "60\x1b[2J"},
}

func TestADifferenceReadsLikeADiff(t *testing.T) {
	t.Parallel()
	found := difference.Of([]kinds.Object{refused(fields, new(int32(17)))})
	var out bytes.Buffer
	found[0].Print(&out, printer.Screen{})
	want := `rdpcp/rdp-finance  (rdp_finance on sps-prod, key 3bd7b6f8)
--- appliance
+++ spec
@@ active @@
-  active: false
+  active: true
@@ network @@
+  clients: ["10.0.0.0/8"]
-  ports: [3389,3390]
+  ports: [3389]
@@ rateLimit @@
-  connectionsPerMinute: 60[2J
17 fields differ, of which 4 are shown. Not repaired: adoptionPolicy is IfIdentical.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	d := found.Document().Items[0]
	if d.Count != 17 || len(d.Fields) != 4 || !d.Compared || d.NameOnAppliance != "rdp_finance" {
		t.Errorf("the document says %+v", d)
	}
}

func TestWhatWasNotComparedIsUnknown(t *testing.T) {
	t.Parallel()
	fresh := builder.LocalUser("alice")
	fresh.Generation = 1
	found := difference.Of([]kinds.Object{fresh, builder.SPSConnection("not compared")})
	if len(found) != 1 || found[0].Differs() || !found[0].Matters() || found[0].Unknown == "" {
		t.Errorf("%+v", found)
	}
}
