// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// lastWriterWins is what an appliance may do with commits that overlap (docs/vendors/sps.md Q2).
func lastWriterWins(w *simsps.Switches) { w.OverlappingCommit = simsps.OverlapLastWriterWins }

// at runs something right before the appliance handles the next request of a kind, once.
func (s *site) at(method, path string, do func()) {
	var done atomic.Bool
	s.sps.Faults().OnRequest(func(r *http.Request) {
		if r.Method == method && strings.Contains(r.URL.Path, path) && done.CompareAndSwap(false, true) {
			do()
		}
	})
	DeferCleanup(func() { s.sps.Faults().OnRequest(nil) })
}

// byAdministrator sets one member of a committed object, in the moment in which it is called.
func (s *site) byAdministrator(collection, key, member string, value any) {
	o, _ := s.sps.Object(collection, key)
	o.Body[member] = value
	s.sps.Put(collection, key, o.Body)
}

var limited = map[string]any{"enabled": true, "value": 7.0}

var _ = onSPS("What somebody sets while a transaction of the operator is open", []string{"7.0", "8.0"}, func() {
	for moment, request := range map[string][2]string{
		"after the transaction was opened":            {http.MethodGet, "/api/info"},
		"when the object is read for its replacement": {http.MethodGet, "/rdp/connections/"},
		"when the object is replaced":                 {http.MethodPut, "/rdp/connections/"},
		"when the transaction is verified":            {http.MethodGet, "/transaction/changes"},
	} {
		It("stays where the last writer wins: "+moment, func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{Configure: lastWriterWins})
			policy := s.policy("a", builder.Port(3390))
			s.create(ctx, policy)
			eventuallyReady(ctx, policy)
			key := policy.Status.Key
			s.at(http.MethodPost, "/api/transaction", func() { // what is asked for before proves nothing
				s.at(request[0], request[1], func() { s.byAdministrator(rdpConnections, key, "rate_limit", limited) })
			})
			change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(false) })
			eventuallyReady(ctx, policy)
			Expect(s.member(rdpConnections, key, "rate_limit")()).To(Equal(limited))
			Expect(s.member(rdpConnections, key, "active")()).To(BeFalse())
		})
	}

	It("belongs to the author of the one that replaced it under the same name", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: lastWriterWins})
		policy := s.policy("a", builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		ours := s.named(rdpConnections, "a")[0]
		s.at(http.MethodPost, "/api/transaction", func() {
			s.sps.Remove(rdpConnections, ours.Key)
			s.sps.Put(rdpConnections, "", ours.Body)
		})
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(false) })
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonAdoptionRefused)
		Expect(policy.Status.Drift).To(ConsistOf(HaveField("Path", "active")), "it says at once why")
		Expect(holds(ctx, policy, pamv1alpha1.ConditionDriftDetected)()).To(BeTrue())
		theirs := s.named(rdpConnections, "a")
		Expect(theirs).To(ConsistOf(HaveField("Body", HaveKeyWithValue("active", true))))
		Expect(theirs[0].Key).NotTo(Equal(ours.Key))
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})
})

var _ = onEverySPS("What somebody made again under the name of an object that is deleted", func() {
	for kind, in := range map[string]func(ctx context.Context, s *site) (client.Object, string){
		"a policy": func(ctx context.Context, s *site) (client.Object, string) {
			policy := s.policy("alice")
			s.create(ctx, policy)
			return policy, rdpConnections
		},
		"a user": func(ctx context.Context, s *site) (client.Object, string) { return s.alice(ctx), spsUsers },
		"a group": func(ctx context.Context, s *site) (client.Object, string) {
			group := builder.LocalUserGroup("alice", s.in("sps")...)
			s.create(ctx, group)
			return group, spsGroups
		},
	} {
		It("stays: "+kind, func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{})
			obj, collection := in(ctx, s)
			eventuallyReady(ctx, obj)
			ours := s.named(collection, "alice")[0]
			s.at(http.MethodPost, "/api/transaction", func() {
				s.sps.Remove(collection, ours.Key)
				s.sps.Put(collection, "", ours.Body)
			})
			Expect(k8s.Delete(ctx, obj)).To(Succeed())
			eventuallyGone(ctx, obj)
			left := s.named(collection, "alice")
			Expect(left).To(HaveLen(1))
			Expect(left[0].Key).NotTo(Equal(ours.Key))
		})
	}
})

