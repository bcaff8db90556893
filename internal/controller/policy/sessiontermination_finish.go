// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/gitops"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// fail ends the request.
func (r *sessionTerminationReconciler) fail(t *pamv1alpha1.SessionTermination, reason, message string) loop.Outcome {
	r.finish(t, pamv1alpha1.TerminationFailed, pamv1alpha1.ConditionFailed, reason, message)
	return r.untilExpiry(t, loop.Outcome{State: loop.StateStalled, Reason: reason, Message: message})
}

func (r *sessionTerminationReconciler) finish(
	t *pamv1alpha1.SessionTermination, phase pamv1alpha1.TerminationPhase, condition, reason, message string,
) {
	t.Status.Phase, t.Status.CompletionTime = phase, &metav1.Time{Time: r.now()}
	meta.SetStatusCondition(&t.Status.Conditions, metav1.Condition{
		Type: condition, Status: metav1.ConditionTrue, Reason: reason,
		Message: rest.Shorten(message, loop.MaxConditionMessage), ObservedGeneration: t.Generation,
	})
}

// finished keeps the result until the TTL deletes the object.
func (r *sessionTerminationReconciler) finished(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (loop.Outcome, error) {
	ready := loop.ReadyOf(t)
	out := loop.Done(ready.Reason, ready.Message)
	if t.Status.Phase == pamv1alpha1.TerminationFailed {
		out.State = loop.StateStalled
	}
	if owner := gitops.OwnerOf(t); owner != "" {
		return r.kept(ctx, t, owner, out)
	}
	if left, limited := r.timeLeft(t); !limited || left > 0 {
		return r.untilExpiry(t, out), nil
	}
	return loop.Outcome{}, client.IgnoreNotFound(r.Client.Delete(ctx, t, client.Preconditions{UID: &t.UID}))
}

// untilExpiry has a finished object looked at again when its TTL ends: finishing it does not trigger a pass.
func (r *sessionTerminationReconciler) untilExpiry(t *pamv1alpha1.SessionTermination, out loop.Outcome) loop.Outcome {
	if left, limited := r.timeLeft(t); limited {
		out.After = max(left, time.Second)
	}
	return out
}

// timeLeft is how long a finished object stays, if it has a TTL.
func (r *sessionTerminationReconciler) timeLeft(
	t *pamv1alpha1.SessionTermination,
) (left time.Duration, limited bool) {
	if t.Spec.TTLSecondsAfterFinished == nil || t.Status.CompletionTime == nil {
		return 0, false
	}
	return loop.LeftOf(*t.Spec.TTLSecondsAfterFinished, *t.Status.CompletionTime, r.now()), true
}

// audit writes a line about the outcome of a session, or of the request.
func (r *sessionTerminationReconciler) audit(
	ctx context.Context, t *pamv1alpha1.SessionTermination, result audit.Result, more audit.Record,
) {
	more.Action, more.Result, more.Object, more.Kind = audit.Terminate, result, t, "SessionTermination"
	more.Client, more.Connection = audit.Writer(t), connection.Target(t.Spec.ConnectionRef, t.Namespace)
	if more.Session == "" {
		more.Session = t.Spec.SessionID
	}
	audit.Write(ctx, more)
}

// auditRefusal writes a line when the connection starts to deny a request, and when a request is given up.
func (r *sessionTerminationReconciler) auditRefusal(ctx context.Context, before, t *pamv1alpha1.SessionTermination) {
	was, is := loop.ReadyOf(before), loop.ReadyOf(t)
	if is == nil || was != nil && was.Reason == is.Reason {
		return
	}
	switch {
	case is.Reason == pamv1alpha1.ReasonConnectionNotPermitted:
		r.audit(ctx, t, audit.Denied, audit.Record{Reason: is.Message})
	case isFinished(t) && t.Status.StartTime == nil: // nothing was ever sent
		r.audit(ctx, t, audit.Failed, audit.Record{Reason: is.Message})
	}
}
