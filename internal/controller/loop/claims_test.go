// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"fmt"
	"testing"

	toolscache "k8s.io/client-go/tools/cache"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var (
	policies, _ = kinds.Named(kinds.RDPConnectionPolicy)
	users, _    = kinds.Named(kinds.LocalUser)
	// home is an appliance with two addresses.
	home = []string{"https://a", "https://also-a"}
)

// claiming is a policy that names something, and has found a key at an address.
func claiming(name, key, address string) *pamv1alpha1.RDPConnectionPolicy {
	p := builder.RDPConnectionPolicy("a", builder.InNamespace("team"), builder.Connection("sps", "pam-system"))
	p.Spec.PolicyName = name
	p.Status.Key, p.Status.Appliance = key, address
	return p
}

func TestClaimsFollowTheObjects(t *testing.T) {
	t.Parallel()
	c := NewClaims()
	follow := c.handler(policies.Name)
	demo := sps.Record{Key: "k1", Name: "rdp_demo"}
	expect := func(when string, want bool, record sps.Record) {
		t.Helper()
		if got := c.Claimed(policies, home, record); got != want {
			t.Errorf("%s: %q is claimed: %t", when, record.Name, got)
		}
	}
	expect("at first", false, demo)
	first, second := claiming("rdp_demo", "", ""), claiming("rdp_demo", "k1", "https://also-a")
	follow.OnAdd(first, true)
	expect("with an object that has found nothing", false, demo)
	creating := claiming("rdp_demo", "", "")
	creating.Status.PendingCreation = &pamv1alpha1.PendingCreation{Name: "rdp_demo", Appliance: "https://a"}
	follow.OnUpdate(first, creating)
	expect("with one that is being created", true, demo)
	expect("with one that is being created", false, sps.Record{Key: "k2", Name: "another"})
	follow.OnUpdate(creating, first)
	follow.OnAdd(second, false)
	found := claiming("rdp_demo", "k1", "https://a")
	follow.OnUpdate(first, found)
	expect("with two objects", true, demo)
	expect("with two objects", true, sps.Record{Key: "k1", Name: "renamed by hand"})
	expect("with two objects", false, sps.Record{Key: "k2", Name: "rdp_demo"})
	follow.OnDelete(second)
	expect("with one object", true, demo)

	version := c.Version()
	follow.OnUpdate(found, found.DeepCopy())
	if c.Version() != version {
		t.Error("an update without another claim counts as a change")
	}
	if c.Claimed(users, home, demo) {
		t.Error("a user is claimed by a policy")
	}
	if c.Claimed(policies, []string{"https://b"}, demo) {
		t.Error("something at another appliance is claimed")
	}
	follow.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: found})
	expect("at last", false, demo)
	if len(c.counts) > 0 {
		t.Errorf("%v are left of objects that are gone", c.counts)
	}
}

func TestLookingUpAClaimCopiesNothing(t *testing.T) {
	c := NewClaims()
	follow := c.handler(policies.Name)
	for i := range 1000 {
		follow.OnAdd(claiming(fmt.Sprint("policy-", i), fmt.Sprint("key-", i), "https://a"), true)
	}
	record := sps.Record{Key: "key-700", Name: "policy-700"}
	if allocations := testing.AllocsPerRun(100, func() { c.Claimed(policies, home, record) }); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}
