// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"slices"
	"time"

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
type workloads struct {
	live client.Reader
	now  func() time.Time
}

// boundWorkload is what a session's workload means for it.
type boundWorkload struct {
	// over says that the workload no longer needs the session, leaving that it soon will not; why says why.
	over, leaving bool
	why           string
	// left is how long a workload that is leaving may still need the session; 0 if that is not known.
	left time.Duration
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
	return is.of(what, w.now()), nil
}

// workloadState is the state of a Job or Pod; an empty uid says that there is none.
type workloadState struct {
	uid types.UID
	// over says why it is over; empty if it is not.
	over string
	idle string
	// leaving says why it will be over; until is when at the latest, zero if that is not known.
	leaving string
	until   time.Time
}

// of is what the state means for a session.
func (is workloadState) of(what string, now time.Time) boundWorkload {
	switch {
	case is.over != "":
		return boundWorkload{over: true, why: what + " " + is.over}
	case is.leaving != "" && !is.until.IsZero() && !now.Before(is.until):
		return boundWorkload{over: true, why: what + " " + is.leaving + ", and its grace period is over"}
	case is.leaving != "" && !is.until.IsZero():
		return boundWorkload{leaving: true, why: what + " " + is.leaving, left: is.until.Sub(now)}
	case is.leaving != "": // perhaps it stays, so nothing is requested for it until that is known
		return boundWorkload{leaving: true, why: what + " " + is.leaving, idle: what + " " + is.leaving}
	case is.idle != "":
		return boundWorkload{idle: what + " " + is.idle}
	}
	return boundWorkload{}
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

// podState is the state of a Pod. Only its kubelet can say that it has finished; that of a lost node never does. The
// deletionTimestamp of a Pod is the end of its grace period, and from then on nothing may need the session.
func podState(pod *corev1.Pod) workloadState {
	out := workloadState{uid: pod.UID}
	switch phase := pod.Status.Phase; {
	case phase == corev1.PodSucceeded || phase == corev1.PodFailed:
		out.over = "has finished"
	case pod.DeletionTimestamp != nil:
		out.leaving, out.until = "is being deleted", pod.DeletionTimestamp.Time
	case slices.ContainsFunc(pod.Status.Conditions, isDisruption):
		out.leaving = "is being evicted"
	case phase == corev1.PodUnknown:
		out.leaving = "is in an unknown state"
	case pod.Spec.NodeName == "":
		out.idle = "is not scheduled"
	}
	return out
}

func isDisruption(c corev1.PodCondition) bool {
	return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue
}

// jobState is the state of a Job. Its outcome is decided before its last Pods are gone, which on a node that is lost
// they never are.
func jobState(job *batchv1.Job) workloadState {
	out := workloadState{uid: job.UID}
	switch {
	case slices.ContainsFunc(job.Status.Conditions, isDecided):
		out.over = "has finished"
	case job.DeletionTimestamp != nil:
		out.over = "is being deleted"
	case job.Spec.Suspend != nil && *job.Spec.Suspend: // by a user, or by a queue that has not admitted it yet
		out.idle = "is suspended"
	}
	return out
}

func isDecided(c batchv1.JobCondition) bool {
	switch c.Type {
	case batchv1.JobComplete, batchv1.JobFailed, batchv1.JobSuccessCriteriaMet, batchv1.JobFailureTarget:
		return c.Status == corev1.ConditionTrue
	}
	return false
}
