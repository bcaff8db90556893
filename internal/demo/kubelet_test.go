// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

var vacuum = identity{"Job", "payments", "nightly-vacuum"}

func TestTheSamplesHaveASessionThatIsBoundToAJob(t *testing.T) {
	all := loadedSamples(t)
	if got := all.ofKind("Job"); !slices.Equal(got, []identity{vacuum}) {
		t.Fatalf("Jobs: %v", got)
	}
	sessions, secrets := all.boundTo(vacuum)
	if !slices.Equal(sessions, []identity{{"ActivitySession", "payments", "nightly-vacuum"}}) {
		t.Errorf("sessions: %v", sessions)
	}
	if !slices.Equal(secrets, []identity{{"Secret", "payments", "nightly-vacuum-session"}}) {
		t.Errorf("Secrets: %v", secrets)
	}
	if sessions, _ := all.boundTo(identity{"Job", "pam-system", vacuum.name}); len(sessions) > 0 {
		t.Errorf("bound to a Job of another namespace: %v", sessions)
	}
}

// podWith is a pod of the Job with one volume, and a demo whose API server has it and these objects.
func podWith(t *testing.T, source corev1.SecretVolumeSource, others ...client.Object) (*demo, *corev1.Pod) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: vacuum.namespace, Name: "pod", Labels: map[string]string{batchv1.JobNameLabel: vacuum.name},
	}}
	pod.Spec.Containers = []corev1.Container{{Name: "a", Image: "b"}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &source}}}
	api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(pod).WithObjects(append(others, pod)...)
	d := &demo{client: api.Build(), screen: screenAt(&strings.Builder{}, false, time.Second)}
	d.Timeout = time.Minute
	got, err := d.podOf(t.Context(), vacuum)
	if err != nil {
		t.Fatal(err)
	}
	return d, got
}

func TestThePlayedKubeletWaitsForWhatARealOneWaitsFor(t *testing.T) {
	there := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: vacuum.namespace, Name: "there"}}
	tests := map[string]struct {
		source corev1.SecretVolumeSource
		want   string
	}{
		"a Secret that is there":          {corev1.SecretVolumeSource{SecretName: "there"}, ""},
		"a Secret that is not there":      {corev1.SecretVolumeSource{SecretName: "no"}, "would not start pod pod"},
		"a Secret that need not be there": {corev1.SecretVolumeSource{SecretName: "no", Optional: new(true)}, ""},
		"a Secret that is said not to be optional": {
			corev1.SecretVolumeSource{SecretName: "no", Optional: new(false)}, "would not start pod pod",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, pod := podWith(t, tt.source, there)
			err := d.findMounts(t.Context(), pod)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestThePlayedKubeletWritesTheStatusOfThePod(t *testing.T) {
	d, pod := podWith(t, corev1.SecretVolumeSource{SecretName: "no"})
	if err := d.succeed(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	got := &corev1.Pod{}
	if err := d.client.Get(t.Context(), client.ObjectKeyFromObject(pod), got); err != nil {
		t.Fatal(err)
	}
	if got.Status.Phase != corev1.PodSucceeded || len(got.Status.ContainerStatuses) != 1 ||
		got.Status.ContainerStatuses[0].State.Terminated == nil {
		t.Errorf("status %+v", got.Status)
	}
}
