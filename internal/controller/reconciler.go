// SPDX-License-Identifier: Apache-2.0

// Package controller keeps appliances equal to the objects of our API, and asks for privileged sessions.
//
// Read once, for every kind: reconciler.go (the loop of policy objects), outcome.go (what an error means), status.go
// (what is written back). Then a kind is its controller (observe, create, update, delete) and its mapping (which
// field is which).
package controller

import (
	"context"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// policyObject is an object that is kept equal to an appliance.
type policyObject interface {
	object
	stewarded
}

// stewarded is what the kinds that are kept equal to an appliance have in common.
type stewarded interface {
	Connection() pamv1alpha1.ConnectionReference
	Steward() pamv1alpha1.Stewardship
	NameOnAppliance() string
	PolicyStatus() *pamv1alpha1.PolicyStatus
}

// verbs are what one kind does on an appliance.
type verbs[T policyObject] interface {
	observer[T]
	writer[T]
}

// observer looks and writes nothing.
type observer[T policyObject] interface {
	// observe compares the spec with what a view of the appliance shows; what is there is in seen.current already.
	observe(ctx context.Context, view connection.View, obj T, seen *observation) error
	// report fills the status fields that only this kind has.
	report(obj T, seen observation)
}

// writer changes the appliance, inside a transaction. It may note in the object's status what it wrote: the note is
// forgotten with the attempt if the attempt does not count.
type writer[T policyObject] interface {
	// create makes the object and returns its key.
	create(ctx context.Context, tx *connection.Transaction, obj T, seen observation) (key string, err error)
	// update makes the object equal to the spec.
	update(ctx context.Context, tx *connection.Transaction, obj T, seen observation) error
	// delete removes the object; it is told what is there under the object's key.
	delete(ctx context.Context, tx *connection.Transaction, current sps.Object) error
}

// policyReconciler is the loop of one kind of policy object.
type policyReconciler[T policyObject] struct {
	deps

	verbs      verbs[T]
	collection sps.Collection
	siblings   siblings[T]
	// together is how many objects of the kind wait for the commits of one appliance at the same time, below Concurrency.
	together int
}

// Users and groups do not come by the thousand, as policies may.
const (
	policiesTogether = math.MaxInt
	accountsTogether = 200
)

// Reconcile makes one pass and writes down what it came to.
func (r *policyReconciler[T]) Reconcile(ctx context.Context, obj T) (ctrl.Result, error) {
	before := copyOf(obj)
	if !obj.GetDeletionTimestamp().IsZero() {
		out, released := r.remove(ctx, obj)
		if released {
			return ctrl.Result{}, out.err
		}
		return r.save(ctx, before, obj, r.paced(out))
	}
	obj, out, err := r.keep(ctx, before, obj)
	if err != nil {
		out = ofUser(obj, err)
	}
	return r.save(ctx, before, obj, r.paced(out))
}

// save writes the status, and a line of the audit trail where it says no.
func (r *policyReconciler[T]) save(ctx context.Context, before, obj T, out outcome) (ctrl.Result, error) {
	was := readyOf(before)
	result, err := r.statusWriter().save(ctx, before, obj, out)
	r.auditRefusal(ctx, was, obj)
	return result, err
}

// paced gives a wait for somebody else's lock the delay of these controllers.
func (d deps) paced(out outcome) outcome {
	if out.reason == pamv1alpha1.ReasonLocked && out.err == nil {
		out.after = d.LockedRetry
	}
	return out
}

func copyOf[T runtime.Object](obj T) T {
	return obj.DeepCopyObject().(T) //nolint:errcheck // a copy is of the same type
}

// keep makes the appliance equal to the object, and returns the object with what is to be written into its status.
// before is the object as the API server has it.
func (r *policyReconciler[T]) keep(ctx context.Context, before, obj T) (T, outcome, error) {
	conn, appliance, err := r.pool.Appliance(ctx, obj.Connection(), obj.GetNamespace(), r.use(obj))
	if err != nil {
		return obj, outcome{}, err
	}
	pass, err := appliance.BeginPass(ctx)
	if err != nil {
		return obj, outcome{}, err
	}
	defer pass.End()
	if err := r.admits(ctx, appliance, obj); err != nil {
		return obj, outcome{}, err
	}
	status := obj.PolicyStatus()
	if status.Appliance != appliance.URL { // another appliance has other keys
		status.Key, status.Origin, status.Appliance = "", "", appliance.URL
	}
	seen, err := r.observe(ctx, appliance.Inventory, obj, creating(obj))
	if err != nil {
		return obj, outcome{}, err
	}
	act := decide(obj.Steward(), conn.Suspended(), seen)
	switch act {
	case actNothing:
		out, err := r.settled(ctx, obj, seen)
		return obj, out, err
	case actReport:
		return obj, r.reported(obj, seen), nil
	case actHold:
		r.show(obj, seen)
		return obj, heldWith(obj.Steward(), seen), nil
	case actRefuse:
		if err := r.current(ctx, obj); err != nil {
			return obj, outcome{}, err
		}
		r.show(obj, seen)
		return obj, outcome{}, adoptionRefused(obj, seen)
	case actForbid:
		r.show(obj, seen)
		return obj, outcome{}, seen.forbids()
	}
	if until := contestedUntil(obj, time.Now()); !until.IsZero() {
		r.show(obj, seen)
		return obj, outcome{}, r.contested(obj, seen, until)
	}
	return r.write(ctx, pass, before, obj, seen)
}

// current fails for an object of the cache that lags behind our own writes: it may lack the key that says that what is
// there is ours.
func (r *policyReconciler[T]) current(ctx context.Context, obj T) error {
	live := copyOf(obj)
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(obj), live); err != nil {
		return err
	}
	if live.GetResourceVersion() != obj.GetResourceVersion() {
		return errStale
	}
	return nil
}

