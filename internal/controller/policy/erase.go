// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/lane"
)

// erase deletes the object from the appliance, if it is there and ours. Success means that the appliance was seen
// without it: neither a commit nor an inventory that relies on one is proof enough to release the object.
func (r *policyReconciler[T]) erase(ctx context.Context, on *appliance.Appliance, obj T) error {
	if err := r.admit(ctx, on, on.Inventory, obj); err != nil {
		if out := loop.OutcomeOf(err); out.Reason == pamv1alpha1.ReasonConflict {
			return nil // another object owns it
		}
		return err
	}
	status := obj.PolicyStatus()
	if status.Appliance != on.URL {
		return nil // the connection leads to another appliance now; what is there under our name is not ours
	}
	own := loop.CopyOf(obj) // the batch may outlive the caller
	if r.isGone(ctx, on.Inventory, own) {
		return nil
	}
	deleted, err := r.deleteOwn(ctx, on, own)
	if err != nil {
		return err
	}
	key := cmp.Or(deleted, status.Key)
	if deleted == "" && loop.Creating(own) {
		key = "" // it was looked for by its name
	}
	if err := on.Inventory.ConfirmDeleted(ctx, r.kind.Collection, key); err != nil {
		return err
	}
	if deleted != "" {
		r.audit(ctx, obj, audit.Delete, audit.Succeeded, audit.Record{})
	}
	return nil
}

// deleteOwn deletes our object in a transaction, and returns its key; empty if it was not there.
func (r *policyReconciler[T]) deleteOwn(ctx context.Context, on *appliance.Appliance, own T) (string, error) {
	var deleted string // is read after a success only: the batch may outlive the caller
	whose := appliance.Identity{Tenant: own.GetNamespace(), ID: string(own.GetUID()) + "/deletion"}
	err := lane.Aside(ctx, func() error {
		return on.Change(ctx, whose, func(ctx context.Context, tx *appliance.Transaction) error {
			deleted = "" // what an earlier attempt did was rolled back
			current, err := r.ownOnAppliance(ctx, tx, own)
			if err != nil || current == "" {
				return err
			}
			deleted = current
			record, _, err := appliance.ByKey(ctx, tx, r.kind.Collection, current)
			if err != nil {
				return err
			}
			return r.verbs.delete(ctx, tx, record)
		})
	})
	if err != nil {
		return "", err
	}
	return deleted, nil
}

// isGone reports whether neither the appliance nor the cluster has the object any more: a lagging cache that still
// shows it is no reason to take the lock. Only the inventory is asked: if the appliance does not answer, a thousand
// deletions would each wait for it. When in doubt, the object is not gone.
func (r *policyReconciler[T]) isGone(ctx context.Context, inventory *appliance.Inventory, obj T) bool {
	if !inventory.Has(r.kind.Collection) {
		return false
	}
	key, err := r.ownOnAppliance(ctx, inventory, obj)
	return err == nil && key == "" && apierrors.IsNotFound(r.requireCurrent(ctx, obj))
}

// ownOnAppliance is the key of our object, empty if it is not there. It is looked up by its key, or by its name if a
// create may have succeeded without an answer.
func (r *policyReconciler[T]) ownOnAppliance(ctx context.Context, view appliance.View, obj T) (string, error) {
	if key := loop.ManagedKey(obj); key != "" {
		object, _, err := appliance.ByKey(ctx, view, r.kind.Collection, key)
		if err != nil || object.Key != "" {
			return object.Key, err
		}
	}
	if !loop.Creating(obj) {
		return "", nil
	}
	object, _, err := appliance.ByName(ctx, view, r.kind.Collection, obj.NameOnAppliance())
	return object.Key, err
}
