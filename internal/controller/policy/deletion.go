// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// remove removes a deleted object: from the appliance, if that is wanted and possible, and then from the cluster. It
// needs only the object's key and a working connection. released reports that nothing is left to do.
func (r *policyReconciler[T]) remove(ctx context.Context, obj T) (out loop.Outcome, released bool) {
	policies := *obj.ManagementPolicies()
	switch {
	case !loop.HasFinalizer(obj):
		return loop.Continue(), true
	case !loop.MayBeThere(obj): // whatever its metadata say: users can write them
		return r.release(ctx, obj, "")
	case policies.Observes(), policies.Orphans():
		r.audit(ctx, obj, audit.Abandon, audit.Succeeded, audit.Record{Reason: whyLeft(policies)})
		return r.release(ctx, obj, "left on the appliance as it is, because "+whyLeft(policies))
	}
	conn, on, err := r.Pool.ApplianceForDeletion(ctx, obj.Connection(), obj.GetNamespace(), r.use(obj))
	switch {
	case connection.IsMissing(err), connection.IsLost(err), connection.IsDeletionNotPermitted(err):
		return r.abandon(ctx, obj, err)
	case connection.IsNotPermitted(err):
	case policies.Suspended():
		return r.wait(ctx, obj, loop.Suspended(suspendedDeletion("the object", obj)), nil)
	case conn != nil && conn.Suspended():
		return r.wait(ctx, obj, loop.Suspended(suspendedDeletion("the connection", conn)), nil)
	case err == nil && obj.PolicyStatus().Appliance != on.URL:
		return r.abandon(ctx, obj, fmt.Errorf("the connection leads to another appliance now, %s", on.URL))
	case err == nil:
		err = r.erase(ctx, on, obj)
	}
	if err == nil {
		return r.release(ctx, obj, "")
	}
	return r.wait(ctx, obj, deletionOutcome(err), err)
}

func suspendedDeletion(what string, suspended client.Object) string {
	return what + " is suspended" + loop.SuspendReason(suspended) + ": resume it, or set deletionPolicy: Orphan"
}

// whyLeft is the policy that leaves an object on its appliance.
func whyLeft(policies pamv1alpha1.ManagementPolicies) string {
	if policies.Observes() {
		return "managementPolicy is Observe"
	}
	return "deletionPolicy is Orphan"
}

// wait has a deletion that did not succeed tried again, or abandons the object at its deadline: the deletion deadline
// for an appliance that does not answer, and a longer one while a user has to act.
func (r *policyReconciler[T]) wait(ctx context.Context, obj T, out loop.Outcome, cause error) (loop.Outcome, bool) {
	deadline := r.BlockedDeletionDeadline
	if mayGiveUp(out) {
		deadline = r.DeletionDeadline
	}
	if cause == nil {
		cause = errors.New(out.Message)
	}
	left := deadline - loop.DeletingFor(obj)
	if left <= 0 {
		return r.abandon(ctx, obj, cause)
	}
	until := obj.GetDeletionTimestamp().Add(deadline).UTC().Format(time.RFC3339)
	out.Message = loop.DeletionWaits + ", until " + until + " at most: " + out.Message
	r.emitWaiting(obj, out)
	return retryDeletion(obj, out, left), false
}

// emitWaiting emits an Event when a deletion begins to wait for the reason that Ready had before the deletion. A wait
// for another reason is a transition, which has an Event of its own.
func (r *policyReconciler[T]) emitWaiting(obj T, out loop.Outcome) {
	is := loop.ReadyOf(obj)
	if is == nil || is.Reason != out.Reason || mayGiveUp(out) || out.Reason == pamv1alpha1.ReasonLocked ||
		!r.waiting.First(obj.GetUID()) {
		return
	}
	r.StatusWriter().Warn(obj, nil, "Delete", out.Reason, out.Message)
}

// blockedRetry is when a deletion that the appliance refused is first tried again.
const blockedRetry = time.Second