// write has the difference committed, and looks at what came of it.
func (r *policyReconciler[T]) write(
	ctx context.Context, pass *connection.Pass, before, obj T, seen observation,
) (T, outcome, error) {
	marked, settled := creating(obj), isSettled(obj)
	repairs := repairsAfter(obj, seen, time.Now())
	if err := r.hold(ctx, before, obj, !seen.exists()); err != nil {
		return obj, outcome{}, err
	}
	var (
		written T
		wrote   bool
	)
	err := lane.Aside(ctx, func() error {
		return pass.Change(ctx, func(ctx context.Context, tx *connection.Transaction) error {
			// Each attempt starts from the object as it is, and is forgotten if it does not count. The copy also keeps the
			// batch, which may go on after the caller has left, away from the caller's object.
			attempt := copyOf(obj)
			// By its key it is looked up again: what has taken its name meanwhile is not ours because it was.
			changed, err := r.apply(ctx, tx, attempt, marked)
			if err == nil {
				written, wrote = attempt, changed
			}
			return err
		})
	})
	if err != nil {
		switch {
		case connection.IsOutcomeUnknown(err):
			r.auditWrite(ctx, obj, seen, settled, audit.Unknown)
		case !marked: // an older mark stands for a create that may yet be found
			obj.PolicyStatus().PendingCreation = nil
		}
		return obj, outcome{}, err
	}
	if wrote {
		written.PolicyStatus().Repairs = repairs
		r.auditWrite(ctx, written, seen, settled, audit.Succeeded)
	}
	if wrote && settled {
		r.statusWriter().event(obj, corev1.EventTypeNormal, pamv1alpha1.ReasonDriftDetected,
			"written again, because the appliance differed in "+paths(seen.drift))
	}
	out, err := r.verify(ctx, pass.Inventory, written)
	return written, out, err
}

// apply looks again inside the transaction and writes what differs there. It says whether it wrote anything: somebody
// else may have made the difference disappear meanwhile.
func (r *policyReconciler[T]) apply(
	ctx context.Context, tx *connection.Transaction, obj T, ours bool,
) (wrote bool, err error) {
	seen, act, err := r.lookInside(ctx, tx, obj, ours)
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
		return false, adoptionRefused(obj, seen)
	case actForbid:
		return false, seen.forbids()
	case actUpdate:
		wrote, err = true, r.verbs.update(ctx, tx, obj, seen)
	}
	seen.own(status)
	return wrote, err
}

// lookInside decides what is to be done in a transaction. What is about to be replaced is read again, alone and as late
// as possible: the other members of a body are sent back as they were read, so anything older would undo what somebody
// else has set since, or lack what a newer version demands.
func (r *policyReconciler[T]) lookInside(
	ctx context.Context, tx *connection.Transaction, obj T, ours bool,
) (observation, action, error) {
	seen, err := r.observe(ctx, tx, obj, ours)
	if err != nil {
		return seen, actNothing, err
	}
	act := decide(obj.Steward(), false, seen)
	if act != actUpdate {
		return seen, act, nil
	}
	if err := tx.Reload(ctx, r.collection, seen.current.Key); err != nil {
		return seen, act, err
	}
	seen, err = r.observe(ctx, tx, obj, ours)
	return seen, decide(obj.Steward(), false, seen), err
}

