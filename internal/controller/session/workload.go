// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// boundSessions enqueues the sessions that are bound to a workload that changed.
func boundSessions(deps loop.Deps, kind string) handler.EventHandler {
	return deps.Woken(&pamv1alpha1.ActivitySessionList{}, func(obj client.Object) client.MatchingFields {
		return client.MatchingFields{loop.IndexBoundTo: kind + "/" + loop.NameOrAny(obj)}
	})
}

// workloads reads the Jobs and Pods that sessions are bound to.
type workloads struct{ live client.Reader }

// boundWorkload is what a session's workload means for it.
type boundWorkload struct {
	// over says that the workload no longer needs the session, and why.
	over bool
	why  string
	// idle says why the workload cannot run yet; empty if it can, or does not exist yet.
	idle string
}

// bound reads the workload that a session is bound to. One that was never seen has not started yet: it may be created
// after the session, or wait for its Secret. One that was seen is recorded in the status in every phase; otherwise a
// workload that comes and goes while the request waits would count as one that is yet to come.
func (w *workloads) bound(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (boundWorkload, error) {
	if s.Spec.BoundTo == nil {
		return boundWorkload{}, nil
	}
	what := s.Spec.BoundTo.Kind + " " + s.Spec.BoundTo.Name
	is, err := w.state(ctx, s)
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

// workloadState is the state of a Job or Pod; an empty uid says that there is none.
type workloadState struct {
	uid      types.UID
	finished bool
	idle     string
}

// state reads the Job or Pod. While it waits in a queue or for a node, a session would expire.
func (w *workloads) state(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (workloadState, error) {
	key := types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.BoundTo.Name}
	if s.Spec.BoundTo.Kind == "Pod" {
		pod := &corev1.Pod{}
		if err := w.live.Get(ctx, key, pod); err != nil {
			return workloadState{}, client.IgnoreNotFound(err)
		}
		return podState(pod), nil
	}
	job := &batchv1.Job{}
	if err := w.live.Get(ctx, key, job); err != nil {
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
	if job.Spec.Suspend != nil && *job.Spec.Suspend { // by a user, or by a queue that has not admitted it yet
		out.idle = "is suspended"
	}
	return out
}
