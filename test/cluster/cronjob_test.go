// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	cronName = "nightly-report"
	// cronSecret is the Secret of each of its sessions, one after the other.
	cronSecret = "nightly-report-session"
)

// cronRuns are runs of the CronJob of config/samples.
type cronRuns struct {
	*scenario
}

// TestEachPodOfACronJobHasASessionOfItsOwn runs the sample three times: each pod requests its own session with its
// service account, which has the rights of the sample only. The third pod is killed. No session and no Secret is left.
func TestEachPodOfACronJobHasASessionOfItsOwn(t *testing.T) {
	r := cronRuns{newScenario(t)}
	cron := r.sample()
	r.apply(cron)
	var ids []string
	for _, name := range []string{"report-1", "report-2"} {
		r.mark()
		r.start(name)
		session := r.session(name)
		r.step("%s has the session %s", name, session.Name)
		r.awaitComplete(name)
		r.step("%s is Complete", name)
		r.expectRead(name)
		r.awaitOver(session)
		ids = append(ids, session.Status.SessionID)
	}

	cron.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Command = []string{"/consumer", "-stay", sessionMount}
	r.apply(cron)
	r.mark()
	r.start("report-3")
	session := r.session("report-3")
	pod := r.running("report-3")
	r.step("%s uses the session %s, and is killed", pod.Name, session.Name)
	r.must(r.client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
	r.awaitOver(session)
	if ids = append(ids, session.Status.SessionID); len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 3 {
		t.Errorf("the pods shared sessions: %v", ids)
	}
}

// sample is the CronJob of the sample, with what it needs in the cluster. It runs only when it is told to, and its
// containers are of the image of this test.
func (r cronRuns) sample() *batchv1.CronJob {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", "samples", "10_cronjob.yaml"))
	r.must(err)
	here := strings.NewReplacer("namespace: payments", "namespace: "+paymentsNamespace,
		"namespace: pam-system", "namespace: "+platformNamespace,
		"--connection-namespace=pam-system", "--connection-namespace="+platformNamespace,
		"nps-prod", builder.DefaultNPSConnection)
	objects, err := installation.Decode([]byte(here.Replace(string(text))))
	r.must(err)
	cron := &batchv1.CronJob{}
	for _, o := range objects {
		if o.GetKind() == "CronJob" {
			r.must(runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, cron))
			continue
		}
		r.apply(o)
	}
	cron.Spec.Suspend = new(true)
	spec := &cron.Spec.JobTemplate.Spec.Template.Spec
	if len(spec.InitContainers) != 1 || len(spec.Containers) != 1 {
		r.Fatalf("the sample has other containers: %+v", spec)
	}
	for _, container := range []*corev1.Container{&spec.InitContainers[0], &spec.Containers[0]} {
		container.Image, container.ImagePullPolicy = r.image, corev1.PullIfNotPresent
	}
	spec.InitContainers[0].Command = []string{"/kubectl-pam"}
	spec.Containers[0].Command = []string{"/consumer", sessionMount}
	return cron
}

// start starts a Job, as the schedule would.
func (r cronRuns) start(name string) {
	r.Helper()
	_, err := r.run(r.Context(), "", "create", "job", name, "--from=cronjob/"+cronName, "-n", paymentsNamespace)
	r.must(err)
}

// pod is the only pod of a Job.
func (r cronRuns) pod(g Gomega, job string) *corev1.Pod {
	var pods corev1.PodList
	ofJob := client.MatchingLabels{batchv1.JobNameLabel: job}
	g.Expect(r.client.List(r.Context(), &pods, client.InNamespace(paymentsNamespace), ofJob)).To(Succeed())
	g.Expect(pods.Items).To(HaveLen(1))
	return &pods.Items[0]
}

// session is what the pod of a Job has requested, once it can be used or could.
func (r cronRuns) session(job string) (session *pamv1alpha1.ActivitySession) {
	r.Helper()
	r.eventually(func(g Gomega) {
		pod := r.pod(g, job)
		var all pamv1alpha1.ActivitySessionList
		g.Expect(r.client.List(r.Context(), &all, client.InNamespace(paymentsNamespace))).To(Succeed())
		i := slices.IndexFunc(all.Items, func(s pamv1alpha1.ActivitySession) bool {
			return s.Spec.BoundTo != nil && s.Spec.BoundTo.Kind == "Pod" && s.Spec.BoundTo.Name == pod.Name
		})
		g.Expect(i).To(BeNumerically(">=", 0), "no session is bound to %s", pod.Name)
		session = &all.Items[i]
		g.Expect(session.Status.StartTime).NotTo(BeNil(), "%+v", session.Status.Conditions)
	})
	if got, want := session.Spec.RequestedBy, "system:serviceaccount:"+paymentsNamespace+":"+cronName; got != want {
		r.Errorf("it was requested by %s, want %s", got, want)
	}
	return session
}

// running is the pod of a Job, once its container runs.
func (r cronRuns) running(job string) (pod *corev1.Pod) {
	r.Helper()
	r.eventually(func(g Gomega) {
		pod = r.pod(g, job)
		g.Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
		g.Expect(pod.Status.ContainerStatuses).To(HaveLen(1))
		g.Expect(pod.Status.ContainerStatuses[0].State.Running).NotTo(BeNil())
	})
	return pod
}

func (r cronRuns) awaitComplete(job string) {
	r.Helper()
	o := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: paymentsNamespace, Name: job}}
	r.eventually(func(g Gomega) {
		g.Expect(r.get(r.Context(), o)).To(Succeed())
		for _, c := range o.Status.Conditions {
			if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
				StopTrying("the Job failed: " + c.Message).Now()
			}
		}
		g.Expect(o.Status.CompletionTime).NotTo(BeNil())
	})
}

// expectRead checks what the container found in the volume.
func (r cronRuns) expectRead(job string) {
	r.Helper()
	log, err := r.run(r.Context(), "", "logs", "-n", paymentsNamespace, "job/"+job, "-c", "report")
	r.must(err)
	var found map[string]struct{ Size int }
	if err := json.Unmarshal([]byte(log), &found); err != nil {
		r.Fatalf("%v: %s", err, log)
	}
	if found["ssh_config"].Size == 0 {
		r.Errorf("the pod found no ssh_config: %s", log)
	}
}

// awaitOver waits until a session is over at the server, and its Secret is gone.
func (r cronRuns) awaitOver(s *pamv1alpha1.ActivitySession) {
	r.Helper()
	r.eventually(func(g Gomega) {
		var atServer struct{ Status string }
		path := "/nps/sessions/" + s.Status.SessionID
		g.Expect(r.simulator.request(r.Context(), http.MethodGet, path, nil, &atServer)).To(Succeed())
		g.Expect(atServer.Status).To(BeElementOf("Complete", "Cancelled"))
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: paymentsNamespace, Name: cronSecret}}
		g.Expect(apierrors.IsNotFound(r.get(r.Context(), secret))).To(BeTrue(), "the Secret is still there")
	})
	r.step("the session %s is over, and its Secret is gone", s.Name)
}
