// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// Between the look at the claims and the transaction, an older object may have come to own the name.
func TestAClaimIsLookedAtAgainInsideTheTransaction(t *testing.T) {
	box, on := simulatedAppliance(t)
	body, err := builder.RDPBody("rdp", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	key := box.Put(string(sps.RDPConnections), "", body)
	older, ours := policyOfAge("rdp", "elsewhere", 1), policyOfAge("rdp", "default", 2)
	older.Status.Key, older.Status.Appliance, older.Status.Origin = key, on.URL, pamv1alpha1.OriginAdopted
	ours.Status = pamv1alpha1.RDPConnectionPolicyStatus{}
	builder.Connection("another", builder.DefaultNamespace)(ours)
	builder.Adopt(pamv1alpha1.AdoptionPolicyAlways)(ours)
	builder.Port(3391)(ours)
	cluster := cachedPolicies(t, older)
	r := newReconciler(loop.Deps{Client: cluster}, newConnectionPolicyVerbs(nil, rdpMapping))
	turn, err := on.TakeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer turn.End()
	_, _, err = r.commit(t.Context(), turn, identity(ours, observation{}), ours, false)
	if err == nil || loop.OutcomeOf(err).Reason != pamv1alpha1.ReasonConflict {
		t.Errorf("written although %s owns it: %v", client.ObjectKeyFromObject(older), err)
	}
	if commits := box.Stats().Commits; commits != 0 {
		t.Errorf("%d commits", commits)
	}
}

func TestWhatAWriteSendsIdentifiesIt(t *testing.T) {
	t.Parallel()
	p := policyOfAge("rdp", "default", 1)
	seen := func(change func(*observation)) observation {
		o := observation{
			managed: sps.Body{"a": 1, "b": 2}, complete: sps.Body{"a": 1}, secret: "s",
			current: sps.Object{Key: "-1", Body: sps.Body{"a": 2}},
		}
		if change != nil {
			change(&o)
		}
		return o
	}
	known := identity(p, seen(nil))
	if identity(p, seen(nil)) != known {
		t.Error("the same is taken for something else")
	}
	for what, change := range map[string]func(*observation){
		"the spec":              func(o *observation) { o.managed = sps.Body{"a": 3} },
		"a default":             func(o *observation) { o.complete = sps.Body{"a": 3} },
		"what is there":         func(o *observation) { o.current.Body = sps.Body{"a": 3} },
		"that nothing is there": func(o *observation) { o.current = sps.Object{} },
		"a password":            func(o *observation) { o.secret = "t" },
	} {
		if identity(p, seen(change)) == known {
			t.Errorf("%s makes no difference", what)
		}
	}
}
