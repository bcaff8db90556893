// SPDX-License-Identifier: Apache-2.0

package loop

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// emitToWorkload emits what its users have to know of a session on the Job or Pod that it is bound to: they look there
// first, where a pod that waits for the Secret says nothing of the cause. It does so for a transition, and when the
// workload is first seen.
func (w StatusWriter) emitToWorkload(before, obj Object, warn bool) {
	was, ok1 := before.(*pamv1alpha1.ActivitySession)
	is, ok2 := obj.(*pamv1alpha1.ActivitySession)
	if !ok1 || !ok2 || is.Spec.BoundTo == nil || is.Status.BoundToUID == "" {
		return
	}
	earlier, ready := ReadyOf(was), ReadyOf(is)
	if earlier != nil && earlier.Reason == ready.Reason && earlier.Status == ready.Status &&
		was.Status.BoundToUID == is.Status.BoundToUID {
		return
	}
	switch ready.Reason {
	case pamv1alpha1.ReasonProgressing, pamv1alpha1.ReasonSuspended:
		return
	}
	if ready.Status == metav1.ConditionTrue && !warn {
		return
	}
	workload := &metav1.PartialObjectMetadata{}
	workload.APIVersion, workload.Kind = is.Spec.BoundTo.APIVersion, is.Spec.BoundTo.Kind
	workload.Namespace, workload.Name = is.Namespace, is.Spec.BoundTo.Name
	workload.UID = types.UID(is.Status.BoundToUID)
	w.Event(workload, corev1.EventTypeWarning, ready.Reason, "ActivitySession "+is.Name+": "+ready.Message)
}
