// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// many is a connection that takes this many sessions, and looks at those that may stay as they are at this interval.
func many(active time.Duration) builder.Option {
	return builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Limits.ActiveSessions = new(int32(1000))
		c.Spec.Polling.Active = &metav1.Duration{Duration: active}
	})
}

// versions are the resource versions of all sessions of a site.
func (s *site) versions(ctx context.Context) map[string]string {
	GinkgoHelper()
	list, out := &pamv1alpha1.ActivitySessionList{}, map[string]string{}
	Expect(k8s.List(ctx, list, client.InNamespace(s.namespace))).To(Succeed())
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	return out
}

// activeLists is how often a page of the list of active sessions was asked for.
func (s *site) activeLists() int { return s.nps.Faults().Count("GET", "MySummaryByStatus/Active") }

var _ = Describe("The poller of a connection", func() {
	It("looks at 300 sessions by lists alone, and wakes nobody whose session stays as it is", func(ctx context.Context) {
		const sessions = 300
		s := newServerSite(ctx, simnps.Options{}, many(time.Second))
		for i := range sessions {
			s.session(ctx, fmt.Sprintf("session-%03d", i))
		}
		Eventually(func() int {
			list := &pamv1alpha1.ActivitySessionList{}
			Expect(k8s.List(ctx, list, client.InNamespace(s.namespace),
				client.MatchingFields{"status.phase": string(pamv1alpha1.SessionActive)})).To(Succeed())
			return len(list.Items)
		}).WithTimeout(4 * patience).Should(Equal(sessions))
		one := builder.ActivitySession("session-000", builder.InNamespace(s.namespace))
		eventuallyReady(ctx, one)

		before := s.versions(ctx)
		s.nps.Faults().ResetCalls()
		Eventually(s.activeLists).Should(BeNumerically(">=", 12), "four rounds of three pages")
		rounds := s.activeLists() / 3 // how many there are in an interval is tested in package sessions, in virtual time
		Expect(s.nps.Faults().Count("GET", "/ActivitySession/[-0-9a-f]+$")).To(BeZero(), "a session was read by its id")
		Expect(len(s.nps.Faults().Calls())).To(BeNumerically("<=", 6*(rounds+1)+1),
			"more than a call for each page of the four lists, and one for the version")
		Expect(s.versions(ctx)).To(Equal(before), "a session was written although nothing has changed")

		Expect(s.nps.End(one.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, one, pamv1alpha1.SessionCancelled)
	})

	It("reads sessions by their ids while the server refuses its lists", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.nps.SetSwitches(func(sw *simnps.Switches) { sw.ListRefusedStatus = 403 })
		Expect(s.nps.End(session.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		another := s.activeSession(ctx, "another")
		s.nps.SetSwitches(func(sw *simnps.Switches) { sw.ListRefusedStatus = 0 })
		lists := s.activeLists()
		Eventually(s.activeLists).Should(BeNumerically(">", lists+25), "it uses the list again")
		Expect(phase(ctx, another)()).To(Equal(pamv1alpha1.SessionActive))
	})

	DescribeTable("sees the end of a session although its lists are of no use",
		func(ctx context.Context, rule fault.Rule) {
			s := newServerSite(ctx, simnps.Options{})
			session := s.activeSession(ctx, "session")
			rule.Name, rule.Path = "lists", "MySummaryByStatus"
			s.fault(rule)
			Expect(s.nps.End(session.Status.SessionID)).To(Succeed())
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		},
		Entry("because a page of the front end comes instead", fault.Rule{Status: 200, Body: "<html>sorry</html>"}),
		Entry("because the server does not have them", fault.Rule{Status: 404}),
		Entry("because they fail again and again", fault.Rule{Status: 500}),
		Entry("because they are empty", fault.Rule{Status: 200, Body: `{"data":null,"recordsTotal":0}`}),
	)

	It("asks for nothing when the last session is over", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		lists := s.nps.Stats().Lists
		Consistently(func() int { return s.nps.Stats().Lists }).Should(BeNumerically("<=", lists+4),
			"a round may have been in flight")
	})
})
