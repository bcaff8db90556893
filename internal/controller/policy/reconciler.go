// SPDX-License-Identifier: Apache-2.0

// Package policy keeps SPS appliances in sync with our objects.
//
// Read first what every kind shares: reconciler.go (the loop), decision.go (what to do about what was observed),
// write.go and deletion.go. A kind itself is its verbs (observe, create, update, delete) and its mapping (which field
// is which). The connection policies of all protocols share theirs: connectionpolicy*.go.
package policy

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/panics"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// verbs are what is done on an appliance for one kind.
type verbs[T kinds.PolicyObject] interface {
	observer[T]
	writer[T]
}

// observer reads and writes nothing.
type observer[T kinds.PolicyObject] interface {
	// observe compares the spec with what a view of the appliance shows; what is there is in seen.current already.
	observe(ctx context.Context, view appliance.View, obj T, seen *observation) error
	// fillStatus fills the status fields that only this kind has.
	fillStatus(obj T, seen observation)
}

// writer changes the appliance, inside a transaction. It may note in the object's status what it wrote; the note is
// discarded together with an attempt that is rolled back.
type writer[T kinds.PolicyObject] interface {
	// create makes the object and returns its key.
	create(ctx context.Context, tx *appliance.Transaction, obj T, seen observation) (key string, err error)
	// update makes the object equal to the spec.
	update(ctx context.Context, tx *appliance.Transaction, obj T, seen observation) error
	// delete removes an object of the appliance.
	delete(ctx context.Context, tx *appliance.Transaction, current sps.Record) error
}

// policyReconciler is the loop of one policy kind.
type policyReconciler[T kinds.PolicyObject] struct {
	loop.Deps

	kind      kinds.Kind
	verbs     verbs[T]
	claimants claimants[T]
	// waiting are the objects about whose deletion an Event was emitted.
	waiting loop.Once[types.UID]
}

// Reconcile makes one pass and writes its outcome into the status.
func (r *policyReconciler[T]) Reconcile(ctx context.Context, obj T) (ctrl.Result, error) {
	before, request := loop.CopyOf(obj), r.Requests.Of(obj)
	if !obj.GetDeletionTimestamp().IsZero() {
		out, released := r.tryRemove(ctx, obj)
		if released {
			return ctrl.Result{}, out.Err
		}
		request.Handle(obj) // a deletion is tried again anyway
		return r.save(ctx, before, obj, r.Paced(out))
	}
	read := &requestedRead{ReconcileRequest: request}
	obj, out, err := r.reconcile(ctx, before, obj, read)
	if err != nil {
		out = loop.OfUser(obj, err)
	}
	return r.save(ctx, before, obj, read.answer(obj, r.Paced(out)))
}

// tryRemove is remove, except that a panic is an outcome.
func (r *policyReconciler[T]) tryRemove(ctx context.Context, obj T) (out loop.Outcome, released bool) {
	var panicked error
	func() {
		defer panics.Catch(&panicked)
		out, released = r.remove(ctx, obj)
	}()
	if panicked != nil {
		return loop.OutcomeOf(panicked), false
	}
	return out, released
}

// save writes the status, and a line of the audit trail when a request is refused.
func (r *policyReconciler[T]) save(ctx context.Context, before, obj T, out loop.Outcome) (ctrl.Result, error) {
	was := loop.ReadyOf(before)
	result, err := r.StatusWriter().Save(ctx, before, obj, out)
	r.auditRefusal(ctx, was, obj)
	return result, err
}

// reconcile makes the appliance equal to the object, and returns the object with its new status. before is the object
// as the API server has it.
func (r *policyReconciler[T]) reconcile(
	ctx context.Context, before, obj T, request *requestedRead,
) (now T, out loop.Outcome, err error) {
	defer func() {
		if panics.StackOf(err) != nil { // whatever it was about to say
			now = loop.CopyOf(before)
		}
	}()
	defer panics.Catch(&err)

	conn, on, err := r.Pool.Appliance(ctx, obj.Connection(), obj.GetNamespace(), r.use(obj))
	if err != nil {
		return obj, loop.Outcome{}, err
	}
	turn, err := on.TakeTurn(ctx)
	if err != nil {
		return obj, loop.Outcome{}, err
	}
	defer turn.End()
	if err := r.admit(ctx, on, on.Inventory, obj); err != nil {
		return obj, loop.Outcome{}, err
	}
	status := obj.PolicyStatus()
	if status.Appliance != on.URL { // another appliance has other keys
		status.Key, status.Origin, status.Appliance = "", "", on.URL
	}
	if err := request.read(ctx, on.Inventory, r.kind.Collection, status.Key); err != nil {
		return obj, loop.Outcome{}, err
	}
	seen, after, err := r.observeCurrent(ctx, turn, obj)
	if err != nil || after > 0 {
		return obj, loop.Wait(pamv1alpha1.ReasonProgressing,
			"the appliance is read again before the object is adopted, refused or missed", after), err
	}
	act := decide(*obj.ManagementPolicies(), conn.Suspended(), seen)
	r.noteDrift(obj, seen)
	if act != actCreate && act != actUpdate {
		out, err := r.withoutWriting(ctx, act, conn, obj, seen)
		return obj, out, err
	}
	if until := contestedUntil(obj, time.Now()); !until.IsZero() {
		r.recordObservation(obj, seen)
		return obj, loop.Outcome{}, r.contested(obj, seen, until)
	}
	return r.write(ctx, turn, before, obj, seen)
}

