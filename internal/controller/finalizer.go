// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
)

// annotationCreating was the mark of a create once. It is no longer read, because anybody who may write the object
// could write it, and it is taken away when the metadata are written anyway.
const annotationCreating = "pam-operator.io/creating"

// hold puts the finalizer on an object before anything is written for it, and the mark of a create into its status
// before a create. The optimistic lock makes sure that what is about to be done is done for the object as it is now.
// before is the object as the API server has it.
func (r *policyReconciler[T]) hold(ctx context.Context, before, obj T, create bool) error {
	seen := obj.GetResourceVersion()
	err := patchMetadata(ctx, r.client, obj, func(o client.Object) {
		if !controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer) {
			return
		}
		annotations := o.GetAnnotations()
		delete(annotations, annotationCreating)
		o.SetAnnotations(annotations)
	})
	if err == nil && create && !creating(obj) {
		err = r.mark(ctx, before, obj)
	}
	if err != nil || obj.GetResourceVersion() != seen {
		return err
	}
	return r.current(ctx, obj) // there was nothing to patch, so nobody has looked yet
}

// mark writes down, before an object is created on its appliance, that it is about to be: if the answer is lost, what
// is there under its name is then known to be ours and not somebody else's. It takes what was written over into
// before.
func (r *policyReconciler[T]) mark(ctx context.Context, before, obj T) error {
	base := copyOf(before)
	base.SetResourceVersion(obj.GetResourceVersion())
	marked := copyOf(base)
	status, to := obj.PolicyStatus(), marked.PolicyStatus()
	to.Key, to.Origin, to.Appliance = status.Key, status.Origin, status.Appliance
	to.PendingCreation = &pamv1alpha1.PendingCreation{
		Name: obj.NameOnAppliance(), Appliance: status.Appliance, AfterKey: status.Key,
	}
	lock := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	if err := r.client.Status().Patch(ctx, marked, lock); err != nil {
		return fmt.Errorf("write the mark of a create: %w", err)
	}
	obj.SetResourceVersion(marked.GetResourceVersion())
	status.PendingCreation = marked.PolicyStatus().PendingCreation.DeepCopy()
	marked.PolicyStatus().DeepCopyInto(before.PolicyStatus())
	return nil
}

// patchMetadata changes metadata under an optimistic lock, if there is something to change, and takes the result over
// into obj without touching the status that the pass has gathered so far.
func patchMetadata(ctx context.Context, c client.Client, obj client.Object, change func(client.Object)) error {
	patched := copyOf(obj)
	change(patched)
	if sameMetadata(obj, patched) {
		return nil
	}
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, patched, patch); err != nil {
		return fmt.Errorf("write metadata: %w", err)
	}
	obj.SetFinalizers(patched.GetFinalizers())
	obj.SetAnnotations(patched.GetAnnotations())
	obj.SetResourceVersion(patched.GetResourceVersion())
	return nil
}

