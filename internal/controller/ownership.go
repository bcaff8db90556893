// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// What proves that something on an appliance is ours stands in the status, which users of the shipped roles cannot
// write: the key together with the origin, and, from before a create until its key is known, the pending creation. A
// finalizer or an annotation proves nothing, and nor does a key alone: an object that only observes has one, too.

// creating says that an earlier pass may have created the object without getting an answer.
func creating(obj policyObject) bool {
	status := obj.PolicyStatus()
	p := status.PendingCreation
	return p != nil && p.Name == obj.NameOnAppliance() && p.Appliance == status.Appliance && p.AfterKey == status.Key
}

// managedKey is the key of what the object created or adopted; empty if it did neither.
func managedKey(obj policyObject) string {
	if status := obj.PolicyStatus(); status.Origin != "" {
		return status.Key
	}
	return ""
}

// mayBeThere says that the object is on its appliance, or may be.
func mayBeThere(obj policyObject) bool {
	return managedKey(obj) != "" || obj.PolicyStatus().PendingCreation != nil
}

// needsConnection says that the object has to be deleted on its appliance before it can go.
func needsConnection(obj policyObject) bool {
	return holdsFinalizer(obj) && mayBeThere(obj) && !obj.Steward().Orphans() && !obj.Steward().Observes()
}

// own notes that what was seen is managed from now on.
func (o observation) own(status *pamv1alpha1.PolicyStatus) {
	if status.Key != o.current.Key || status.Origin == "" {
		status.Origin = pamv1alpha1.OriginAdopted
		if o.ours { // created without an answer
			status.Origin = pamv1alpha1.OriginCreated
		}
	}
	status.Key, status.PendingCreation = o.current.Key, nil
}

// use is what an object wants of its appliance, for the grants of the connection. What only observes takes nothing
// over.
func (r *policyReconciler[T]) use(obj T) connection.Use {
	out := connection.Use{
		Kind: grantKinds[r.collection], Name: obj.NameOnAppliance(), Adoption: obj.Steward().Adoption(),
	}
	if obj.Steward().Observes() {
		out.Adoption = pamv1alpha1.AdoptionPolicyNever
	}
	return out
}

var grantKinds = map[sps.Collection]pamv1alpha1.SPSGrantKind{
	sps.RDPConnections: "RDPConnectionPolicy", sps.Users: "LocalUser", sps.Groups: "LocalUserGroup",
}

// admits fails for an object that must not manage what it names: an account of the operator's own, or what an older
// object has a claim on. Neither needs a call for an object that is alone.
func (r *policyReconciler[T]) admits(ctx context.Context, appliance *connection.Appliance, obj T) error {
	if r.collection == sps.Users {
		accounts, err := r.accounts(ctx, appliance.URL)
		if err != nil {
			return err
		}
		if accounts.Has(obj.NameOnAppliance()) {
			return mustAct(pamv1alpha1.ReasonInvalidSpec, "%q is the account with which a connection logs in to this "+
				"appliance, so it is not managed: choose another name", obj.NameOnAppliance())
		}
	}
	family := r.siblings
	family.same = func(ctx context.Context, url string) (bool, error) {
		same, err := r.pool.IsSame(ctx, appliance, url)
		if errors.Is(err, connection.ErrUndecided) && obj.GetDeletionTimestamp().IsZero() {
			return false, nil // a connection that does not work is not in the way of one that does
		}
		return same, err
	}
	return family.oldest(ctx, appliance.Inventory, appliance.URL, obj)
}

// accounts are those that the operator logs in with to an appliance, for the kinds that could take them away.
func (r *policyReconciler[T]) accounts(ctx context.Context, url string) (connection.Accounts, error) {
	if r.pool == nil || r.collection != sps.Users && r.collection != sps.Groups {
		return nil, nil
	}
	return r.pool.Accounts(ctx, url)
}
