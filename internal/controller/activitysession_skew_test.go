// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// skewed is a server whose clock is so far ahead, and which ends sessions after this time.
func skewed(ahead, length time.Duration) simnps.Options {
	o := brief(length)
	o.Policies[0].Profile = simnps.Profile{
		MaxSessionLength: length, AllowExtension: true, ExtensionMinutes: 30, ExtensionCount: 2,
	}
	o.Switches.ClockSkew = simnps.Duration(ahead)
	return o
}

// recorded are the recorded calls of a method whose path ends so.
func (s *site) recorded(method, end string) (out []fault.Call) {
	for _, c := range s.nps.Faults().Calls() {
		if c.Method == method && len(c.Path) >= len(end) && c.Path[len(c.Path)-len(end):] == end {
			out = append(out, c)
		}
	}
	return out
}

var _ = Describe("An ActivitySession at a server whose clock is not ours", func() {
	skews := func(body func(ctx context.Context, ahead time.Duration)) {
		GinkgoHelper()
		for _, ahead := range []time.Duration{-2 * time.Hour, -400 * time.Second, 0, 400 * time.Second, 2 * time.Hour} {
			It(fmt.Sprintf("but %s ahead", ahead), func(ctx context.Context) { body(ctx, ahead) })
		}
	}

	Describe("is prolonged in its last five minutes, once, and looked at at the pace of sessions that stay,", func() {
		skews(func(ctx context.Context, ahead time.Duration) {
			s := newServerSite(ctx, skewed(ahead, 5*time.Minute+2*time.Second), builder.With(func(c *pamv1alpha1.NPSConnection) {
				c.Spec.Polling.Active = &metav1.Duration{Duration: 500 * time.Millisecond}
			}))
			s.pod(ctx)
			session := s.activeSession(ctx, "session", boundToPod(), automatic())
			end := s.atServer(session).End.Add(-ahead) // by our clock
			Eventually(func() int { return s.nps.Stats().Extends }).Should(Equal(1))
			prolonged := s.recorded("POST", "/Extend")
			Expect(prolonged).To(HaveLen(1))
			Expect(end.Sub(prolonged[0].Time)).To(SatisfyAll( // a busy machine may be late, but none may be early
				BeNumerically("<=", 5*time.Minute+time.Second), BeNumerically(">", 4*time.Minute+40*time.Second)))
			Expect(session.Status.ExpiresAt.Time).To(BeTemporally("~", end.Add(ahead), time.Second), "it is the server's")

			eventuallyReady(ctx, session)
			s.nps.Faults().ResetCalls()
			Consistently(func() int { return s.nps.Stats().Extends }, "3s").Should(Equal(1))
			// Every round reads all lists at that pace; the faster one would be ten times as many.
			Expect(s.activeLists()).To(BeNumerically("~", 6, 3))
		})
	})

	Describe("keeps its Secret through an outage, until its true end,", func() {
		skews(func(ctx context.Context, ahead time.Duration) {
			s := newServerSite(ctx, skewed(ahead, 6*time.Second))
			session := s.activeSession(ctx, "session")
			end := s.atServer(session).End.Add(-ahead)
			s.down()
			eventuallyCutOff(ctx, session)
			Expect(secretOf(ctx, session)).NotTo(BeNil())
			Eventually(func() bool { return secretOf(ctx, session) == nil }).Should(BeTrue())
			Expect(time.Now()).To(BeTemporally("~", end, 1500*time.Millisecond))
			s.up()
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
		})
	})

	Describe("begins when it was asked for, and has its startTimeout from then on,", func() {
		skews(func(ctx context.Context, ahead time.Duration) {
			server := stuck()
			server.Switches.ClockSkew = simnps.Duration(ahead)
			s := newServerSite(ctx, server)
			start := time.Now().Add(time.Hour).Truncate(time.Second)
			scheduled := s.session(ctx, "scheduled", startingAt(start), startTimeout(time.Minute))
			at := s.session(ctx, "at-once", startTimeout(2*time.Second))
			eventuallyPhase(ctx, scheduled, pamv1alpha1.SessionScheduled)
			Expect(s.atServer(scheduled).Start).To(BeTemporally("~", start.Add(ahead), 2*time.Second))
			Expect(scheduled.Status.Deadline.Time).To(BeTemporally("~", start.Add(time.Minute), 3*time.Second))
			eventuallyPhase(ctx, at, pamv1alpha1.SessionEnding)
			Expect(at.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureStartTimeout))
			Expect(s.nps.SetStatus(at.Status.SessionID, simnps.Complete)).To(Succeed())
			eventuallyPhase(ctx, at, pamv1alpha1.SessionFailed)
		})
	})

	Describe("is deleted so long after its end as its author wants,", func() {
		skews(func(ctx context.Context, ahead time.Duration) {
			s := newServerSite(ctx, skewed(ahead, time.Hour))
			session := s.activeSession(ctx, "session", builder.With(func(o *pamv1alpha1.ActivitySession) {
				o.Spec.TTLSecondsAfterFinished = new(int32(4))
			}))
			Expect(s.nps.End(session.Status.SessionID)).To(Succeed())
			over := time.Now()
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
			eventuallyGone(ctx, session)
			Expect(time.Since(over)).To(BeNumerically("~", 4*time.Second, 2*time.Second))
		})
	})

	It("whose offset is told by its connection", func(ctx context.Context) {
		s := newServerSite(ctx, skewed(-2*time.Hour, time.Hour))
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		eventuallyReady(ctx, conn)
		Expect(conn.Status.ClockOffset).NotTo(BeNil())
		Expect(conn.Status.ClockOffset.Duration).To(BeNumerically("~", -2*time.Hour, 3*time.Second))
	})
})
