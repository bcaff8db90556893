// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

var of = types.NamespacedName{Namespace: "pam-system", Name: "sps"}

func listingOf(names ...string) *appliance.Listing {
	records := make([]sps.Record, 0, len(names))
	for i, name := range names {
		records = append(records, sps.Record{Key: fmt.Sprint("key-", i), Name: name})
	}
	return appliance.NewListing(records)
}

func TestWhatCannotBeManagedIsNotUnmanaged(t *testing.T) {
	t.Parallel()
	u := &unmanaged{claims: loop.NewClaims()}
	got := map[string]int32{}
	for _, kind := range kinds.Policies() {
		got[kind.Name] = u.count(of, kind, listingOf("admin", "Admin", "rdp-view", "pam-operator", "alice"),
			nil, connection.Accounts{"pam-operator"})
	}
	want := map[string]int32{kinds.LocalUser: 2, kinds.LocalUserGroup: 3, kinds.RDPConnectionPolicy: 5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Counting ten thousand objects again, when nothing has changed, takes no time and no memory to speak of.
func TestNothingIsCountedTwice(t *testing.T) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprint("policy-", i)
	}
	kind, _ := kinds.Named(kinds.RDPConnectionPolicy)
	u, listing := &unmanaged{claims: loop.NewClaims()}, listingOf(names...)
	count := func(accounts ...string) int32 { return u.count(of, kind, listing, nil, accounts) }
	if got := count(); got != 10_000 {
		t.Fatalf("%d", got)
	}
	if allocations := testing.AllocsPerRun(10, func() { count() }); allocations > 5 {
		t.Errorf("%v allocations for what is known", allocations)
	}
	listing = listingOf(names[:7]...)
	if got := count(); got != 7 {
		t.Errorf("with another listing: %d", got)
	}
	u.forget(of)
	if len(u.known) > 0 {
		t.Errorf("%v is left of a connection that is gone", u.known)
	}
}
