// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// fate is a state that a server shows, and what the phase is then: of a session that was starting, and of one that was
// active.
type fate struct {
	state            any
	starting, active pamv1alpha1.SessionPhase
}

// fates are all states that NPS has (docs/vendors/nps.md 6.1), and some that it does not have.
var fates = []fate{
	{simnps.ApprovalRequired, pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive}, // no phase goes backwards
	{simnps.Pending, pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive},
	{simnps.Active, pamv1alpha1.SessionActive, pamv1alpha1.SessionActive},
	{simnps.Cancelling, pamv1alpha1.SessionEnding, pamv1alpha1.SessionEnding},
	{simnps.Complete, pamv1alpha1.SessionCompleted, pamv1alpha1.SessionCompleted},
	{simnps.Failed, pamv1alpha1.SessionFailed, pamv1alpha1.SessionFailed},
	{simnps.Cancelled, pamv1alpha1.SessionCancelled, pamv1alpha1.SessionCancelled},
	{simnps.ApprovalDenied, pamv1alpha1.SessionDenied, pamv1alpha1.SessionDenied},
	{simnps.ApprovalFailed, pamv1alpha1.SessionFailed, pamv1alpha1.SessionFailed},
	{42, pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive},
	{-7, pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive},
	{"Dreaming", pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive},
}

// meets brings a session into a state of the server, and waits until it was seen.
func (f fate) meets(ctx context.Context, s *site, session *pamv1alpha1.ActivitySession, want pamv1alpha1.SessionPhase) {
	GinkgoHelper()
	Expect(s.nps.SetStatus(session.Status.SessionID, f.state)).To(Succeed())
	Eventually(func(g Gomega) {
		g.Expect(phase(ctx, session)()).To(Equal(want))
		g.Expect(session.Status.ServerStatus).To(Equal(fmt.Sprint(f.state)))
	}).Should(Succeed(), "%v: %s", f.state, describe(session))
	Expect(checkSession(session)).To(Succeed())
	if want != pamv1alpha1.SessionActive {
		Expect(secretOf(ctx, session)).To(BeNil())
	}
}

// listed waits until the list of active sessions was read once more, from its beginning.
func (s *site) listed() {
	GinkgoHelper()
	s.nps.Faults().ResetCalls()
	Eventually(func() int { return s.nps.Faults().Count(http.MethodGet, "/MySummaryByStatus/Active$") }).
		Should(BeNumerically(">", 1))
}

var _ = Describe("An ActivitySession meets every state of a server", func() {
	DescribeTable("whichever way it is written, and whatever was left out",
		func(ctx context.Context, names bool) {
			server := stuck()
			server.Switches.StatusNames = names
			s := newServerSite(ctx, server)
			for i, f := range fates {
				starting := s.session(ctx, fmt.Sprintf("starting-%d", i))
				active := s.session(ctx, fmt.Sprintf("active-%d", i))
				for _, session := range []*pamv1alpha1.ActivitySession{starting, active} {
					eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
				}
				Expect(s.nps.SetStatus(active.Status.SessionID, simnps.Active)).To(Succeed())
				eventuallyReady(ctx, active)
				s.listed() // else a list that says Pending is taken for one that lags
				f.meets(ctx, s, starting, f.starting)
				f.meets(ctx, s, active, f.active)
			}
		},
		Entry("as integers", false),
		Entry("as names", true),
	)

	It("by a clock that is a day behind ours, or ahead of it", func(ctx context.Context) {
		for _, skew := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
			s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour, Switches: simnps.Switches{
				SignInSwitches: simnps.SignInSwitches{ClockSkew: simnps.Duration(skew)},
			}})
			session := s.session(ctx, "session", builder.Duration(time.Hour))
			eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting) // and not Scheduled
			there := s.atServer(session)
			Expect(there.End.Sub(there.Start)).To(BeNumerically("~", time.Hour, 5*time.Second))
			Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
			eventuallyReady(ctx, session)
			s.lookAgain(ctx, session)
			Expect(phase(ctx, session)()).To(Equal(pamv1alpha1.SessionActive), "its time is not over at the server")
			cancel(ctx, session)
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		}
	})
})

