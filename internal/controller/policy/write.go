// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// write has the difference committed, and reads the object again.
func (r *policyReconciler[T]) write(
	ctx context.Context, turn *appliance.Turn, before, obj T, seen observation,
) (T, loop.Outcome, error) {
	marked, wasInSync, isRepair := loop.Creating(obj), isInSync(obj), repairs(obj, seen)
	repairs := repairsAfter(obj, seen, time.Now())
	whose := identity(obj, seen)
	if err := turn.Refusal(whose); err != nil {
		return obj, loop.Outcome{}, err
	}
	if err := r.prepareWrite(ctx, before, obj, !seen.exists()); err != nil {
		return obj, loop.Outcome{}, err
	}
	seen = seen.withoutBodies()
	written, wrote, err := r.commit(ctx, turn, whose, obj, marked)
	if err != nil {
		switch {
		case appliance.IsOutcomeUnknown(err):
			r.auditWrite(ctx, obj, seen, wasInSync, audit.Unknown)
		case !marked: // an older mark stands for a create that may yet be found
			obj.PolicyStatus().PendingCreation = nil
		}
		if refused, ok := errors.AsType[*refusedInside](err); ok {
			r.recordObservation(obj, refused.seen)
		}
		return obj, loop.Outcome{}, err
	}
	if wrote {
		written.PolicyStatus().Repairs = repairs
		r.auditWrite(ctx, written, seen, wasInSync, audit.Succeeded)
	}
	if wrote && isRepair {
		metrics.SPS(connection.Target(obj.Connection(), obj.GetNamespace())).DriftRepaired(r.kind.Name)
	}
	if wrote && wasInSync {
		r.StatusWriter().Event(obj, corev1.EventTypeNormal, pamv1alpha1.ReasonDriftDetected, repairMessage(obj, seen))
	}
	out, err := r.verify(ctx, turn, written)
	return written, out, err
}

// identity says what a write sends: it depends on what the spec asks for and on what is there.
func identity(obj kinds.PolicyObject, seen observation) appliance.Identity {
	digest := sha256.New()
	_ = json.NewEncoder(digest).Encode([]any{seen.managed, seen.complete, seen.current, seen.secret}) // all of it is JSON
	return appliance.Identity{
		Tenant: obj.GetNamespace(), ID: string(obj.GetUID()), Digest: hex.EncodeToString(digest.Sum(nil)),
	}
}

// commit applies the object in a transaction. It returns the object as the attempt that was committed left it, and
// whether that attempt wrote anything. ours says that what has the object's name is known to be ours.
func (r *policyReconciler[T]) commit(
	ctx context.Context, turn *appliance.Turn, whose appliance.Identity, obj T, ours bool,
) (T, bool, error) {
	var ( // are read after a success only: the batch may outlive the caller
		written T
		wrote   bool
	)
	err := lane.Aside(ctx, func() error {
		return turn.Change(ctx, whose, func(ctx context.Context, tx *appliance.Transaction) error {
			// Each attempt starts from the object as it is, and is discarded if it is rolled back. The copy also keeps the
			// batch, which may outlive the caller, away from the caller's object.
			attempt := loop.CopyOf(obj)
			if err := r.admit(ctx, turn.Appliance, tx, attempt); err != nil { // another one may have got there meanwhile
				return err
			}
			// The object is looked up by its key again: what has taken its name meanwhile is not ours just because its
			// predecessor was.
			changed, err := r.apply(ctx, tx, attempt, ours)
			if err == nil {
				written, wrote = attempt, changed
			}
			return err
		})
	})
	if err != nil {
		return obj, false, err
	}
	return written, wrote, nil
}

// refusedInside is our own refusal to write, because of what was seen inside the transaction.
type refusedInside struct {
	error
	seen observation
}

func (e *refusedInside) Unwrap() error { return e.error }

// apply observes again inside the transaction and writes what differs there. It reports whether it wrote anything: the
// difference may have disappeared meanwhile.
func (r *policyReconciler[T]) apply(
	ctx context.Context, tx *appliance.Transaction, obj T, ours bool,
) (wrote bool, err error) {
	seen, act, err := r.observeInside(ctx, tx, obj, ours)
	if err != nil {
		return false, err
	}
	status := obj.PolicyStatus()
	switch act {
	case actCreate:
		key, err := r.verbs.create(ctx, tx, obj, seen)
		status.Key, status.Origin, status.PendingCreation = key, pamv1alpha1.OriginCreated, nil
		return true, err
	case actRefuse:
		return false, &refusedInside{adoptionRefused(obj, seen), seen}
	case actForbid:
		return false, &refusedInside{seen.forbids(), seen}
	case actUpdate:
		wrote, err = true, r.verbs.update(ctx, tx, obj, seen)
	}
	seen.own(status)
	return wrote, err
}

// observeInside decides what is to be done in a transaction. What is about to be replaced is read again, alone and as
// late as possible: the other members of a body are sent back as they were read, so an older body would undo what
// another user has set since, or lack what a newer version demands.
func (r *policyReconciler[T]) observeInside(
	ctx context.Context, tx *appliance.Transaction, obj T, ours bool,
) (observation, action, error) {
	seen, err := r.observe(ctx, tx, obj, ours)
	if err != nil {
		return seen, actNothing, err
	}
	act := decide(*obj.ManagementPolicies(), false, seen)
	if act != actUpdate {
		return seen, act, nil
	}
	if err := tx.Reload(ctx, r.kind.Collection, seen.current.Key); err != nil {
		return seen, act, err
	}
	seen, err = r.observe(ctx, tx, obj, ours)
	return seen, decide(*obj.ManagementPolicies(), false, seen), err
}

// verify reads the object again and compares: an appliance may accept a value and keep another one.
func (r *policyReconciler[T]) verify(ctx context.Context, turn *appliance.Turn, obj T) (loop.Outcome, error) {
	if err := turn.Inventory.Confirm(ctx, r.kind.Collection, obj.PolicyStatus().Key); err != nil {
		return loop.Outcome{}, err
	}
	seen, err := r.observe(ctx, turn, obj, true)
	if err != nil {
		return loop.Outcome{}, err
	}
	if seen.different() {
		r.recordObservation(obj, seen)
		return loop.Stalled(pamv1alpha1.ReasonRejected, changeNotKept(obj, seen)), nil
	}
	return r.inSync(ctx, obj, seen)
}