// observeCurrent observes an object in the inventory, and reads it again first if what was seen settles what becomes of
// an object that manages nothing yet: the inventory may be older than a change made by hand, which would be adopted
// unseen and then repaired, or than what the object was written for. If the appliance must not be read yet, after is
// when to try again.
func (r *policyReconciler[T]) observeCurrent(
	ctx context.Context, turn *appliance.Turn, obj T,
) (seen observation, after time.Duration, err error) {
	seen, err = r.observe(ctx, turn, obj, loop.Creating(obj))
	if err != nil || !settles(obj, seen) {
		return seen, 0, err
	}
	after, err = turn.Inventory.ReadAgain(ctx, r.kind.Collection, seen.current.Key, r.Requests.WishedSince(obj))
	if err != nil || after > 0 {
		return seen, after, err
	}
	seen, err = r.observe(ctx, turn, obj, loop.Creating(obj))
	return seen, 0, err
}

// settles reports whether an object that manages nothing yet is adopted, refused, or, if it only observes, missing.
func settles(obj kinds.PolicyObject, seen observation) bool {
	if loop.ManagedKey(obj) != "" || seen.ours {
		return false
	}
	policies := *obj.ManagementPolicies()
	switch decide(policies, false, seen) {
	case actNothing:
		return !policies.Observes()
	case actReport:
		return !seen.exists()
	case actRefuse:
		return true
	}
	return false
}

// noteDrift counts a difference when it is seen for the first time, and shows it in the status: the repair may have to
// wait, for a lock for instance.
func (r *policyReconciler[T]) noteDrift(obj T, seen observation) {
	if !isNewDrift(obj, seen) {
		return
	}
	metrics.SPS(connection.Target(obj.Connection(), obj.GetNamespace())).DriftFound(r.kind.Name)
	obj.PolicyStatus().Drift = driftedFields(seen.drift)
	setDriftCondition(obj, seen)
}

// withoutWriting is the outcome of an action that leaves the appliance as it is.
func (r *policyReconciler[T]) withoutWriting(
	ctx context.Context, act action, conn *pamv1alpha1.SPSConnection, obj T, seen observation,
) (loop.Outcome, error) {
	if act == actNothing {
		return r.inSync(ctx, obj, seen)
	}
	if act == actRefuse {
		if err := r.requireCurrent(ctx, obj); err != nil {
			return loop.Outcome{}, err
		}
	}
	r.recordObservation(obj, seen)
	switch act {
	case actReport:
		return driftOutcome(obj, seen), nil
	case actSuspend:
		return suspendedOutcome(conn, obj, seen), nil
	case actRefuse:
		return loop.Outcome{}, adoptionRefused(obj, seen)
	}
	return loop.Outcome{}, seen.forbids()
}

// inSync records that the appliance is as the spec asks.
func (r *policyReconciler[T]) inSync(ctx context.Context, obj T, seen observation) (loop.Outcome, error) {
	r.recordObservation(obj, seen)
	if obj.ManagementPolicies().Observes() {
		return loop.Done(pamv1alpha1.ReasonSynced, "the appliance equals the spec; nothing is ever written"+seen.remark), nil
	}
	if !controllerutil.ContainsFinalizer(obj, pamv1alpha1.Finalizer) { // adopted without a write
		if err := r.ensureFinalizer(ctx, obj); err != nil {
			return loop.Outcome{}, err
		}
	}
	adopted := loop.ManagedKey(obj) == ""
	r.Requests.Adopted(obj)
	if seen.own(obj.PolicyStatus()); adopted && !seen.ours {
		r.auditWrite(ctx, obj, seen, false, audit.Succeeded)
	}
	return loop.Done(pamv1alpha1.ReasonSynced, "the appliance equals the spec"+seen.remark), nil
}

// recordObservation puts what was observed into the status.
func (r *policyReconciler[T]) recordObservation(obj T, seen observation) {
	status := obj.PolicyStatus()
	switch {
	case seen.exists() && seen.ours:
		seen.own(status)
	case seen.exists() && status.Key != seen.current.Key:
		status.Key, status.Origin = seen.current.Key, ""
	}
	status.Drift, status.DriftCount = driftedFields(seen.drift), driftCount(seen.drift)
	setDriftCondition(obj, seen)
	r.verbs.fillStatus(obj, seen)
}