// retryDeletion sets when a deletion that did not succeed is tried again. What refers to a blocked object is often
// being deleted at the same time, so the first retry comes soon, and each later one more slowly.
func retryDeletion(obj client.Object, out loop.Outcome, left time.Duration) loop.Outcome {
	if out.Reason == pamv1alpha1.ReasonDeletionBlocked {
		out.After = min(max(loop.DeletingFor(obj), blockedRetry), loop.StalledRecheck)
	}
	if out.Err == nil { // so that the deadline is noticed
		out.After = loop.Soonest(out.After, max(left, loop.DeadlineRecheck))
	}
	return out
}

// mayGiveUp reports whether a deletion got no answer, so that it is abandoned at the deletion deadline. A lock is an
// answer: its holder will release it, and an abandoned object would go on giving access.
func mayGiveUp(out loop.Outcome) bool {
	return out.State == loop.StateReconciling && out.Reason != pamv1alpha1.ReasonLocked
}

// deletionOutcome is loop.OutcomeOf, except that a refusal blocks the deletion.
func deletionOutcome(err error) loop.Outcome {
	out := loop.OutcomeOf(err)
	if _, untried := appliance.Untried(err); untried { // it was refused before, and must not be given up as unanswered
		out = loop.Stalled(pamv1alpha1.ReasonRejected, out.Message)
	}
	if out.Reason == pamv1alpha1.ReasonRejected {
		out.Reason = pamv1alpha1.ReasonDeletionBlocked
		out.Message += "; remove what refers to it, or set deletionPolicy: Orphan"
	}
	return out
}

// release removes the finalizer.
func (r *policyReconciler[T]) release(ctx context.Context, obj T, message string) (loop.Outcome, bool) {
	if message != "" {
		r.StatusWriter().Event(obj, corev1.EventTypeNormal, pamv1alpha1.ReasonCompleted, message)
	}
	err := loop.PatchMetadata(ctx, r.Client, obj, func(o client.Object) {
		controllerutil.RemoveFinalizer(o, pamv1alpha1.Finalizer)
	})
	if err := client.IgnoreNotFound(err); err != nil {
		return loop.OutcomeOf(err), false
	}
	r.waiting.Forget(obj.GetUID())
	return loop.Continue(), true
}

// abandon releases an object although it may still be on the appliance, and records that.
func (r *policyReconciler[T]) abandon(ctx context.Context, obj T, cause error) (loop.Outcome, bool) {
	l, err := r.leftover(ctx, obj, cause)
	if err == nil {
		err = r.RecordLeftover(ctx, l)
	}
	if err != nil {
		return loop.Retry(pamv1alpha1.ReasonProgressing, err), false
	}
	r.audit(ctx, obj, audit.Abandon, audit.Succeeded, audit.Record{Reason: cause.Error()})
	return r.release(ctx, obj, "")
}

// leftover is what an object leaves behind.
func (r *policyReconciler[T]) leftover(ctx context.Context, obj T, cause error) (loop.Leftover, error) {
	status, name, key := obj.PolicyStatus(), obj.NameOnAppliance(), loop.ManagedKey(obj)
	appliance := status.Appliance
	if key == "" && status.PendingCreation != nil {
		appliance = status.PendingCreation.Appliance
	}
	l := loop.Leftover{
		Object: obj, Kind: r.kind.Name, Where: appliance, Metric: string(r.kind.Collection), Cause: cause,
		Through: connection.Target(obj.Connection(), obj.GetNamespace()), What: fmt.Sprintf("%q (key %s)", name, key),
		Data: map[string]string{
			"appliance": appliance, "collection": string(r.kind.Collection), "nameOnAppliance": name, "key": key,
		},
	}
	conn := &pamv1alpha1.SPSConnection{}
	err := r.Client.Get(ctx, l.Through, conn)
	if err == nil && connection.CanonicalURL(conn.Spec.URL) == appliance {
		l.Connection = conn
	}
	return l, client.IgnoreNotFound(err)
}
