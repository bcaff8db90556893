// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
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

// boundWorkload is what a session's workload means for it.
type boundWorkload struct {
	// over says that there is nobody any more who needs the session, and why.
	over bool
	why  string
	// idle says why the workload cannot run yet; empty if it can, or is not there yet.
	idle string
}

// bound looks at the workload that a session is bound to. One that was never seen has not begun yet: it may be created
// after the session, or wait for its Secret. One that was seen is noted in the status in every phase, lest a workload
// that comes and goes while the request waits be taken for one that is to come.
func (r *activitySessionReconciler) bound(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (boundWorkload, error) {
	if s.Spec.BoundTo == nil {
		return boundWorkload{}, nil
	}
	what := s.Spec.BoundTo.Kind + " " + s.Spec.BoundTo.Name
	is, err := r.workload(ctx, s)
	switch {
	case err != nil:
		return boundWorkload{}, err
	case is.uid == "" && s.Status.BoundToUID == "":
		return boundWorkload{}, nil
	case is.uid == "", s.Status.BoundToUID != "" && string(is.uid) != s.Status.BoundToUID:
		return boundWorkload{over: true, why: what + " is gone"}, nil
	}
	s.Status.BoundToUID = string(is.uid)
	out := boundWorkload{over: is.finished, why: what + " has finished"}
	if is.idle != "" && !is.finished {
		out.idle = what + " " + is.idle
	}
	return out, nil
}

// workloadState is how a Job or Pod is; an empty uid says that there is none.
type workloadState struct {
	uid      types.UID
	finished bool
	idle     string
}

// workload reads the Job or Pod. A session would run out while it waits in a queue or for a node.
func (r *activitySessionReconciler) workload(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (workloadState, error) {
	key := types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.BoundTo.Name}
	if s.Spec.BoundTo.Kind == "Pod" {
		pod := &corev1.Pod{}
		if err := r.live.Get(ctx, key, pod); err != nil {
			return workloadState{}, client.IgnoreNotFound(err)
		}
		return podState(pod), nil
	}
	job := &batchv1.Job{}
	if err := r.live.Get(ctx, key, job); err != nil {
		return workloadState{}, client.IgnoreNotFound(err)
	}
	return jobState(job), nil
}

func podState(pod *corev1.Pod) workloadState {
	out := workloadState{
		uid: pod.UID, finished: pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed,
	}
	if pod.Spec.NodeName == "" {
		out.idle = "is not scheduled"
	}
	return out
}

func jobState(job *batchv1.Job) workloadState {
	out := workloadState{uid: job.UID, finished: slices.ContainsFunc(job.Status.Conditions,
		func(c batchv1.JobCondition) bool {
			return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
		})}
	if job.Spec.Suspend != nil && *job.Spec.Suspend { // by hand, or by a queue that has not admitted it yet
		out.idle = "is suspended"
	}
	return out
}
