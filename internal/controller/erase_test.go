// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"net/http"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// A cache shows an object for a while after it has gone, and the lock is other people's, too.
func TestEraseAsksForNoLockForWhatHasGone(t *testing.T) {
	box, appliance := simulatedAppliance(t)
	policy := builder.RDPConnectionPolicy("finance")
	policy.Status.Key, policy.Status.Appliance = "a-key-that-is-not-there", appliance.URL
	if _, err := appliance.Inventory.List(t.Context(), sps.RDPConnections); err != nil {
		t.Fatal(err)
	}
	alone := func(context.Context, client.Reader, string) ([]*pamv1alpha1.RDPConnectionPolicy, error) {
		return nil, nil
	}
	erase := func(cluster client.Client) int {
		t.Helper()
		r := &policyReconciler[*pamv1alpha1.RDPConnectionPolicy]{
			deps: deps{live: cluster}, verbs: rdpVerbs{}, collection: sps.RDPConnections,
			siblings: siblings[*pamv1alpha1.RDPConnectionPolicy]{list: alone},
		}
		if err := r.erase(t.Context(), appliance, policy); err != nil {
			t.Fatal(err)
		}
		return box.Stats().TransactionsOpened
	}
	if opened := erase(clusterInMemory(t)); opened != 0 {
		t.Errorf("%d transactions for an object that has gone", opened)
	}
	cluster := clusterInMemory(t, policy)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
		t.Fatal(err)
	}
	if opened := erase(cluster); opened != 1 {
		t.Errorf("%d transactions for an object that the appliance may have after all", opened)
	}
}

// An appliance whose transaction is dropped in the moment of its commit, and which calls that a success, still has the
// object.
func TestEraseBelievesNoCommit(t *testing.T) {
	box, appliance := simulatedAppliance(t)
	box.SetSwitches(func(s *simsps.Switches) { s.ConfigHash, s.EmptyCommitStatus = false, http.StatusOK })
	group := builder.LocalUserGroup("finance")
	group.Status.Appliance = appliance.URL
	group.Status.Key = box.Put(string(sps.Groups), "", map[string]any{"name": "finance", "members": []any{}})
	group.Status.Origin = pamv1alpha1.OriginCreated
	cluster := clusterInMemory(t, group)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(group), group); err != nil {
		t.Fatal(err)
	}
	nobodys := func(context.Context, string) (connection.Accounts, error) { return nil, nil }
	r := &policyReconciler[*pamv1alpha1.LocalUserGroup]{
		deps: deps{client: cluster, live: cluster}, verbs: groupVerbs{accounts: nobodys}, collection: sps.Groups,
		siblings: siblings[*pamv1alpha1.LocalUserGroup]{
			list: func(context.Context, client.Reader, string) ([]*pamv1alpha1.LocalUserGroup, error) { return nil, nil },
		},
	}
	box.Faults().OnRequest(func(request *http.Request) {
		if request.Method == http.MethodPut {
			box.DropTransactions()
		}
	})
	err := r.erase(t.Context(), appliance, group)
	if out := outcomeOf(err); !connection.IsUnconfirmed(err) || out.state != stateReconciling {
		t.Errorf("got %v, which is %+v", err, out)
	}
	box.Faults().OnRequest(nil)
	if err := r.erase(t.Context(), appliance, group); err != nil {
		t.Error(err)
	}
	for _, o := range box.Objects(string(sps.Groups)) {
		if o.Key == group.Status.Key {
			t.Error("the appliance has it still")
		}
	}
}
