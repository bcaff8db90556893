// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"errors"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// use is what an object wants of its appliance, for the grants of the connection. An object that only observes adopts
// nothing.
func (r *policyReconciler[T]) use(obj T) connection.Use {
	out := connection.Use{
		Kind: r.grantKind(), Name: obj.NameOnAppliance(), Adoption: obj.ManagementPolicies().Adoption(),
	}
	if obj.ManagementPolicies().Observes() {
		out.Adoption = pamv1alpha1.AdoptionPolicyNever
	}
	return out
}

func (r *policyReconciler[T]) grantKind() pamv1alpha1.PolicyKind {
	return pamv1alpha1.PolicyKind(r.kind.Name)
}

// admit fails for an object that must not manage the name that it claims: the operator logs in with it, or another
// object has a better claim. For an object that is the only claimant this takes no call.
func (r *policyReconciler[T]) admit(
	ctx context.Context, on *appliance.Appliance, view appliance.View, obj T,
) error {
	if r.kind.Collection == sps.Users {
		accounts, err := r.accounts(ctx, on.URL)
		if err != nil {
			return err
		}
		if accounts.Has(obj.NameOnAppliance()) {
			return loop.MustAct(pamv1alpha1.ReasonInvalidSpec, "%q is the account with which a connection logs in to this "+
				"appliance, so it is not managed: choose another name", obj.NameOnAppliance())
		}
	}
	all := r.claimants
	all.same = func(ctx context.Context, url string) (bool, error) {
		same, err := r.Pool.IsSame(ctx, on, url)
		if errors.Is(err, connection.ErrUndecided) && obj.GetDeletionTimestamp().IsZero() {
			return false, nil // a connection that does not work is not in the way of one that does
		}
		return same, err
	}
	return all.admit(ctx, view, on.URL, obj)
}

// accounts are those that the operator logs in with to an appliance, for the kinds that could break them.
func (r *policyReconciler[T]) accounts(ctx context.Context, url string) (connection.Accounts, error) {
	if r.Pool == nil || r.kind.Collection != sps.Users && r.kind.Collection != sps.Groups {
		return nil, nil
	}
	return r.Pool.Accounts(ctx, url)
}