func sameMetadata(a, b client.Object) bool {
	if len(a.GetFinalizers()) != len(b.GetFinalizers()) || len(a.GetAnnotations()) != len(b.GetAnnotations()) {
		return false
	}
	for k, v := range a.GetAnnotations() {
		if w, ok := b.GetAnnotations()[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func setAnnotation(o client.Object, key, value string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	o.SetAnnotations(annotations)
}

// remove lets an object go: from the appliance, if that is wanted and possible, and then from the cluster. It needs
// only the object's key and a working connection.
func (r *policyReconciler[T]) remove(ctx context.Context, obj T) (out outcome, released bool) {
	steward := obj.Steward()
	switch {
	case !holdsFinalizer(obj):
		return outcome{}, true
	case !mayBeThere(obj): // whatever users wrote into its metadata
		return r.release(ctx, obj, "")
	case steward.Observes(), steward.Orphans():
		r.audit(ctx, obj, audit.Abandon, audit.Succeeded, audit.Record{Reason: leaves(steward)})
		return r.release(ctx, obj, "left on the appliance as it is, because "+leaves(steward))
	}
	conn, appliance, err := r.pool.Removing(ctx, obj.Connection(), obj.GetNamespace(), r.use(obj))
	switch {
	case connection.IsMissing(err), connection.IsLost(err), connection.IsKept(err):
		return r.abandon(ctx, obj, err)
	case connection.IsNotPermitted(err):
	case steward.Suspended():
		return r.waits(ctx, obj, held(suspendedDeletion("the object")), nil)
	case conn != nil && conn.Suspended():
		return r.waits(ctx, obj, held(suspendedDeletion("the connection")), nil)
	case err == nil && obj.PolicyStatus().Appliance != appliance.URL:
		return r.abandon(ctx, obj, fmt.Errorf("the connection leads to another appliance now, %s", appliance.URL))
	case err == nil:
		err = r.erase(ctx, appliance, obj)
	}
	if err == nil {
		return r.release(ctx, obj, "")
	}
	return r.waits(ctx, obj, deletionOutcome(err), err)
}

func suspendedDeletion(suspended string) string {
	return suspended + " is suspended: resume it, or set deletionPolicy: Orphan"
}

// waits says how long a deletion that did not succeed goes on to be tried, or lets the object go when that time is
// over: an appliance that does not answer has the deletion deadline, and somebody who has to act a longer one.
func (r *policyReconciler[T]) waits(ctx context.Context, obj T, out outcome, cause error) (outcome, bool) {
	deadline := r.BlockedDeletionDeadline
	if unanswered(out) {
		deadline = r.DeletionDeadline
	}
	if cause == nil {
		cause = errors.New(out.message)
	}
	left := deadline - deletingFor(obj)
	if left <= 0 {
		return r.abandon(ctx, obj, cause)
	}
	until := obj.GetDeletionTimestamp().Add(deadline).UTC().Format(time.RFC3339)
	out.message = deletionWaits + ", until " + until + " at most: " + out.message
	r.tellWaiting(obj, out)
	return r.again(obj, out, left), false
}

// tellWaiting makes an Event when a deletion begins to wait for the reason that the object had before; another reason
// is told of as a transition.
func (r *policyReconciler[T]) tellWaiting(obj T, out outcome) {
	is := readyOf(obj)
	if is == nil || is.Reason != out.reason || strings.HasPrefix(is.Message, deletionWaits) || unanswered(out) ||
		out.reason == pamv1alpha1.ReasonLocked {
		return
	}
	r.statusWriter().warn(obj, nil, "Delete", out.reason, out.message)
}

// again says when a deletion that did not succeed is tried again. What refers to an object that the appliance does not
// let go of is often being deleted at the same time, so that is tried soon at first, and ever more slowly.
func (r *policyReconciler[T]) again(obj T, out outcome, left time.Duration) outcome {
	if out.reason == pamv1alpha1.ReasonDeletionBlocked {
		out.after = min(max(deletingFor(obj), blockedRetry), stalledRecheck)
	}
	if out.err == nil { // so that the deadline is noticed
		out.after = soonest(out.after, max(left, deadlineRecheck))
	}
	return out
}

const (
	// blockedDeletionDeadline is the default of Options.BlockedDeletionDeadline.
	blockedDeletionDeadline = 24 * time.Hour
	// blockedRetry is when a deletion that the appliance refused is first tried again.
	blockedRetry = time.Second
	// deadlineRecheck is the least time after which it is looked again whether the deadline has passed.
	deadlineRecheck = time.Second
)

// deletingFor is how long ago an object's deletion was asked for.
func deletingFor(obj client.Object) time.Duration { return time.Since(obj.GetDeletionTimestamp().Time) }

// leaves says which policy leaves an object on its appliance.
func leaves(steward pamv1alpha1.Stewardship) string {
	if steward.Observes() {
		return "managementPolicy is Observe"
	}
	return "deletionPolicy is Orphan"
}

// unanswered says that a deletion got no answer. A lock is an answer: its holder will let go of it, and what is
// abandoned meanwhile would go on letting people in.
func unanswered(out outcome) bool {
	return out.state == stateReconciling && out.reason != pamv1alpha1.ReasonLocked
}

// deletionOutcome is outcomeOf, but for a refusal: then the appliance does not let the object go.
func deletionOutcome(err error) outcome {
	out := outcomeOf(err)
	if out.reason == pamv1alpha1.ReasonRejected {
		out.reason = pamv1alpha1.ReasonDeletionBlocked
		out.message += "; remove what refers to it, or set deletionPolicy: Orphan"
	}
	return out
}

// erase deletes the object from the appliance, if it is there and not somebody else's. Success means that the appliance
// was seen without it: neither a commit nor a picture that rests on one is proof enough to let the object go.
func (r *policyReconciler[T]) erase(ctx context.Context, appliance *connection.Appliance, obj T) error {
	if err := r.admits(ctx, appliance, obj); err != nil {
		if out := outcomeOf(err); out.reason == pamv1alpha1.ReasonConflict {
			return nil // it belongs to another object, which never lost it
		}
		return err
	}
	status := obj.PolicyStatus()
	if status.Appliance != appliance.URL {
		return nil // the connection leads to another appliance now; what is there under our name is not ours
	}
	own, deleted := copyOf(obj), "" // the batch may go on after the caller has left with its object
	if r.hasGone(ctx, appliance.Inventory, own) {
		return nil
	}
	err := lane.Aside(ctx, func() error {
		return appliance.Change(ctx, func(ctx context.Context, tx *connection.Transaction) error {
			deleted = "" // what an earlier attempt did was rolled back
			current, err := r.ownOnAppliance(ctx, tx, own)
			if err != nil || current == "" {
				return err
			}
			deleted = current
			object, _, err := connection.ByKey(ctx, tx, r.collection, current)
			if err != nil {
				return err
			}
			return r.verbs.delete(ctx, tx, object)
		})
	})
	if err != nil {
		return err
	}
	key := cmp.Or(deleted, status.Key)
	if deleted == "" && creating(own) {
		key = "" // it was looked for by its name
	}
	if err := appliance.Inventory.ConfirmDeleted(ctx, r.collection, key); err != nil {
		return err
	}
	if deleted != "" {
		r.audit(ctx, obj, audit.Delete, audit.Succeeded, audit.Record{})
	}
	return nil
}

// hasGone says that neither the appliance nor the cluster has the object any more: that a cache which lags still shows
// it is no reason to ask for the lock. The appliance is not asked, because a thousand deletions would each wait for one
// that does not answer; whatever is in doubt has not gone.
func (r *policyReconciler[T]) hasGone(ctx context.Context, inventory *connection.Inventory, obj T) bool {
	if !inventory.Has(r.collection) {
		return false
	}
	key, err := r.ownOnAppliance(ctx, inventory, obj)
	return err == nil && key == "" && apierrors.IsNotFound(r.current(ctx, obj))
}

// ownOnAppliance is the key of our object, empty if it is not there: by its key, or, where a create may have got
// through without an answer, by its name.
func (r *policyReconciler[T]) ownOnAppliance(ctx context.Context, view connection.View, obj T) (string, error) {
	if key := managedKey(obj); key != "" {
		object, _, err := connection.ByKey(ctx, view, r.collection, key)
		if err != nil || object.Key != "" {
			return object.Key, err
		}
	}
	if !creating(obj) {
		return "", nil
	}
	object, _, err := connection.ByName(ctx, view, r.collection, obj.NameOnAppliance())
	return object.Key, err
}

// release takes the finalizer away.
func (r *policyReconciler[T]) release(ctx context.Context, obj T, message string) (outcome, bool) {
	if message != "" {
		r.statusWriter().event(obj, corev1.EventTypeNormal, pamv1alpha1.ReasonCompleted, message)
	}
	err := patchMetadata(ctx, r.client, obj, func(o client.Object) {
		controllerutil.RemoveFinalizer(o, pamv1alpha1.Finalizer)
	})
	if err := client.IgnoreNotFound(err); err != nil {
		return outcomeOf(err), false
	}
	return outcome{}, true
}
