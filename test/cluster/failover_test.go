// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	leaseName = "pam-operator.io"
	// takeover is how long there may be no leader after the leader's pod was deleted. The leader releases its Lease, so
	// the other manager need not wait 15 s for it to expire.
	takeover = 10 * time.Second
)

// TestTheOtherManagerLeadsWhenTheLeadersPodIsDeleted deletes an idle leader, and gives work to its successor.
func TestTheOtherManagerLeadsWhenTheLeadersPodIsDeleted(t *testing.T) {
	s := newScenario(t)
	s.apply(s.policy("before"))
	s.awaitSynced("before")
	first, other := s.managers()
	s.step("policy before is Synced; %s leads, %s waits", first, other)

	s.mark()
	s.deleteManager(first)
	if took := s.awaitLeader(first); took > takeover {
		t.Errorf("there was no leader for %s", took)
	}
	s.apply(s.policy("after"))
	s.awaitSynced("after")
	s.step("policy after, applied then, is Synced")
	s.expectPolicies("before", "after")
}

// TestAPolicyBecomesReadyWhenTheLeaderGoesWithATransactionOpen deletes the leader's pod in the middle of its work.
func TestAPolicyBecomesReadyWhenTheLeaderGoesWithATransactionOpen(t *testing.T) {
	s := newScenario(t)
	s.slowCommits("4s")
	first, _ := s.managers()
	s.mark()
	s.apply(s.policy("between"))
	s.eventually(func(g Gomega) { g.Expect(s.openTransactions(g)).To(Equal(1)) })
	s.step("%s has a transaction open at SPS; its pod is deleted", first)
	s.deleteManager(first)
	s.awaitLeader(first)
	s.awaitSynced("between")
	s.step("policy between is Synced")
	s.expectPolicies("between")
	s.eventually(func(g Gomega) { g.Expect(s.openTransactions(g)).To(BeZero()) })
}

// apply creates objects, and removes them after the scenario.
func (s *scenario) apply(objects ...client.Object) {
	s.Helper()
	s.must(s.cluster.apply(s.Context(), objects...))
	s.Cleanup(func() {
		ctx := context.WithoutCancel(s.Context())
		withPods := client.PropagationPolicy(metav1.DeletePropagationBackground)
		for _, o := range objects {
			if err := s.client.Delete(ctx, o, withPods); client.IgnoreNotFound(err) != nil {
				s.Error(err)
			}
		}
	})
}

func (s *scenario) policy(name string) *pamv1alpha1.RDPConnectionPolicy {
	return builder.RDPConnectionPolicy(name, builder.InNamespace(platformNamespace), builder.Port(3389))
}

func (s *scenario) awaitSynced(name string) {
	s.Helper()
	s.eventually(func(g Gomega) { g.Expect(s.synced(g, name)).To(Equal("True Synced")) })
}

// synced is the status of Ready before its reason.
func (s *scenario) synced(g Gomega, name string) string {
	policy := s.policy(name)
	g.Expect(s.get(s.Context(), policy)).To(Succeed())
	ready := meta.FindStatusCondition(policy.Status.Conditions, pamv1alpha1.ConditionReady)
	if ready == nil {
		return "none"
	}
	return string(ready.Status) + " " + ready.Reason
}

// managers waits for two ready ones, and returns the leader and the standby.
func (s *scenario) managers() (leading, waiting string) {
	s.Helper()
	s.eventually(func(g Gomega) {
		ready := s.readyManagers(g)
		g.Expect(ready).To(HaveLen(2))
		leading = s.leader(g)
		g.Expect(ready).To(ContainElement(leading))
		waiting = ready[0]
		if waiting == leading {
			waiting = ready[1]
		}
	})
	return leading, waiting
}

func (s *scenario) readyManagers(g Gomega) []string {
	var pods corev1.PodList
	g.Expect(s.client.List(s.Context(), &pods, client.InNamespace(operatorNamespace), managers)).To(Succeed())
	var names []string
	for i := range pods.Items {
		for _, c := range pods.Items[i].Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pods.Items[i].DeletionTimestamp == nil {
				names = append(names, pods.Items[i].Name)
			}
		}
	}
	return names
}

// leader returns the pod that holds the Lease; empty if there is none.
func (s *scenario) leader(g Gomega) string {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: leaseName}}
	g.Expect(s.get(s.Context(), lease)).To(Succeed())
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	pod, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	return pod
}

// awaitLeader waits until another pod than this one leads, most likely the standby.
func (s *scenario) awaitLeader(before string) time.Duration {
	s.Helper()
	var now string
	s.eventually(func(g Gomega) {
		now = s.leader(g)
		g.Expect(now).NotTo(Or(BeEmpty(), Equal(before)))
	})
	return s.step("%s leads", now)
}

// deleteManager deletes a pod as an eviction does. Its log is followed to its end, and kept.
func (s *scenario) deleteManager(pod string) {
	s.Helper()
	ctx := context.WithoutCancel(s.Context())
	ended := make(chan error, 1)
	go func() {
		log, err := s.run(ctx, "", "logs", "--follow", "-n", operatorNamespace, pod)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.logs[pod] = log
		ended <- err
	}()
	s.Cleanup(func() { s.must(<-ended) })
	s.must(s.client.Delete(s.Context(), managerPod(pod)))
}

// killManager deletes a pod and gives it a second to end, the shortest time that a kubelet knows. Its log up to then is
// kept.
func (s *scenario) killManager(pod string) {
	s.Helper()
	log, err := s.run(s.Context(), "", "logs", "-n", operatorNamespace, pod)
	s.must(err)
	s.mu.Lock()
	s.logs[pod] = log
	s.mu.Unlock()
	s.must(s.client.Delete(s.Context(), managerPod(pod), client.GracePeriodSeconds(0)))
}

func managerPod(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: name}}
}

// request sends a request to the control API of the appliances.
func (s *scenario) request(method, path string, body, into any) {
	s.Helper()
	s.must(s.simulator.request(s.Context(), method, path, body, into))
}

// slowCommits gives a scenario time to act during a commit.
func (s *scenario) slowCommits(delay string) {
	s.Helper()
	s.setCommitDelay(s.Context(), delay)
	s.Cleanup(func() { s.setCommitDelay(context.WithoutCancel(s.Context()), commitDelay) })
}

func (s *scenario) setCommitDelay(ctx context.Context, delay string) {
	s.Helper()
	s.must(s.simulator.request(ctx, http.MethodPut, "/sps/switches", map[string]any{"commitDelay": delay}, nil))
}

// openTransactions returns how many transactions are open at SPS and lock it.
func (s *scenario) openTransactions(g Gomega) int {
	var stats struct{ OpenTransactions int }
	g.Expect(s.simulator.request(s.Context(), http.MethodGet, "/sps/stats", nil, &stats)).To(Succeed())
	return stats.OpenTransactions
}

// expectPolicies asserts that each of these is on the appliance exactly once.
func (s *scenario) expectPolicies(names ...string) {
	s.Helper()
	var policies []struct{ Body struct{ Name string } }
	s.request(http.MethodGet, "/sps/objects?collection=rdp/connections", nil, &policies)
	count := map[string]int{}
	for _, p := range policies {
		count[p.Body.Name]++
	}
	for _, name := range names {
		if count[name] != 1 {
			s.Errorf("policy %s exists %d times on the appliance", name, count[name])
		}
	}
}
