// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// goneInterval is how often the demo checks whether an object is gone.
const goneInterval = 100 * time.Millisecond

// playKubelet does through the API what a kubelet would: it waits until everything that the pods of the samples' Jobs
// mount is there, and then reports that they succeeded. No container runs. What follows is the work of the Job
// controller and of the manager.
func (d *demo) playKubelet(ctx context.Context) error {
	for _, id := range d.samples.ofKind("Job") {
		pod, err := d.podOf(ctx, id)
		if err != nil {
			return err
		}
		if err := d.findMounts(ctx, pod); err != nil {
			return err
		}
		if err := d.succeed(ctx, pod); err != nil {
			return err
		}
		if err := d.awaitEnd(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// podOf waits for the pod that the Job controller creates for a Job.
func (d *demo) podOf(ctx context.Context, job identity) (*corev1.Pod, error) {
	var pods corev1.PodList
	ofJob := client.MatchingLabels{batchv1.JobNameLabel: job.name}
	err := d.poll(ctx, func(ctx context.Context) (bool, error) {
		err := d.client.List(ctx, &pods, client.InNamespace(job.namespace), ofJob)
		return len(pods.Items) > 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the pod of Job %s: %w", job.name, err)
	}
	return &pods.Items[0], nil
}

// findMounts finds the Secrets without which a kubelet does not start a pod.
func (d *demo) findMounts(ctx context.Context, pod *corev1.Pod) error {
	for _, volume := range pod.Spec.Volumes {
		if volume.Secret == nil || volume.Secret.Optional != nil && *volume.Secret.Optional {
			continue
		}
		key := client.ObjectKey{Namespace: pod.Namespace, Name: volume.Secret.SecretName}
		if err := d.client.Get(ctx, key, &corev1.Secret{}); err != nil {
			return fmt.Errorf("a kubelet would not start pod %s: %w", pod.Name, err)
		}
		d.screen.detail("Secret %s, which pod %s mounts, is there: a kubelet would start it now", key, pod.Name)
	}
	return nil
}

// succeed writes the status of a pod whose containers have succeeded.
func (d *demo) succeed(ctx context.Context, pod *corev1.Pod) error {
	before := pod.DeepCopy()
	now := metav1.Now()
	pod.Status.Phase, pod.Status.StartTime = corev1.PodSucceeded, &now
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image,
			State: corev1.ContainerState{
				Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now},
			},
		})
	}
	if err := d.client.Status().Patch(ctx, pod, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("write the status of pod %s: %w", pod.Name, err)
	}
	d.screen.detail("status of pod %s: Succeeded, written by the demo, although nothing ran", pod.Name)
	return nil
}

// awaitEnd waits until a Job and the sessions bound to it have ended, and the Secrets are gone.
func (d *demo) awaitEnd(ctx context.Context, job identity) error {
	deadline := time.NewTimer(d.Timeout)
	defer deadline.Stop()
	bound, secrets := d.samples.boundTo(job)
	over := func() bool {
		for _, id := range bound {
			if d.board.seen[id].detail != string(pamv1alpha1.SessionCompleted) {
				return false
			}
		}
		return true
	}
	if err := d.follow(ctx, deadline.C, over); err != nil {
		return err
	}
	if err := d.awaitComplete(ctx, job); err != nil {
		return err
	}
	for _, id := range secrets {
		if err := d.awaitGone(ctx, id); err != nil {
			return err
		}
		d.screen.detail("Secret %s/%s is gone", id.namespace, id.name)
	}
	return nil
}

func (d *demo) awaitComplete(ctx context.Context, id identity) error {
	err := d.poll(ctx, func(ctx context.Context) (bool, error) {
		job := &batchv1.Job{}
		if err := d.client.Get(ctx, client.ObjectKey{Namespace: id.namespace, Name: id.name}, job); err != nil {
			return false, err
		}
		for _, c := range job.Status.Conditions {
			if c.Status == corev1.ConditionTrue && c.Type == batchv1.JobComplete {
				return true, nil
			}
			if c.Status == corev1.ConditionTrue && c.Type == batchv1.JobFailed {
				return false, errors.New(c.Message)
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("wait for Job %s: %w", id.name, err)
	}
	d.screen.detail("Job %s/%s is Complete, says the Job controller", id.namespace, id.name)
	return nil
}

func (d *demo) awaitGone(ctx context.Context, id identity) error {
	err := d.poll(ctx, func(ctx context.Context) (bool, error) {
		err := d.client.Get(ctx, client.ObjectKey{Namespace: id.namespace, Name: id.name}, &corev1.Secret{})
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("wait until Secret %s is gone: %w", id.name, err)
	}
	return nil
}

func (d *demo) poll(ctx context.Context, done wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, goneInterval, d.Timeout, true, done)
}
