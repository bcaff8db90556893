// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	sessionMount = "/session"
	// aftermath is how long session and Secret may outlive the Job.
	aftermath = 10 * time.Second
)

// jobRun is a Job with a session that is bound to it; both have the same name, and so does the Secret.
type jobRun struct {
	*scenario
	name string
	// held is the phase in which the session stays until let is called.
	held pamv1alpha1.SessionPhase
	let  func(sessionID string)
	// key is the one that depends on the protocol.
	key string
}

// TestAJobWaitsForApproval has a pod wait for an approver.
func TestAJobWaitsForApproval(t *testing.T) {
	r := &jobRun{scenario: newScenario(t), name: "approved", held: pamv1alpha1.SessionWaitingForApproval, key: "rdp"}
	r.let = func(id string) { r.request(http.MethodPost, "/nps/sessions/"+id+"/approve", nil, nil) }
	r.apply(r.session(
		builder.Activity("Activity Token for Domain Admin Access"), builder.Resource("dc1.example.com")), r.job())
	r.follow()
}

// TestAJobWaitsForTheServer has a pod wait for a server that is slow to provision a session.
func TestAJobWaitsForTheServer(t *testing.T) {
	r := &jobRun{scenario: newScenario(t), name: "provided", held: pamv1alpha1.SessionStarting, key: "ssh-url"}
	r.provisioning("1h")
	t.Cleanup(func() { r.provisioning("50ms") })
	r.let = func(id string) {
		r.request(http.MethodPost, "/nps/sessions/"+id+"/status", map[string]any{"status": "Active"}, nil)
	}
	r.apply(r.session(), r.job())
	r.follow()
}

// provisioning sets how long NPS takes for new sessions.
func (r *jobRun) provisioning(delay string) {
	r.Helper()
	ctx := context.WithoutCancel(r.Context())
	body := map[string]any{"provisioningDelay": delay}
	r.must(r.simulator.request(ctx, http.MethodPut, "/nps/switches", body, nil))
}

// follow covers everything from the waiting pod to the end of the session.
func (r *jobRun) follow() {
	r.Helper()
	id := r.awaitHeld()
	r.awaitMountRefused()
	r.expectNotStarted()

	r.mark()
	r.let(id)
	r.eventually(func(g Gomega) { g.Expect(r.get(r.Context(), r.secret())).To(Succeed()) })
	there := r.step("after that: Secret %s exists", r.name)
	r.awaitComplete()
	complete := r.step("the Job is Complete, %.2f s after the Secret existed; the kubelet tries to mount at intervals",
		(time.Since(r.began) - there).Seconds())
	r.awaitOver(id, complete)
	started, finished := r.containerTimes()
	r.step("the container ran from %s to %s", started, finished)
	r.expectRead(id)
}

func (r *jobRun) in() builder.Option { return builder.InNamespace(paymentsNamespace) }

func (r *jobRun) session(options ...builder.Option) *pamv1alpha1.ActivitySession {
	return builder.ActivitySession(r.name, append([]builder.Option{
		r.in(), builder.Connection(builder.DefaultNPSConnection, platformNamespace), builder.BoundToJob(r.name),
		builder.RequestedBy(r.user),
	}, options...)...)
}

func (r *jobRun) secret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: paymentsNamespace, Name: r.name}}
}

// job mounts the Secret, which is not optional, and shows the ID of the session.
func (r *jobRun) job() *batchv1.Job {
	job := &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Namespace: paymentsNamespace, Name: r.name},
	}
	job.Spec.BackoffLimit = new(int32(0))
	job.Spec.Template.Spec = restricted(corev1.Container{
		Name: "consumer", Image: r.image, Command: []string{"/consumer", sessionMount, "session-id"},
		VolumeMounts: []corev1.VolumeMount{{Name: "session", MountPath: sessionMount, ReadOnly: true}},
	})
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	source := &corev1.SecretVolumeSource{SecretName: r.name, DefaultMode: new(int32(0o440))}
	job.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "session", VolumeSource: corev1.VolumeSource{Secret: source}}}
	return job
}

func (r *jobRun) awaitHeld() (sessionID string) {
	r.Helper()
	session := r.session()
	r.eventually(func(g Gomega) {
		g.Expect(r.get(r.Context(), session)).To(Succeed())
		g.Expect(session.Status.Phase).To(Equal(r.held))
		g.Expect(session.Status.SessionID).NotTo(BeEmpty())
	})
	r.step("session %s is %s", r.name, r.held)
	return session.Status.SessionID
}

// pod is the only pod of the Job.
func (r *jobRun) pod(g Gomega) *corev1.Pod {
	var pods corev1.PodList
	ofJob := client.MatchingLabels{batchv1.JobNameLabel: r.name}
	g.Expect(r.client.List(r.Context(), &pods, client.InNamespace(paymentsNamespace), ofJob)).To(Succeed())
	g.Expect(pods.Items).To(HaveLen(1))
	return &pods.Items[0]
}

