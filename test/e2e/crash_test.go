// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"math/bits"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const (
	policyCount = 300
	// writesBeforeKill is how many policies are in the transaction that the first kill leaves open.
	writesBeforeKill = 20
	otherAdmin       = "alice"
)

// poisoned are the policies that the appliance refuses at the commit, each with its own message.
var poisoned = map[string]string{
	"policy-117": "The target overlaps with the network of the cluster",
	"policy-250": "The port is reserved for the appliance itself",
}

// TestPoliciesSurviveCrashes applies 300 policies at once, while the appliance refuses two of them, another
// administrator locks it, and the manager is killed three times: with a transaction open, during a commit, and while it
// waits for the lock.
func TestPoliciesSurviveCrashes(t *testing.T) {
	for _, version := range []string{"6.0", "7.0", "8.0"} {
		t.Run("SPS "+version, func(t *testing.T) {
			t.Parallel() // mostly waiting
			s := newCrashes(t, version)
			s.connect()
			s.killInTransaction()
			s.killInCommit()
			s.killWhileLocked()
			s.unlock()
			s.expectOutcome()
			s.expectAppliance()
			s.expectFewCommits()
			s.expectNothingIsLeft()
		})
	}
}

// connect is step 1: the connection works.
func (s *crashes) connect() {
	s.Helper()
	s.manager.start(s.T)
	s.eventually(func(g Gomega) { g.Expect(readyReason(s.connection(g).Status.Conditions)).To(Equal("True Synced")) })
	s.step("1. the connection is ready")
}

// killInTransaction is step 2: all policies come from one kubectl apply, and the manager is killed when some of them
// are in its transaction.
func (s *crashes) killInTransaction() {
	s.Helper()
	killed := newKill(s.manager)
	var before atomic.Int64 // writes before the open transaction
	s.appliance.Faults().OnRequest(func(r *http.Request) {
		if r.Method != http.MethodPost {
			return
		}
		writes := int64(s.appliance.Stats().Writes)
		switch {
		case r.URL.Path == transaction:
			before.Store(writes)
		case r.URL.Path == policiesPath && writes-before.Load() == writesBeforeKill:
			killed.now()
		}
	})
	said := s.cluster.apply(s.T, s.policies()...)
	if applied := strings.Count(said, "serverside-applied"); applied != policyCount {
		s.Errorf("%d policies were applied, want %d", applied, policyCount)
	}
	killed.await(s.T)
	s.appliance.Faults().OnRequest(nil)
	stats := s.appliance.Stats()
	if stats.OpenTransactions != 1 || stats.Writes < writesBeforeKill {
		s.Fatalf("the manager left no transaction with writes in it: %+v", stats)
	}
	s.step("2. killed with %d writes in an open transaction, held by %q", stats.Writes, stats.LockHolder)
}

// killInCommit is step 3: the next manager ends the open transaction, and is killed during a commit, which the
// appliance finishes.
func (s *crashes) killInCommit() {
	s.Helper()
	killed := newKill(s.manager)
	s.appliance.onCommit(func() bool { killed.now(); return true })
	s.manager.start(s.T)
	killed.await(s.T)
	s.appliance.onCommit(nil)
	// The other administrator comes at once, while no manager runs.
	s.appliance.LockBy(otherAdmin, simsps.ViaUI)
	for _, o := range s.created() {
		s.unanswered = append(s.unanswered, name(o))
	}
	known := 0
	for _, p := range s.list(NewWithT(s.T)) {
		if p.Status.Key != "" {
			known++
		}
	}
	if len(s.unanswered) == 0 || known >= len(s.unanswered) {
		s.Fatalf("the appliance has %d policies and the cluster knows %d: no response was lost", len(s.unanswered), known)
	}
	s.step("3. killed during a commit: the appliance has %d policies, the cluster knows the keys of %d",
		len(s.unanswered), known)
}

// killWhileLocked is step 4: the next manager finds what was created before, and the configuration locked. It reports
// that on the connection and on every waiting policy, and is killed.
func (s *crashes) killWhileLocked() {
	s.Helper()
	s.manager.start(s.T)
	s.eventually(func(g Gomega) {
		g.Expect(s.reasons(g)).To(Equal(map[string]int{
			"True Synced": len(s.unanswered), "False Locked": policyCount - len(s.unanswered),
		}))
		lock := s.connection(g).Status.Lock
		g.Expect(lock).NotTo(BeNil())
		g.Expect(lock.HeldBy).To(Equal(otherAdmin))
	})
	if err := s.manager.kill(); err != nil {
		s.Fatal(err)
	}
	if open := s.appliance.Stats().OpenTransactions; open != 0 {
		s.Errorf("%d transactions are open, although another administrator holds the lock", open)
	}
	s.step("4. killed while %d policies wait for the lock", policyCount-len(s.unanswered))
}

