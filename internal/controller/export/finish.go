// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// isFinished reports whether the export has ended.
func isFinished(e *pamv1alpha1.ApplianceExport) bool {
	return e.Status.Phase == pamv1alpha1.ExportCompleted || e.Status.Phase == pamv1alpha1.ExportFailed
}

// complete ends an export with a result.
func (r *reconciler) complete(e *pamv1alpha1.ApplianceExport, result result) loop.Outcome {
	e.Status.ConfigHash, e.Status.Objects, e.Status.Parts = result.configHash, result.objects, result.parts
	e.Status.NotExported, e.Status.NotListed = result.lacking.entries()
	message := summary(result)
	r.finish(e, pamv1alpha1.ExportCompleted, pamv1alpha1.ConditionComplete, pamv1alpha1.ReasonCompleted, message)
	return r.untilExpiry(e, loop.Done(pamv1alpha1.ReasonCompleted, message))
}

// summary says what was exported.
func summary(result result) string {
	counts := make([]string, 0, len(result.objects))
	for _, of := range result.objects {
		counts = append(counts, fmt.Sprintf("%d of kind %s", *of.Count, of.Kind))
	}
	text := cmp.Or(strings.Join(counts, ", "), "nothing was found to export")
	switch len(result.parts) {
	case 0:
	case 1:
		text += "; in 1 ConfigMap"
	default:
		text += fmt.Sprintf("; in %d ConfigMaps", len(result.parts))
	}
	if left, partly := result.lacking.counts(); left+partly > 0 {
		text += fmt.Sprintf("; %d not exported, %d exported in part: see status.notExported", left, partly)
	}
	return text
}

// fail gives an export up.
func (r *reconciler) fail(e *pamv1alpha1.ApplianceExport, message string) loop.Outcome {
	r.finish(e, pamv1alpha1.ExportFailed, pamv1alpha1.ConditionFailed, pamv1alpha1.ReasonFailed, message)
	return r.untilExpiry(e,
		loop.Outcome{State: loop.StateStalled, Reason: pamv1alpha1.ReasonFailed, Message: message})
}

func (r *reconciler) finish(
	e *pamv1alpha1.ApplianceExport, phase pamv1alpha1.ExportPhase, condition, reason, message string,
) {
	e.Status.Phase, e.Status.CompletionTime = phase, &metav1.Time{Time: r.now()}
	meta.SetStatusCondition(&e.Status.Conditions, metav1.Condition{
		Type: condition, Status: metav1.ConditionTrue, Reason: reason,
		Message: rest.Shorten(message, loop.MaxConditionMessage), ObservedGeneration: e.Generation,
	})
}

// finished keeps the result until the TTL deletes the object, and the result with it.
func (r *reconciler) finished(ctx context.Context, e *pamv1alpha1.ApplianceExport) (loop.Outcome, error) {
	ready := loop.ReadyOf(e)
	out := loop.Done(ready.Reason, ready.Message)
	if e.Status.Phase == pamv1alpha1.ExportFailed {
		out.State = loop.StateStalled
	}
	if r.timeLeft(e) > 0 {
		return r.untilExpiry(e, out), nil
	}
	return loop.Outcome{}, client.IgnoreNotFound(r.Client.Delete(ctx, e, client.Preconditions{UID: &e.UID}))
}

// untilExpiry has a finished object looked at again when its TTL ends: finishing it does not trigger a pass.
func (r *reconciler) untilExpiry(e *pamv1alpha1.ApplianceExport, out loop.Outcome) loop.Outcome {
	out.After = max(r.timeLeft(e), time.Second)
	return out
}

// defaultTTL is spec.ttlSecondsAfterFinished where it is left out.
const defaultTTL = 3600

// timeLeft is how long a finished object stays.
func (r *reconciler) timeLeft(e *pamv1alpha1.ApplianceExport) time.Duration {
	ttl := ptr.Deref(e.Spec.TTLSecondsAfterFinished, defaultTTL)
	return loop.LeftOf(ttl, ptr.Deref(e.Status.CompletionTime, metav1.Time{}), r.now())
}

// audit writes a line when an export ends, and when the connection starts to deny it.
func (r *reconciler) audit(ctx context.Context, before, e *pamv1alpha1.ApplianceExport) {
	was, is := loop.ReadyOf(before), loop.ReadyOf(e)
	if is == nil || was != nil && was.Reason == is.Reason {
		return
	}
	line := audit.Record{
		Action: audit.Export, Object: e, Kind: kinds.ApplianceExport, Client: audit.Writer(e),
		Connection: connection.Target(e.Connection(), e.Namespace), Reason: is.Message,
	}
	switch {
	case is.Reason == pamv1alpha1.ReasonConnectionNotPermitted:
		line.Result = audit.Denied
	case e.Status.Phase == pamv1alpha1.ExportCompleted:
		line.Result = audit.Succeeded
	case e.Status.Phase == pamv1alpha1.ExportFailed:
		line.Result = audit.Failed
	default:
		return
	}
	audit.Write(ctx, line)
}
