// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
)

// annotationCreating marks an object from before it is created on an appliance until its key is known, so that a create
// whose answer was lost is recognised as ours and not as somebody else's object of the same name.
const annotationCreating = "pam-operator.io/creating"

// creatingMark is what annotationCreating says: which name on which appliance, and after which key. So it stops to
// count as soon as the status has the key of what was created.
func creatingMark(obj policyObject) string {
	mark := obj.NameOnAppliance() + "@" + obj.PolicyStatus().Appliance
	if key := obj.PolicyStatus().Key; key != "" {
		mark += " after " + key
	}
	return mark
}

// creating says that an earlier pass may have created the object without getting an answer.
func creating(obj policyObject) bool {
	return obj.GetAnnotations()[annotationCreating] == creatingMark(obj)
}

// hold puts the finalizer on an object before anything is written for it, and the mark of a create before a create. The
// optimistic lock makes sure that what is about to be done is done for the object as it is now.
func (r *policyReconciler[T]) hold(ctx context.Context, obj T, create bool) error {
	seen := obj.GetResourceVersion()
	err := patchMetadata(ctx, r.client, obj, func(o client.Object) {
		controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer)
		if create {
			setAnnotation(o, annotationCreating, creatingMark(obj))
		}
	})
	if err != nil || obj.GetResourceVersion() != seen {
		return err
	}
	return r.current(ctx, obj) // there was nothing to patch, so nobody has looked yet
}

// unmark takes the mark of a create away when it is certain that nothing was created, so that somebody else's object of
// that name is not taken for ours later.
func (r *policyReconciler[T]) unmark(ctx context.Context, obj T, cause error) error {
	if connection.IsOutcomeUnknown(cause) {
		return nil
	}
	return patchMetadata(ctx, r.client, obj, func(o client.Object) {
		annotations := o.GetAnnotations()
		delete(annotations, annotationCreating)
		o.SetAnnotations(annotations)
	})
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
	if !controllerutil.ContainsFinalizer(obj, pamv1alpha1.Finalizer) {
		return outcome{}, true
	}
	steward, status := obj.Steward(), obj.PolicyStatus()
	switch {
	case steward.Observes(), steward.Orphans():
		return r.release(ctx, obj, "left on the appliance as it is, because "+leaves(steward))
	case status.Key == "" && obj.GetAnnotations()[annotationCreating] == "":
		return r.release(ctx, obj, "")
	}
	conn, appliance, err := r.pool.Removing(ctx, obj.Connection(), obj.GetNamespace())
	switch {
	case connection.IsMissing(err), connection.IsNotPermitted(err), connection.IsLost(err):
		return r.abandon(ctx, obj, err)
	case steward.Suspended():
		return r.waits(obj, "the object"), false
	case conn != nil && conn.Suspended():
		return r.waits(obj, "the connection"), false
	case err == nil:
		err = r.erase(ctx, appliance, obj)
	}
	if err == nil {
		return r.release(ctx, obj, "")
	}
	out = deletionOutcome(err)
	if unanswered(out) && deletingFor(obj) > r.DeletionDeadline {
		return r.abandon(ctx, obj, err)
	}
	return r.again(obj, out), false
}

// again says when a deletion that did not succeed is tried again. What refers to an object that the appliance does not
// let go of is often being deleted at the same time, so that is tried soon at first, and ever more slowly.
func (r *policyReconciler[T]) again(obj T, out outcome) outcome {
	switch {
	case out.reason == pamv1alpha1.ReasonDeletionBlocked:
		out.after = min(max(deletingFor(obj), blockedRetry), stalledRecheck)
	case out.after == 0 && out.err == nil: // so that the deadline is noticed
		out.after = max(r.DeletionDeadline-deletingFor(obj), deadlineRecheck)
	}
	return out
}

const (
	// blockedRetry is when a deletion that the appliance refused is first tried again.
	blockedRetry = time.Second
	// deadlineRecheck is the least time after which it is looked again whether the deadline has passed.
	deadlineRecheck = time.Second
)

// deletingFor is how long ago an object's deletion was asked for.
func deletingFor(obj client.Object) time.Duration { return time.Since(obj.GetDeletionTimestamp().Time) }

// waits says that a deletion waits because somebody suspended something. The Event is not left to the change of reason:
// an object that was suspended before its deletion has the reason already.
func (r *policyReconciler[T]) waits(obj T, suspended string) outcome {
	out := held("deletion waits, because " + suspended + " is suspended: resume it, or set deletionPolicy: Orphan")
	if is := readyOf(obj); is != nil && is.Reason == out.reason && is.Message != out.message {
		r.statusWriter().event(obj, corev1.EventTypeWarning, out.reason, out.message)
	}
	return out
}

// leaves says which policy leaves an object on its appliance.
func leaves(steward pamv1alpha1.Stewardship) string {
	if steward.Observes() {
		return "managementPolicy is Observe"
	}
	return "deletionPolicy is Orphan"
}

// unanswered says that a deletion got no answer, and may be given up after its deadline. A lock is an answer: its
// holder will let go of it, and what is abandoned meanwhile would go on letting people in.
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

// erase deletes the object from the appliance, if it is there and not somebody else's.
func (r *policyReconciler[T]) erase(ctx context.Context, appliance *connection.Appliance, obj T) error {
	if err := r.siblings.oldest(ctx, obj, appliance.URL); err != nil {
		if out := outcomeOf(err); out.reason == pamv1alpha1.ReasonConflict {
			return nil // it belongs to another object, which never lost it
		}
		return err
	}
	status := obj.PolicyStatus()
	if status.Appliance != appliance.URL {
		return nil // the connection leads to another appliance now; what is there under our name is not ours
	}
	own, deleted := copyOf(obj), false // the batch may go on after the caller has left with its object
	if r.hasGone(ctx, appliance.Inventory, own) {
		return nil
	}
	err := lane.Aside(ctx, func() error {
		return appliance.Change(ctx, func(ctx context.Context, tx *connection.Transaction) error {
			deleted = false // what an earlier attempt did was rolled back
			current, err := r.ownOnAppliance(ctx, tx, own)
			if err != nil || current == "" {
				return err
			}
			deleted = true
			object, _, err := connection.ByKey(ctx, tx, r.collection, current)
			if err != nil {
				return err
			}
			return r.verbs.delete(ctx, tx, object)
		})
	})
	if err == nil && deleted {
		logf.FromContext(ctx).Info("deleted on the appliance", "appliance", appliance.URL,
			"collection", r.collection, "nameOnAppliance", obj.NameOnAppliance(), "key", status.Key)
	}
	return err
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
	if key := obj.PolicyStatus().Key; key != "" {
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

// audit writes the line that says what was changed on an appliance, and for which object.
func (r *policyReconciler[T]) audit(ctx context.Context, obj T, seen observation) {
	verb := "changed on the appliance"
	if !seen.exists() {
		verb = "created on the appliance"
	}
	fields := make([]string, 0, len(seen.drift))
	for _, d := range seen.drift {
		fields = append(fields, d.Path)
	}
	logf.FromContext(ctx).Info(verb, "appliance", obj.PolicyStatus().Appliance, "collection", r.collection,
		"nameOnAppliance", obj.NameOnAppliance(), "key", obj.PolicyStatus().Key, "generation", obj.GetGeneration(),
		"fields", fields)
}