// unlock is step 5: the next manager meets the lock, too, and then the other administrator releases it.
func (s *crashes) unlock() {
	s.Helper()
	before := s.appliance.lockRefusals()
	s.manager.start(s.T)
	s.eventually(func(g Gomega) { g.Expect(s.appliance.lockRefusals()).To(BeNumerically(">", before)) })
	s.appliance.Unlock()
	s.step("5. unlocked while a manager waits for the lock")
}

// expectOutcome is step 6: every policy is ready, except for those that the appliance refuses; these report why.
func (s *crashes) expectOutcome() {
	s.Helper()
	s.eventually(func(g Gomega) {
		g.Expect(s.reasons(g)).To(Equal(map[string]int{
			"True Synced": policyCount - len(poisoned), "False Rejected": len(poisoned),
		}))
	})
	for _, p := range s.list(NewWithT(s.T)) {
		words, refused := poisoned[p.Name]
		ready := meta.FindStatusCondition(p.Status.Conditions, pamv1alpha1.ConditionReady)
		if refused && !strings.Contains(ready.Message, words) {
			s.Errorf("%s: %q does not quote the appliance's message %q", p.Name, ready.Message, words)
		}
	}
	s.step("6. %d policies are ready, %d are rejected", policyCount-len(poisoned), len(poisoned))
}

// expectAppliance is step 7: the appliance has what it had, and every ready policy exactly once, with the content and
// the key that the cluster shows; it received nothing but creations.
func (s *crashes) expectAppliance() {
	s.Helper()
	created := map[string][]simsps.Object{}
	for _, o := range s.created() {
		created[name(o)] = append(created[name(o)], o)
	}
	for _, p := range s.list(NewWithT(s.T)) {
		there := created[p.Name]
		delete(created, p.Name)
		if _, refused := poisoned[p.Name]; refused {
			if len(there) != 0 || p.Status.Key != "" {
				s.Errorf("%s was refused, but has the key %q, and the appliance has %v", p.Name, p.Status.Key, there)
			}
			continue
		}
		if len(there) != 1 || there[0].Key != p.Status.Key {
			s.Errorf("%s has the key %q, and the appliance has %v", p.Name, p.Status.Key, there)
			continue
		}
		network, _ := there[0].Body["network"].(map[string]any)
		if want := []any{p.Spec.Network.Targets[0]}; !cmp.Equal(network["targets"], any(want)) {
			s.Errorf("%s has the targets %v, want %v", p.Name, network["targets"], want)
		}
	}
	if len(created) > 0 {
		s.Errorf("the appliance has unexpected policies: %v", created)
	}
	after := s.appliance.state(s.T)
	after[rdpConnections] = slices.DeleteFunc(after[rdpConnections], func(o simsps.Object) bool { return ours(o) })
	if difference := cmp.Diff(s.before, after); difference != "" {
		s.Errorf("something else was changed (-before +after):\n%s", difference)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		if count := s.appliance.Faults().Count(method, "^/api/configuration"); count > 0 {
			s.Errorf("%d requests %s, although there was nothing to change or remove", count, method)
		}
	}
	s.step("7. the appliance has each of them once, and nothing else has changed")
}

// expectFewCommits is step 8. When a manager starts, all policies exist and make one batch. A batch of n with b bad
// ones costs at most 1+2*b*ceil(log2 n) commits, including refused ones; see package groupcommit. Of the four managers
// only the last got through its batch; two more commits are for stragglers on a busy machine, such as the policies that
// the first manager sees while kubectl is still applying. The second manager was killed at its first successful commit.
// Before that there are only refusals: those on the way down to one bad policy, that one alone, and the other one, if
// it is its neighbour.
func (s *crashes) expectFewCommits() {
	s.Helper()
	levels := bits.Len(uint(policyCount - 1)) // ceil(log2 policyCount)
	second := 1 + levels + 1 + 1
	last := 3 + 2*len(poisoned)*levels
	bound := second + last
	stats := s.appliance.Stats()
	if commits := stats.Commits + stats.CommitsRefused; commits > bound {
		s.Errorf("%d commits for %d policies, want at most %d", commits, policyCount, bound)
	}
	s.step("8. %d commits and %d refused ones, of %d allowed; %d transactions, %d writes, %d log-ins", stats.Commits,
		stats.CommitsRefused, bound, stats.TransactionsOpened, stats.Writes, stats.LogIns)
}

// expectNothingIsLeft is step 9: the manager stops, and leaves neither a transaction nor a secret.
func (s *crashes) expectNothingIsLeft() {
	s.Helper()
	s.manager.stop(s.T)
	if stats := s.appliance.Stats(); stats.OpenTransactions != 0 || stats.LockHolder != "" {
		s.Errorf("%d transactions are open, and %q holds the lock", stats.OpenTransactions, stats.LockHolder)
		return
	}
	expectNoSecret(s.T, s.manager, s.appliance.secrets(s.T))
	s.step("9. no open transaction, no lock, no leaked secret")
}
