// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
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