var _ = Describe("The end of an active ActivitySession", func() {
	// everySecond is a connection whose lists come so seldom that they can be told apart.
	everySecond := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling = &pamv1alpha1.NPSPolling{
			Starting: &metav1.Duration{Duration: time.Second}, Active: &metav1.Duration{Duration: time.Second},
		}
	})
	DescribeTable("takes the Secret away in the round that shows it",
		func(ctx context.Context, end func(s *site, id string) error) {
			s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{
				CreateSwitches: simnps.CreateSwitches{EndingDelay: simnps.Duration(time.Hour)},
			}}, everySecond)
			session := s.activeSession(ctx, "session")
			s.nps.Faults().ResetCalls()
			Expect(end(s, session.Status.SessionID)).To(Succeed())
			Eventually(func() *corev1.Secret { return secretOf(ctx, session) }).Should(BeNil())
			// One round may have begun before, and one may begin before this is seen.
			Expect(s.nps.Faults().Count(http.MethodGet, "/MySummaryByStatus/Active$")).To(BeNumerically("<=", 3))
		},
		Entry("by an administrator", func(s *site, id string) error { return s.nps.End(id) }),
		Entry("by a fault", func(s *site, id string) error { return s.nps.Fail(id, "the host is gone") }),
		Entry("at once", func(s *site, id string) error { return s.nps.SetStatus(id, simnps.Complete) }),
		Entry("without a trace", func(s *site, id string) error { return s.nps.Purge(id) }),
	)
})

var _ = Describe("A workload that is over ends its ActivitySession within ten seconds", func() {
	// seldom is a connection that looks at active sessions so seldom that it cannot be what notices.
	seldom := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling.Active = &metav1.Duration{Duration: time.Hour}
	})
	soonOver := func(ctx context.Context, s *site, session *pamv1alpha1.ActivitySession) {
		GinkgoHelper()
		Eventually(func() string { return s.atServer(session).Status }).WithTimeout(10 * time.Second).
			Should(BeElementOf(ended))
		Eventually(func() *corev1.Secret { return secretOf(ctx, session) }).Should(BeNil())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
	}
	DescribeTable("be it a Job",
		func(ctx context.Context, end func(ctx context.Context, job *batchv1.Job)) {
			s := newServerSite(ctx, simnps.Options{}, seldom)
			job := s.job(ctx)
			session := s.activeSession(ctx, "session", builder.BoundToJob(workload))
			end(ctx, job)
			soonOver(ctx, s, session)
		},
		Entry("that has finished", func(ctx context.Context, job *batchv1.Job) { finishJob(ctx, job, corev1.PodSucceeded) }),
		Entry("that has failed", func(ctx context.Context, job *batchv1.Job) { finishJob(ctx, job, corev1.PodFailed) }),
		Entry("that is deleted", func(ctx context.Context, job *batchv1.Job) {
			Expect(k8s.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
		}),
	)
	DescribeTable("be it a Pod",
		func(ctx context.Context, end func(ctx context.Context, pod *corev1.Pod)) {
			s := newServerSite(ctx, simnps.Options{}, seldom)
			pod := s.pod(ctx)
			session := s.activeSession(ctx, "session", boundToPod())
			end(ctx, pod)
			soonOver(ctx, s, session)
		},
		Entry("that has finished", func(ctx context.Context, pod *corev1.Pod) { finish(ctx, pod, corev1.PodSucceeded) }),
		Entry("that is deleted", func(ctx context.Context, pod *corev1.Pod) {
			Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
		}),
	)
})

var _ = Describe("The failure of an ActivitySession", func() {
	It("has the last twenty lines of the log, shortened, and no secret of them", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		long := strings.Repeat("no route to host; ", 100) + simnps.DefaultPassword
		Expect(s.nps.Fail(session.Status.SessionID, simnps.DefaultPassword+" was refused; "+long)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		f := session.Status.Failure
		Expect(f.Message).To(ContainSubstring("[redacted] was refused"))
		Expect(f.Log).To(ContainElement(ContainSubstring("[redacted] was refused")))
		Expect(len(f.Log)).To(BeNumerically("<=", 20))
		for _, line := range append(f.Log, f.Message) {
			Expect(len(line)).To(BeNumerically("<=", 2048))
			Expect(line).NotTo(ContainSubstring(simnps.DefaultPassword))
		}
	})
})
