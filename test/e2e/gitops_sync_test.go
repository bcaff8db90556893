// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/verdict"
)

// TestASyncWaitsForTheVerdicts syncs config/argocd/waves with the hooks of config/argocd/maintenance behind them, as
// Argo CD does: wave by wave, each of which waits until the health script is content. A policy with a mistake fails the
// sync before a session is requested. The corrected one lets it get to the session, which waits for an approver. With
// -v, the test prints every verdict.
func TestASyncWaitsForTheVerdicts(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newSampleBed(t, theCluster(t), simnps.Options{Policies: []simnps.Policy{{
		Name: "Linux with approval", Activities: []string{"Linux root"}, Resources: []string{"db1.payments.example.com"},
		Profile: simnps.Profile{MaxSessionLength: time.Hour, Approval: simnps.ApprovalWorkflow},
	}}})
	argocd, err := verdict.LoadArgoCD("../../config/argocd/argocd-cm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	desired := slices.Concat(b.render("argocd/waves"), b.read("argocd/maintenance/session.yaml"))
	policy := find(desired, "RDPConnectionPolicy", "rdp-demo")
	right, _, _ := unstructured.NestedString(policy.Object, "spec", "indexing", "policy", "key")

	t.Log("rdp-demo refers to an indexing policy that does not exist")
	b.set(policy, "-59999", "spec", "indexing", "policy", "key")
	refused := newOperation(b, argocd, desired)
	if failed := refused.run(nil); !strings.Contains(failed, "RDPConnectionPolicy rdp-demo is Degraded") {
		t.Fatalf("the sync with a mistake: %q", failed)
	}
	if sessions := b.nps.Sessions(); len(sessions) != 0 {
		t.Errorf("the server was asked for %d sessions before the policies were in order", len(sessions))
	}

	t.Log("rdp-demo is corrected in Git")
	b.set(policy, right, "spec", "indexing", "policy", "key")
	corrected := newOperation(b, argocd, desired)
	var approved, ran bool
	failed := corrected.run(func() {
		approved = approved || corrected.approve()
		ran = ran || approved && corrected.finishPod()
	})
	if failed != "" || !approved || !ran {
		t.Fatalf("the corrected sync: %q, approved %t, pod ran %t", failed, approved, ran)
	}
	corrected.noHookIsLeft()
	if sessions := b.nps.Sessions(); len(sessions) != 1 || sessions[0].Ended.IsZero() {
		t.Errorf("the server has %+v, want one session that is over", sessions)
	}
	b.manager.stop(t)
}

func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	return objects[slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == kind && o.GetName() == name
	})]
}

// operation is a sync by Argo CD.
type operation struct {
	*sampleBed

	argocd verdict.ArgoCD
	waves  map[int][]*unstructured.Unstructured
	hooks  []*unstructured.Unstructured // as created
	// said is the latest verdict on each object, to print only changes.
	said map[string]string
}

func newOperation(b *sampleBed, argocd verdict.ArgoCD, desired []*unstructured.Unstructured) *operation {
	s := &operation{sampleBed: b, argocd: argocd, waves: map[int][]*unstructured.Unstructured{}, said: map[string]string{}}
	for _, o := range desired {
		wave, _ := strconv.Atoi(o.GetAnnotations()["argocd.argoproj.io/sync-wave"])
		if isHook(o) {
			wave = 2
		}
		s.waves[wave] = append(s.waves[wave], o)
	}
	return s
}

func isHook(o *unstructured.Unstructured) bool {
	return o.GetAnnotations()["argocd.argoproj.io/hook"] != ""
}

// run syncs wave by wave, and returns why the operation failed. While a wave is awaited, it lets others act.
func (s *operation) run(meanwhile func()) (failed string) {
	s.Helper()
	for _, wave := range slices.Sorted(maps.Keys(s.waves)) {
		var tasks []*unstructured.Unstructured
		for _, o := range s.waves[wave] {
			tasks = append(tasks, s.task(o))
		}
		s.Logf("wave %d: %d objects applied", wave, len(tasks))
		s.eventually(func(g Gomega) {
			failed = ""
			if meanwhile != nil {
				meanwhile()
			}
			running := 0
			for _, o := range tasks {
				switch health := s.health(g, o); health.Status {
				case verdict.Healthy:
				case verdict.Degraded, verdict.Unknown:
					failed = cmp.Or(failed, fmt.Sprintf("%s %s is %s", o.GetKind(), o.GetName(), health.Status))
				default:
					running++
				}
			}
			g.Expect(running).To(BeZero(), "objects of wave %d are not there yet", wave)
		})
		if failed != "" {
			s.Logf("wave %d: the operation has failed: %s", wave, failed)
			s.deleteHooks()
			return failed
		}
	}
	s.Log("the operation has succeeded")
	s.deleteHooks()
	return ""
}

