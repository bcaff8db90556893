// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// boundSessions enqueues the sessions that are bound to the workload that changed.
func boundSessions(c client.Reader, kind string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		return requests(ctx, c, &pamv1alpha1.ActivitySessionList{}, client.InNamespace(obj.GetNamespace()),
			client.MatchingFields{indexBoundTo: kind + "/" + nameOrAny(obj)})
	})
}

// workloadOver says whether the workload that a session is bound to has finished or vanished. One that was never seen
// has not begun yet: it may be created after the session, or wait for its Secret. One that was seen is noted in the
// status in every phase, lest a workload that comes and goes while the request waits be taken for one that is to come.
func (r *activitySessionReconciler) workloadOver(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (over bool, why string, err error) {
	if s.Spec.BoundTo == nil {
		return false, "", nil
	}
	what := s.Spec.BoundTo.Kind + " " + s.Spec.BoundTo.Name
	uid, finished, err := r.workload(ctx, s)
	switch {
	case err != nil:
		return false, "", err
	case uid == "" && s.Status.BoundToUID == "":
		return false, "", nil
	case uid == "", s.Status.BoundToUID != "" && string(uid) != s.Status.BoundToUID:
		return true, what + " is gone", nil
	}
	s.Status.BoundToUID = string(uid)
	return finished, what + " has finished", nil
}

// workload reads the Job or Pod; an empty uid says that there is none.
func (r *activitySessionReconciler) workload(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (uid types.UID, finished bool, err error) {
	key := types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.BoundTo.Name}
	if s.Spec.BoundTo.Kind == "Pod" {
		pod := &corev1.Pod{}
		if err := r.live.Get(ctx, key, pod); err != nil {
			return "", false, client.IgnoreNotFound(err)
		}
		return pod.UID, pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed, nil
	}
	job := &batchv1.Job{}
	if err := r.live.Get(ctx, key, job); err != nil {
		if apierrors.IsNotFound(err) {
			return "", false, nil
		}
		return "", false, err
	}
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return job.UID, true, nil
		}
	}
	return job.UID, false, nil
}
