// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// limitedSessions is the session limit of the connection, and wantedSessions how many are requested.
	limitedSessions = 2
	wantedSessions  = 6
	limitBeds       = 4
)

// limitKills are the steps at which the manager is killed while sessions are requested: the writes of one counted
// session, and the requests of all.
var limitKills = []struct {
	at    moment
	after bool
}{
	{moment{"API PATCH activitysessions", 1}, true},
	{moment{"API PATCH activitysessions.status", 1}, false}, {moment{"API PATCH activitysessions.status", 1}, true},
	{moment{"API PATCH activitysessions.status", 2}, false}, {moment{"API PATCH activitysessions.status", 2}, true},
	{moment{"API PATCH activitysessions.status", 3}, true},
	{createCall, false}, {createCall, true},
	{moment{createCall.class, 2}, false}, {moment{createCall.class, 2}, true},
	{moment{createCall.class, 3}, false}, {moment{createCall.class, 3}, true},
	{moment{"NPS DELETE ActivitySession.ID", 1}, false}, {moment{"NPS DELETE ActivitySession.ID", 1}, true},
	{moment{"NPS DELETE ActivitySession.ID", 2}, true},
}

// TestNoMoreSessionsThanTheLimitWhereverTheManagerIsKilled requests more sessions than a connection may have, ends each
// when it is active, and kills the manager at one step. At no time are more sessions live at the server than allowed,
// and in the end none is.
func TestNoMoreSessionsThanTheLimitWhereverTheManagerIsKilled(t *testing.T) {
	t.Parallel() // mostly waiting
	c := theCluster(t)
	todo := make(chan int, len(limitKills))
	for i := range limitKills {
		todo <- i
	}
	close(todo)
	var running sync.WaitGroup
	for range limitBeds {
		bed := newSessionBed(t, c)
		bed.manager.arguments = []string{shortWindow}
		bed.manager.start(t)
		running.Go(func() {
			for i := range todo {
				kill := limitKills[i]
				t.Run(strings.ReplaceAll(fmt.Sprintf("%s/after=%t", kill.at, kill.after), " ", "_"), func(t *testing.T) {
					bed.tryLimit(t, kill.at, kill.after)
				})
			}
			bed.manager.stop(t)
		})
	}
	running.Wait()
}

func (b *sessionBed) tryLimit(t *testing.T, at moment, after bool) {
	t.Helper()
	s := b.newTrial(t, courses[0])
	var most atomic.Int32
	watch := func(moment) { most.Store(max(most.Load(), int32(len(s.live())))) } //nolint:gosec // a few
	strike := &strike{moment: at, after: after, over: make(chan struct{}), act: func() bool {
		b.kill(t)
		return false
	}}
	s.nps.reset(nil, watch)
	s.connect()
	s.limit()
	if at.isCall() {
		s.nps.reset(strike, watch)
	} else {
		b.api.reset(strike, nil)
	}
	for i := range wantedSessions {
		s.create(s.limited(i))
	}
	s.eventually(func(g Gomega) {
		list := &pamv1alpha1.ActivitySessionList{}
		g.Expect(b.cluster.client.List(s.Context(), list, client.InNamespace(b.namespace))).To(Succeed())
		for i := range list.Items {
			if o := &list.Items[i]; o.Status.Phase == pamv1alpha1.SessionActive && o.DeletionTimestamp.IsZero() {
				g.Expect(client.IgnoreNotFound(b.cluster.client.Delete(s.Context(), o))).To(Succeed())
			}
		}
		g.Expect(list.Items).To(BeEmpty())
	})
	if !s.nps.disarm() && !b.api.disarm() {
		t.Error("the kill did not happen")
	}
	if got := most.Load(); got > limitedSessions {
		t.Errorf("%d sessions were live at the same time, want at most %d", got, limitedSessions)
	}
	if live := s.live(); len(live) > 0 {
		t.Errorf("the objects are gone, but the server still has %v", live)
	}
}

// limit limits the sessions of the connection, and waits until that has taken effect.
func (s *sessionTrial) limit() {
	s.Helper()
	conn := builder.NPSConnection(s.name, builder.InNamespace(s.bed.namespace))
	s.eventually(func(g Gomega) {
		s.get(g, conn)
		conn.Spec.Limits.ActiveSessions = new(int32(limitedSessions))
		g.Expect(s.bed.cluster.client.Update(s.Context(), conn)).To(Succeed())
	})
	s.eventually(func(g Gomega) {
		s.get(g, conn)
		g.Expect(readyReason(conn.Status.Conditions)).To(Equal("True Synced"))
		g.Expect(conn.Status.ObservedGeneration).To(HaveValue(Equal(conn.Generation)))
	})
}

// limited is one of the objects; the first has the name whose writes the tap counts.
func (s *sessionTrial) limited(i int) *pamv1alpha1.ActivitySession {
	name := s.name
	if i > 0 {
		name = fmt.Sprintf("%s-further-%d", s.name, i)
	}
	return builder.ActivitySession(name, builder.Connection(s.name, ""), builder.InNamespace(s.bed.namespace),
		builder.RequestedBy(controlplane.Admin))
}