// task applies an object, and returns what it then is called.
func (s *operation) task(o *unstructured.Unstructured) *unstructured.Unstructured {
	s.Helper()
	if isHook(o) && o.GetName() == "" {
		o = o.DeepCopy()
		o.SetName(o.GetGenerateName() + "5a19213-sync-1780000000") // the revision, the phase, the time
		o.SetGenerateName("")
	}
	applied, err := s.apply(o, argocdManager)
	if err != nil {
		s.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
	}
	if isHook(o) {
		s.hooks = append(s.hooks, applied)
	}
	return applied
}

// health is the verdict on an object, and prints it if it is new.
func (s *operation) health(g Gomega, o *unstructured.Unstructured) verdict.Health {
	live, err := s.live(o)
	g.Expect(err).NotTo(HaveOccurred())
	health, err := s.argocd.Health(s.Context(), live)
	g.Expect(err).NotTo(HaveOccurred())
	if o.GetKind() == "Job" {
		health = jobHealth(g, live)
	}
	id, text := o.GetKind()+" "+o.GetName(), fmt.Sprintf("%-11s %s", health.Status, health.Message)
	if isOurs(o) || o.GetKind() == "Job" {
		if s.said[id] != text {
			s.Logf("  %-42s %s", id, text)
		}
		s.said[id] = text
	}
	return health
}

// jobHealth is what Argo CD itself knows about Jobs.
func jobHealth(g Gomega, live *unstructured.Unstructured) verdict.Health {
	conditions, _, err := unstructured.NestedSlice(live.Object, "status", "conditions")
	g.Expect(err).NotTo(HaveOccurred())
	for _, each := range conditions {
		condition, _ := each.(map[string]any)
		switch condition["type"] {
		case string(batchv1.JobComplete):
			return verdict.Health{Status: verdict.Healthy}
		case string(batchv1.JobFailed):
			return verdict.Health{Status: verdict.Degraded}
		}
	}
	return verdict.Health{Status: verdict.Progressing}
}

// approve approves the session at the server once it has waited for that, and reports whether it has.
func (s *operation) approve() bool {
	for id, verdict := range s.said {
		if strings.HasPrefix(id, "ActivitySession ") && strings.HasPrefix(verdict, "Suspended ") {
			for _, session := range s.nps.Sessions() {
				s.Log("an approver approves the session")
				return s.nps.Approve(session.ID) == nil
			}
		}
	}
	return false
}

// finishPod does what a kubelet would: it starts the pod of the Job once the Secret is there, and the pod succeeds.
func (s *operation) finishPod() bool {
	c := s.cluster.client
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespaces["payments"], Name: "vacuum-session"}}
	pods := &corev1.PodList{}
	ofJob := client.MatchingLabels{batchv1.JobNameLabel: "vacuum"}
	if c.Get(s.Context(), client.ObjectKeyFromObject(secret), secret) != nil ||
		c.List(s.Context(), pods, client.InNamespace(secret.Namespace), ofJob) != nil || len(pods.Items) == 0 {
		return false
	}
	pod := &pods.Items[0]
	before := pod.DeepCopy()
	pod.Status.Phase, pod.Status.StartTime = corev1.PodSucceeded, ptr.To(metav1.Now())
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image,
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}},
		})
	}
	s.Log("the Secret is there; the pod of the Job runs, and succeeds")
	return c.Status().Patch(s.Context(), pod, client.MergeFrom(before)) == nil
}

// deleteHooks deletes what the policy HookSucceeded,HookFailed deletes at the end.
func (s *operation) deleteHooks() {
	s.Helper()
	for _, o := range s.hooks {
		background := client.PropagationPolicy(metav1.DeletePropagationBackground)
		if err := s.cluster.client.Delete(s.Context(), o.DeepCopy(), background); client.IgnoreNotFound(err) != nil {
			s.Error(err)
		}
	}
}

// noHookIsLeft waits until the session, the Job and the Secret are gone.
func (s *operation) noHookIsLeft() {
	s.Helper()
	secret := &unstructured.Unstructured{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	secret.SetNamespace(s.namespaces["payments"])
	secret.SetName("vacuum-session")
	for _, o := range append(slices.Clone(s.hooks), secret) {
		s.eventually(func(g Gomega) {
			_, err := s.live(o)
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%s %s: %v", o.GetKind(), o.GetName(), err)
		})
	}
}