// awaitMountRefused waits until the kubelet reports that it cannot mount the Secret.
func (r *jobRun) awaitMountRefused() {
	r.Helper()
	var reason, message string
	r.eventually(func(g Gomega) {
		pod := r.pod(g)
		g.Expect(pod.Status.ContainerStatuses).To(HaveLen(1))
		waiting := pod.Status.ContainerStatuses[0].State.Waiting
		g.Expect(waiting).NotTo(BeNil())
		reason = waiting.Reason
		var events corev1.EventList
		g.Expect(r.client.List(r.Context(), &events, client.InNamespace(paymentsNamespace))).To(Succeed())
		i := slices.IndexFunc(events.Items, func(e corev1.Event) bool {
			return e.InvolvedObject.UID == pod.UID && e.Reason == "FailedMount"
		})
		g.Expect(i).To(BeNumerically(">=", 0))
		message = events.Items[i].Message
	})
	if reason != "ContainerCreating" || !strings.Contains(message, `secret "`+r.name+`" not found`) {
		r.Errorf("the pod waits because of %s: %s", reason, message)
	}
	r.step("the pod waits: %s, FailedMount: %s", reason, message)
}

func (r *jobRun) expectNotStarted() {
	r.Helper()
	r.eventually(func(g Gomega) {
		state := r.pod(g).Status.ContainerStatuses[0].State
		if state.Running != nil || state.Terminated != nil {
			r.Error("the container ran before the session was active")
		}
	})
	if err := r.get(r.Context(), r.secret()); !apierrors.IsNotFound(err) {
		r.Errorf("the Secret exists before the session is active: %v", err)
	}
}

func (r *jobRun) awaitComplete() {
	r.Helper()
	job := r.job()
	r.eventually(func(g Gomega) {
		g.Expect(r.get(r.Context(), job)).To(Succeed())
		for _, c := range job.Status.Conditions {
			if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
				StopTrying("the Job failed: " + c.Message).Now()
			}
		}
		g.Expect(job.Status.CompletionTime).NotTo(BeNil())
	})
}

func (r *jobRun) containerTimes() (started, finished string) {
	r.Helper()
	r.eventually(func(g Gomega) {
		statuses := r.pod(g).Status.ContainerStatuses
		g.Expect(statuses).To(HaveLen(1))
		ended := statuses[0].State.Terminated
		g.Expect(ended).NotTo(BeNil())
		g.Expect(ended.ExitCode).To(BeZero())
		started, finished = ended.StartedAt.UTC().Format(time.TimeOnly), ended.FinishedAt.UTC().Format(time.TimeOnly)
	})
	return started, finished
}

// awaitOver waits until the session is over at the server and the Secret is gone, and requires that to be soon.
func (r *jobRun) awaitOver(id string, complete time.Duration) {
	r.Helper()
	var atServer, secretGone time.Duration
	r.eventually(func(g Gomega) {
		var session struct{ Status string }
		g.Expect(r.simulator.request(r.Context(), http.MethodGet, "/nps/sessions/"+id, nil, &session)).To(Succeed())
		if atServer == 0 && slices.Contains([]string{"Complete", "Cancelled"}, session.Status) {
			atServer = r.step("the session is %s at the server", session.Status)
		}
		if secretGone == 0 && apierrors.IsNotFound(r.get(r.Context(), r.secret())) {
			secretGone = r.step("the Secret is gone")
		}
		g.Expect(atServer > 0 && secretGone > 0).To(BeTrue())
	})
	r.Logf("          after the Job was Complete the session lived %.2f s, the Secret %.2f s",
		(atServer - complete).Seconds(), (secretGone - complete).Seconds())
	if max(atServer, secretGone)-complete > aftermath {
		r.Errorf("session and Secret lived longer than %s after the Job", aftermath)
	}
	session := r.session()
	r.eventually(func(g Gomega) {
		g.Expect(r.get(r.Context(), session)).To(Succeed())
		g.Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionCompleted))
	})
	r.step("the ActivitySession is %s", session.Status.Phase)
}

// expectRead checks what the pod found in its mount.
func (r *jobRun) expectRead(id string) {
	r.Helper()
	log, err := r.run(r.Context(), "", "logs", "-n", paymentsNamespace, "job/"+r.name)
	r.must(err)
	var found map[string]struct {
		Size    int
		Content string
	}
	if err := json.Unmarshal([]byte(log), &found); err != nil {
		r.Fatalf("%v: %s", err, log)
	}
	if found["session-id"].Content != id {
		r.Errorf("the pod read the session id %q, want %q", found["session-id"].Content, id)
	}
	if found[r.key].Size == 0 {
		r.Errorf("the pod found no %s", r.key)
	}
	r.Logf("          the pod read the keys %s", strings.Join(slices.Sorted(maps.Keys(found)), ", "))
}
