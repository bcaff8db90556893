// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"net/http"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// none lists no objects.
func none[T any](context.Context, string) ([]T, error) { return nil, nil }

// A cache still shows an object for a while after it is gone, and others need the lock, too.
func TestEraseTakesNoLockForWhatIsGone(t *testing.T) {
	box, on := simulatedAppliance(t)
	policy := builder.RDPConnectionPolicy("finance")
	policy.Status.Key, policy.Status.Appliance = "a-key-that-is-not-there", on.URL
	if _, err := on.Inventory.List(t.Context(), sps.RDPConnections); err != nil {
		t.Fatal(err)
	}
	erase := func(cluster client.Client) int {
		t.Helper()
		r := newReconciler(loop.Deps{Live: cluster}, newConnectionPolicyVerbs(nil, rdpMapping))
		r.claimants.list = none[*pamv1alpha1.RDPConnectionPolicy]
		if err := r.erase(t.Context(), on, policy); err != nil {
			t.Fatal(err)
		}
		return box.Stats().TransactionsOpened
	}
	if opened := erase(clusterInMemory(t)); opened != 0 {
		t.Errorf("%d transactions for an object that is gone", opened)
	}
	cluster := clusterInMemory(t, policy)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
		t.Fatal(err)
	}
	if opened := erase(cluster); opened != 1 {
		t.Errorf("%d transactions for an object that the appliance may have after all", opened)
	}
}

// An appliance that drops a transaction at the moment of its commit, and reports success, still has the object.
func TestEraseDoesNotTrustACommit(t *testing.T) {
	box, on := simulatedAppliance(t)
	box.SetSwitches(func(s *simsps.Switches) { s.ConfigHash, s.EmptyCommitStatus = false, http.StatusOK })
	group := builder.LocalUserGroup("finance")
	group.Status.Appliance = on.URL
	group.Status.Key = box.Put(string(sps.Groups), "", map[string]any{"name": "finance", "members": []any{}})
	group.Status.Origin = pamv1alpha1.OriginCreated
	cluster := clusterInMemory(t, group)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(group), group); err != nil {
		t.Fatal(err)
	}
	noAccounts := func(context.Context, string) (connection.Accounts, error) { return nil, nil }
	r := newReconciler(loop.Deps{Client: cluster, Live: cluster}, groupVerbs{accounts: noAccounts})
	r.claimants.list = none[*pamv1alpha1.LocalUserGroup]
	box.Faults().OnRequest(func(request *http.Request) {
		if request.Method == http.MethodPut {
			box.DropTransactions()
		}
	})
	err := r.erase(t.Context(), on, group)
	if out := loop.OutcomeOf(err); !appliance.IsUnconfirmed(err) || out.State != loop.StateReconciling {
		t.Errorf("got %v, which is %+v", err, out)
	}
	box.Faults().OnRequest(nil)
	if err := r.erase(t.Context(), on, group); err != nil {
		t.Error(err)
	}
	for _, o := range box.Objects(string(sps.Groups)) {
		if o.Key == group.Status.Key {
			t.Error("the appliance still has it")
		}
	}
}