var _ = onSPS("A lock that is met at the commit", []string{"7.0", "8.0"}, func() {
	for words, mute := range map[string]bool{"the holder": false, "no word of a lock": true} {
		It("is waited for, as any lock, where the answer has "+words, func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
				w.ForeignLockAt = simsps.AtCommit
				if w.LockMute = mute; mute {
					w.LockType = "Conflict"
				}
			}})
			s.sps.LockBy("alice", simsps.ViaUI)
			policy := s.policy("a")
			s.create(ctx, policy)
			eventuallyReason(ctx, policy, pamv1alpha1.ReasonLocked)
			holder := "alice"
			if mute {
				holder = ""
			}
			Eventually(func() *pamv1alpha1.ConfigurationLock { return s.connection(ctx).Status.Lock }).
				Should(HaveField("HeldBy", holder))
			s.sps.Unlock()
			eventuallyReady(ctx, policy)
			Expect(s.sps.Stats().Commits).To(Equal(1))
		})
	}
})

var _ = Describe("A commit that is refused because the configuration moves every time", func() {
	It("is repeated ever more slowly", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
			w.OverlappingCommit = simsps.OverlapRefuseAnyChange
		}})
		noise := s.sps.Put(spsGroups, "", map[string]any{"name": "noise", "members": []any{}})
		var names atomic.Int64
		s.sps.Faults().OnRequest(func(r *http.Request) {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/api/transaction") {
				s.byAdministrator(spsGroups, noise, "name", "noise-"+time.Now().String()+string(rune('a'+names.Add(1)%20)))
			}
		})
		DeferCleanup(func() { s.sps.Faults().OnRequest(nil) })
		policy := s.policy("a")
		s.create(ctx, policy)
		opened := func() int { return s.sps.Faults().Count(http.MethodPost, "/api/transaction$") }
		Eventually(opened).Should(BeNumerically(">=", 4))
		before := opened()
		Consistently(opened, 10*time.Second).Should(BeNumerically("<=", before+4))
		s.sps.Faults().OnRequest(nil)
		eventuallyReady(ctx, policy)
	})
})

var _ = Describe("An appliance that is upgraded in place", func() {
	It("gets its policies written with the members that the new version demands", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "6.0"})
		policy := s.policy("a", builder.Port(3390))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		hash := s.connection(ctx).Status.ConfigHash
		s.sps.Upgrade("8.0", func(w *simsps.Switches) {
			w.RequiredMembers, w.RemovedMembers = []string{"member_of_8"}, []string{"channel_database_cleanup"}
		})
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(false) })
		eventuallyReady(ctx, policy)
		Expect(s.connection(ctx).Status.ConfigHash).NotTo(BeEmpty())
		Expect(hash).NotTo(BeEmpty())
		Expect(told(ctx, policy)()).NotTo(ContainElement(pamv1alpha1.ReasonRejected), "it goes through at once")
		Expect(s.body(policy)).To(HaveKeyWithValue("member_of_8", map[string]any{"enabled": false}))
		Expect(s.body(policy)).NotTo(HaveKey("channel_database_cleanup"))
		Expect(s.body(policy)).To(HaveKeyWithValue("active", false))

		other := s.policy("b") // and so do those that are new
		s.create(ctx, other)
		eventuallyReady(ctx, other)
		Expect(s.body(other)).To(HaveKey("member_of_8"))
	})
})
