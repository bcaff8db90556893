// SPDX-License-Identifier: Apache-2.0

package controller

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
	utilwait "k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// maxConditionMessage bounds what is written into a condition, in bytes; the API server's own limit is 32768.
const maxConditionMessage = 2048

// object is one of our kinds.
type object interface {
	client.Object
	GetStatus() pamv1alpha1.ObjectStatus
}

// statusWriter writes an object's status: once per pass, at its end, and only if it changed.
type statusWriter struct {
	client client.Client
	live   client.Reader
	events events.EventRecorder
}

// save puts the outcome into the conditions, writes the status if it differs from before, tells of a transition, and
// says when to look again.
func (w statusWriter) save(
	ctx context.Context, before, obj object, out outcome,
) (ctrl.Result, error) {
	status, previous := obj.GetStatus(), readyOf(before)
	status.Observed(obj.GetGeneration())
	out.apply(status.ObjectConditions(), obj.GetGeneration())
	if !equality.Semantic.DeepEqual(before.GetStatus(), status) {
		// Metadata that was written meanwhile is no part of this patch.
		before.SetResourceVersion(obj.GetResourceVersion())
		before.SetFinalizers(obj.GetFinalizers())
		before.SetAnnotations(obj.GetAnnotations())
		switch err := w.write(ctx, before, obj); {
		case errors.Is(err, errStale):
			return ctrl.Result{RequeueAfter: jitter(errStale.after)}, nil
		case refusesStatus(err):
			return w.admit(ctx, before, err)
		case err != nil:
			return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("write status: %w", err))
		}
	}
	w.tell(obj, previous, readyOf(obj))
	return ctrl.Result{RequeueAfter: jitter(out.after)}, out.err
}

// statusAttempts is how often a status is written to an object that others keep writing.
const statusAttempts = 5

// write patches the status. A pass that went by a cache that lags must not undo what a pass before it has written: the
// cache would then show that for a while, and the next pass would find nothing to write. Such a pass fails with
// errStale. But the author may write a new spec at any time, which takes nothing away from what was found out.
func (w statusWriter) write(ctx context.Context, before, obj object) error {
	for range statusAttempts {
		lock := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		err := w.client.Status().Patch(ctx, obj, lock)
		if !apierrors.IsConflict(err) {
			return err
		}
		live := copyOf(before)
		if err := w.live.Get(ctx, client.ObjectKeyFromObject(obj), live); err != nil {
			return err
		}
		if live.GetUID() != obj.GetUID() || !equality.Semantic.DeepEqual(live.GetStatus(), before.GetStatus()) {
			return errStale
		}
		before.SetResourceVersion(live.GetResourceVersion())
		obj.SetResourceVersion(live.GetResourceVersion())
	}
	return errStale
}

// tell makes an Event of a transition.
func (w statusWriter) tell(obj client.Object, was, is *metav1.Condition) {
	if was != nil && was.Reason == is.Reason && was.Status == is.Status {
		return
	}
	if was == nil && is.Reason == pamv1alpha1.ReasonProgressing || is.Reason == pamv1alpha1.ReasonLocked {
		return // a lock is told of once, by the connection, and not by everybody who waits for it
	}
	kind := corev1.EventTypeWarning
	if is.Status == metav1.ConditionTrue || is.Reason == pamv1alpha1.ReasonProgressing {
		kind = corev1.EventTypeNormal
	}
	w.event(obj, kind, is.Reason, is.Message)
}

// event records an Event. The API server refuses notes over 1024 bytes.
func (w statusWriter) event(obj client.Object, kind, reason, message string) {
	w.events.Eventf(obj, nil, kind, reason, "Reconcile", "%s", shorten(message, 1000))
}

// warn records a warning that is not to be counted as a repetition of an earlier Event: those of one object, reason and
// action are, whatever they say. related is what else it is about; nil is nothing.
func (w statusWriter) warn(obj client.Object, related runtime.Object, action, reason, message string) {
	w.events.Eventf(obj, related, corev1.EventTypeWarning, reason, action, "%s", shorten(message, 1000))
}

// apply sets the summary conditions.
func (o outcome) apply(conditions *[]metav1.Condition, generation int64) {
	message := shorten(o.message, maxConditionMessage)
	set := func(kind string, on bool, status metav1.ConditionStatus) {
		if !on {
			meta.RemoveStatusCondition(conditions, kind)
			return
		}
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: kind, Status: status, Reason: o.reason, Message: message, ObservedGeneration: generation,
		})
	}
	ready := metav1.ConditionFalse
	if o.state == stateReady {
		ready = metav1.ConditionTrue
	}
	set(pamv1alpha1.ConditionReady, true, ready)
	set(pamv1alpha1.ConditionReconciling, o.state == stateReconciling, metav1.ConditionTrue)
	set(pamv1alpha1.ConditionStalled, o.state == stateStalled, metav1.ConditionTrue)
}

// shorten makes a text fit for a status: one line, printable, not longer than limit, in bytes.
func shorten(text string, limit int) string { return rest.Shorten(text, limit) }

// jitter spreads passes that were planned together, by a fifth. It never makes something of nothing.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return utilwait.Jitter(d*9/10, 0.2)
}

func readyOf(obj object) *metav1.Condition {
	return meta.FindStatusCondition(*obj.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
}