// verify reads the object again and compares: an appliance may take a value and keep another one.
func (r *policyReconciler[T]) verify(ctx context.Context, inventory *connection.Inventory, obj T) (outcome, error) {
	if err := inventory.Confirm(ctx, r.collection, obj.PolicyStatus().Key); err != nil {
		return outcome{}, err
	}
	seen, err := r.observe(ctx, inventory, obj, true)
	if err != nil {
		return outcome{}, err
	}
	if seen.different() {
		r.show(obj, seen)
		return stalled(pamv1alpha1.ReasonRejected,
			"the appliance took the change but shows another value for "+paths(seen.drift)), nil
	}
	return r.settled(ctx, obj, seen)
}

// observe finds the object, by its key if it manages one and else by its name, and compares. What is found by name is
// ours only if we know that we made it.
func (r *policyReconciler[T]) observe(
	ctx context.Context, view connection.View, obj T, ours bool,
) (observation, error) {
	seen, err := r.look(ctx, view, obj)
	if err != nil {
		return seen, err
	}
	seen.ours = ours || seen.exists() && seen.current.Key == managedKey(obj)
	if seen.accounts, err = r.accounts(ctx, obj.PolicyStatus().Appliance); err != nil {
		return seen, err
	}
	err = r.verbs.observe(ctx, view, obj, &seen)
	return seen, err
}

func (r *policyReconciler[T]) look(ctx context.Context, view connection.View, obj T) (observation, error) {
	if key := managedKey(obj); key != "" {
		current, at, err := connection.ByKey(ctx, view, r.collection, key)
		if err != nil || at >= 0 {
			return observation{current: current, position: at}, err
		}
	}
	current, at, err := connection.ByName(ctx, view, r.collection, obj.NameOnAppliance())
	return observation{current: current, position: at}, err
}

// settled says that the appliance is as the spec asks.
func (r *policyReconciler[T]) settled(ctx context.Context, obj T, seen observation) (outcome, error) {
	r.show(obj, seen)
	if obj.Steward().Observes() {
		return done(pamv1alpha1.ReasonSynced, "the appliance equals the spec; nothing is ever written"+seen.remark), nil
	}
	if !controllerutil.ContainsFinalizer(obj, pamv1alpha1.Finalizer) { // adopted without a write
		if err := r.hold(ctx, obj, obj, false); err != nil {
			return outcome{}, err
		}
	}
	adopted := managedKey(obj) == ""
	if seen.own(obj.PolicyStatus()); adopted && !seen.ours {
		r.auditWrite(ctx, obj, seen, false, audit.Succeeded)
	}
	return done(pamv1alpha1.ReasonSynced, "the appliance equals the spec"+seen.remark), nil
}

// heldWith says who holds the repair of a difference back: the object or its connection.
func heldWith(steward pamv1alpha1.Stewardship, seen observation) outcome {
	who := "the connection is suspended"
	if steward.Suspended() {
		who = "suspended (spec.suspend)"
	}
	return held(who + "; the appliance differs in " + paths(seen.drift))
}

// reported shows a difference that is not to be repaired.
func (r *policyReconciler[T]) reported(obj T, seen observation) outcome {
	r.show(obj, seen)
	return stalled(pamv1alpha1.ReasonDriftDetected,
		"the appliance differs in "+paths(seen.drift)+"; managementPolicy Observe does not repair it")
}

// show puts what was seen into the status.
func (r *policyReconciler[T]) show(obj T, seen observation) {
	status := obj.PolicyStatus()
	switch {
	case seen.exists() && seen.ours:
		seen.own(status)
	case seen.exists() && status.Key != seen.current.Key:
		status.Key, status.Origin = seen.current.Key, ""
	}
	status.Drift = drifted(seen.drift)
	setDriftCondition(&status.Conditions, obj.GetGeneration(), seen)
	r.verbs.report(obj, seen)
}

// isSettled says that the last pass found the appliance as this same spec asks.
func isSettled(obj object) bool {
	ready := readyOf(obj)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == obj.GetGeneration()
}
