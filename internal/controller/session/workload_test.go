// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

func aPod(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "work", UID: "pod"}}
	pod.Spec.NodeName, pod.Status.Phase = "node", corev1.PodRunning
	change(pod)
	return pod
}

func podPhase(phase corev1.PodPhase) client.Object {
	return aPod(func(p *corev1.Pod) { p.Status.Phase = phase })
}

// deletedPod is a Pod whose grace period ends at a time relative to noon, and that nobody confirms to be gone.
func deletedPod(end time.Duration) client.Object {
	return aPod(func(p *corev1.Pod) {
		p.DeletionTimestamp, p.Finalizers = &metav1.Time{Time: noon.Add(end)}, []string{"example.com/held"}
	})
}

func aJob(change func(*batchv1.Job)) client.Object {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "work", UID: "job"}}
	change(job)
	return job
}

func jobCondition(kind batchv1.JobConditionType, status corev1.ConditionStatus) client.Object {
	return aJob(func(j *batchv1.Job) { j.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: status}} })
}

func podCondition(status corev1.ConditionStatus) client.Object {
	return aPod(func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: status}}
	})
}

func TestASessionEndsWhenItsWorkloadHasBeenToldToEnd(t *testing.T) {
	over := func(why string) boundWorkload { return boundWorkload{over: true, why: why} }
	evicted, lost := "Pod work is being evicted", "Pod work is in an unknown state"
	for name, c := range map[string]struct {
		workload client.Object
		want     boundWorkload
	}{
		"a Pod that runs":      {workload: podPhase(corev1.PodRunning)},
		"a Pod that starts":    {workload: podPhase(corev1.PodPending)},
		"a Pod that succeeded": {podPhase(corev1.PodSucceeded), over("Pod work has finished")},
		"a Pod that failed":    {podPhase(corev1.PodFailed), over("Pod work has finished")},
		"a Pod without a node": {
			aPod(func(p *corev1.Pod) { p.Spec.NodeName = "" }), boundWorkload{idle: "Pod work is not scheduled"},
		},
		"a Pod on a lost node": {podPhase(corev1.PodUnknown), boundWorkload{leaving: true, why: lost, idle: lost}},
		"a Pod that is evicted": {
			podCondition(corev1.ConditionTrue), boundWorkload{leaving: true, why: evicted, idle: evicted},
		},
		"a Pod that is not evicted after all": {workload: podCondition(corev1.ConditionFalse)},
		"a deleted Pod within its grace period": {
			deletedPod(time.Second), boundWorkload{leaving: true, why: "Pod work is being deleted", left: time.Second},
		},
		"a deleted Pod at the end of its grace period": {
			deletedPod(0), over("Pod work is being deleted, and its grace period is over"),
		},
		"a deleted Pod of which nothing is heard anymore": {
			deletedPod(-time.Hour), over("Pod work is being deleted, and its grace period is over"),
		},

		"a Job that runs": {workload: aJob(func(*batchv1.Job) {})},
		"a suspended Job": {
			aJob(func(j *batchv1.Job) { j.Spec.Suspend = new(true) }), boundWorkload{idle: "Job work is suspended"},
		},
		"a Job that is complete": {jobCondition(batchv1.JobComplete, corev1.ConditionTrue), over("Job work has finished")},
		"a Job that failed":      {jobCondition(batchv1.JobFailed, corev1.ConditionTrue), over("Job work has finished")},
		"a Job that has met its success criteria, and whose last Pods remain": {
			jobCondition(batchv1.JobSuccessCriteriaMet, corev1.ConditionTrue), over("Job work has finished"),
		},
		"a Job that is bound to fail, and whose last Pods remain": {
			jobCondition(batchv1.JobFailureTarget, corev1.ConditionTrue), over("Job work has finished"),
		},
		"a Job that has not failed": {workload: jobCondition(batchv1.JobFailed, corev1.ConditionFalse)},
		"a Job that is deleted after its Pods": {
			aJob(func(j *batchv1.Job) {
				j.DeletionTimestamp, j.Finalizers = &metav1.Time{Time: noon}, []string{metav1.FinalizerDeleteDependents}
			}), over("Job work is being deleted"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &workloads{fake.NewClientBuilder().WithObjects(c.workload).Build(), func() time.Time { return noon }}
			s := builder.ActivitySession("session")
			s.Namespace = "default"
			s.Spec.BoundTo = &pamv1alpha1.Workload{Kind: "Pod", Name: "work"}
			if _, ok := c.workload.(*batchv1.Job); ok {
				s.Spec.BoundTo.Kind = "Job"
			}
			got, err := w.bound(t.Context(), s)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
			if s.Status.BoundToUID != string(c.workload.GetUID()) {
				t.Error("the status does not say that it was seen")
			}
		})
	}
}

func TestASessionIsExtendedOnlyForAWorkloadThatRuns(t *testing.T) {
	session := nps.Session{
		ScheduledStart: nps.Time{Time: noon}, ScheduledEnd: nps.Time{Time: noon.Add(time.Hour)}, ExtensionMinutes: 30,
	}
	s := builder.ActivitySession("session")
	s.Spec.Extension = &pamv1alpha1.Extension{Mode: pamv1alpha1.ExtensionAutomatic}
	if got := wantedExtension(s, session, true); got != 0 {
		t.Errorf("a workload that was never seen gets %d minutes", got)
	}
	s.Status.BoundToUID = "seen"
	if got := wantedExtension(s, session, true); got != 30 {
		t.Errorf("a workload that was seen gets %d minutes", got)
	}
	s.Status.ExpiresAt = &metav1.Time{Time: noon}
	why, err := (&extender{}).extend(t.Context(), nil, s, boundWorkload{leaving: true, why: "Pod work is being deleted"})
	if why != "; it is not extended: Pod work is being deleted" || err != nil {
		t.Errorf("a workload that is leaving: %q, %v", why, err)
	}
}
