// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/panics"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// MaxConditionMessage bounds a condition's message, in bytes; the API server's own limit is 32768.
const MaxConditionMessage = 2048

// StatusWriter writes an object's status: once per reconcile, at its end, and only if it changed.
type StatusWriter struct {
	client client.Client
	live   client.Reader
	events events.EventRecorder
	own    *OwnWrites
}

// Save applies the outcome to the conditions, writes the status if it differs from before, emits an Event for a
// transition, and returns when to reconcile again.
func (w StatusWriter) Save(
	ctx context.Context, before, obj Object, out Outcome,
) (ctrl.Result, error) {
	if out.Continues() {
		out = OutcomeOf(Impossible("a reconcile ended without a result"))
	}
	out.log(ctx)
	setReason(ctx, out.Reason)
	status, previous := obj.GetStatus(), ReadyOf(before)
	status.Observed(obj.GetGeneration())
	out.Apply(status.ObjectConditions(), obj.GetGeneration())
	if !equality.Semantic.DeepEqual(before.GetStatus(), status) {
		// Metadata that was written meanwhile is not part of this patch.
		before.SetResourceVersion(obj.GetResourceVersion())
		before.SetFinalizers(obj.GetFinalizers())
		before.SetAnnotations(obj.GetAnnotations())
		switch err := w.write(ctx, before, obj); {
		case errors.Is(err, ErrStale):
			return ctrl.Result{RequeueAfter: Jitter(ErrStale.After)}, nil
		case refusesStatus(err):
			return w.saveConditionsOnly(ctx, before, err)
		case err != nil:
			return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("write status: %w", err))
		}
		CountTransition(before, obj)
	}
	w.emitTransition(obj, previous, ReadyOf(obj), out.Warn)
	w.emitToWorkload(before, obj, out.Warn)
	w.emitHandled(before, obj)
	return ctrl.Result{RequeueAfter: Jitter(out.nextLook())}, out.Err
}

// waitRecheck is how long a wait takes at most that a watch is to end: an event that comes while the cache is behind
// may be missed.
const waitRecheck = time.Minute

// nextLook is when to reconcile again. Whatever waits has a time at which it looks again.
func (o Outcome) nextLook() time.Duration {
	if o.State == StateReconciling && o.After == 0 && o.Err == nil {
		return waitRecheck
	}
	return o.After
}

// log logs why an object is not ready, which its status shows, too.
func (o Outcome) log(ctx context.Context) {
	log := logf.FromContext(ctx)
	if o.Bug != nil {
		log.Error(o.Bug, "Bug in the operator, please report it", "stack", string(panics.StackOf(o.Bug)))
		return
	}
	what := map[State]string{StateReconciling: "Waiting", StateStalled: "Stalled"}[o.State]
	if log = log.V(1); what != "" && log.Enabled() {
		log.Info(what, "reason", o.Reason, "message", rest.Shorten(o.Message, MaxConditionMessage), "after", o.After.String())
	}
}

// statusAttempts is how often writing the status of an object that others keep writing is tried.
const statusAttempts = 5

// write patches the status. A reconcile that read from a lagging cache must not undo what an earlier one has written:
// the cache would then show the old state for a while, and the next reconcile would find nothing to write. Such a
// reconcile fails with ErrStale. But a new spec, which the author may write at any time, does not invalidate what was
// observed.
func (w StatusWriter) write(ctx context.Context, before, obj Object) error {
	for range statusAttempts {
		lock := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		err := w.client.Status().Patch(ctx, obj, lock)
		if err == nil {
			w.own.note(obj)
		}
		if !apierrors.IsConflict(err) {
			return err
		}
		live := CopyOf(before)
		if err := w.live.Get(ctx, client.ObjectKeyFromObject(obj), live); err != nil {
			return err
		}
		if live.GetUID() != obj.GetUID() || !equality.Semantic.DeepEqual(live.GetStatus(), before.GetStatus()) {
			return ErrStale
		}
		before.SetResourceVersion(live.GetResourceVersion())
		obj.SetResourceVersion(live.GetResourceVersion())
	}
	return ErrStale
}

// emitTransition emits an Event for a transition.
func (w StatusWriter) emitTransition(obj client.Object, was, is *metav1.Condition, warn bool) {
	if was != nil && was.Reason == is.Reason && was.Status == is.Status {
		return
	}
	if was == nil && is.Reason == pamv1alpha1.ReasonProgressing || is.Reason == pamv1alpha1.ReasonLocked {
		return // the connection reports a lock once, and not each object that waits for it
	}
	kind := corev1.EventTypeWarning
	if !warn && (is.Status == metav1.ConditionTrue || is.Reason == pamv1alpha1.ReasonProgressing) {
		kind = corev1.EventTypeNormal
	}
	w.Event(obj, kind, is.Reason, is.Message)
}

// Event emits an Event. The API server refuses notes over 1024 bytes.
func (w StatusWriter) Event(obj client.Object, kind, reason, message string) {
	w.events.Eventf(obj, nil, kind, reason, "Reconcile", "%s", rest.Shorten(message, 1000))
}

// Warn emits a warning that must not be counted as a repetition of an earlier Event, as those with the same object,
// reason and action are, whatever their message. related is what else it is about; may be nil.
func (w StatusWriter) Warn(obj client.Object, related runtime.Object, action, reason, message string) {
	w.events.Eventf(obj, related, corev1.EventTypeWarning, reason, action, "%s", rest.Shorten(message, 1000))
}

// Apply sets the summary conditions.
func (o Outcome) Apply(conditions *[]metav1.Condition, generation int64) {
	message := rest.Shorten(o.Message, MaxConditionMessage)
	set := func(kind string, on bool, status metav1.ConditionStatus) {
		if !on {
			meta.RemoveStatusCondition(conditions, kind)
			return
		}
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: kind, Status: status, Reason: o.Reason, Message: message, ObservedGeneration: generation,
		})
	}
	ready := metav1.ConditionFalse
	if o.State == StateReady {
		ready = metav1.ConditionTrue
	}
	set(pamv1alpha1.ConditionReady, true, ready)
	set(pamv1alpha1.ConditionReconciling, o.State == StateReconciling, metav1.ConditionTrue)
	set(pamv1alpha1.ConditionStalled, o.State == StateStalled, metav1.ConditionTrue)
}

// ReadyOf is the Ready condition of an object; nil before the first reconcile.
func ReadyOf(obj Object) *metav1.Condition {
	return meta.FindStatusCondition(*obj.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
}

// MaxHandledRequest is how much of the annotation of a request the status records, in bytes.
const MaxHandledRequest = 256

// MaxSeconds is the latest time that a status can hold, in seconds since 1970: the end of the year 9999.
const MaxSeconds = 253402300800
