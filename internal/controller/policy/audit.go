// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// audit writes a line about what was done, or refused, on an appliance for an object.
func (r *policyReconciler[T]) audit(
	ctx context.Context, obj T, action audit.Action, result audit.Result, more audit.Record,
) {
	status := obj.PolicyStatus()
	more.Action, more.Result, more.Object, more.Client = action, result, obj, audit.Writer(obj)
	more.Kind, more.Connection = r.kind.Name, connection.Target(obj.Connection(), obj.GetNamespace())
	more.Target, more.Key, more.Name = status.Appliance, status.Key, obj.NameOnAppliance()
	audit.Write(ctx, more)
}

// auditWrite writes a line about a write, whose outcome may be unknown. wasInSync says that the pass before had found
// the appliance as this same spec asks.
func (r *policyReconciler[T]) auditWrite(
	ctx context.Context, obj T, seen observation, wasInSync bool, result audit.Result,
) {
	action := audit.Update
	switch {
	case !seen.exists():
		action = audit.Create
	case !seen.ours:
		action = audit.Adopt
	case wasInSync:
		action = audit.Repair
	}
	more := audit.Record{}
	for _, d := range seen.drift {
		more.Fields = append(more.Fields, d.Path)
	}
	r.audit(ctx, obj, action, result, more)
}

// auditRefusal writes a line when a refusal begins, and not in each pass after.
func (r *policyReconciler[T]) auditRefusal(ctx context.Context, was *metav1.Condition, obj T) {
	is := loop.ReadyOf(obj)
	if is == nil || was != nil && was.Reason == is.Reason && was.ObservedGeneration == is.ObservedGeneration {
		return
	}
	result, refused := refusals[is.Reason]
	if !refused {
		return
	}
	action := audit.Create
	switch {
	case !obj.GetDeletionTimestamp().IsZero():
		action = audit.Delete
	case is.Reason == pamv1alpha1.ReasonAdoptionRefused:
		action = audit.Adopt
	case loop.ManagedKey(obj) != "":
		action = audit.Update
	}
	r.audit(ctx, obj, action, result, audit.Record{Reason: is.Reason + ": " + is.Message})
}

// refusals are the reasons that are a refusal, and by whom: Denied by us for the connection's owner, Refused by the
// appliance.
var refusals = map[string]audit.Result{
	pamv1alpha1.ReasonConnectionNotPermitted: audit.Denied,
	pamv1alpha1.ReasonAdoptionRefused:        audit.Denied,
	pamv1alpha1.ReasonConflict:               audit.Denied,
	pamv1alpha1.ReasonInvalidSpec:            audit.Denied,
	pamv1alpha1.ReasonRejected:               audit.Refused,
	pamv1alpha1.ReasonUnauthorized:           audit.Refused,
	pamv1alpha1.ReasonDeletionBlocked:        audit.Refused,
}
