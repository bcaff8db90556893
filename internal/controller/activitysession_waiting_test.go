// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"slices"
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

// withApproval asks for a session that somebody has to approve.
func withApproval(o client.Object) {
	builder.Activity(domainAdmin)(o)
	builder.Resource(domainHost)(o)
}

func startTimeout(d time.Duration) builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) { s.Spec.StartTimeout = &metav1.Duration{Duration: d} })
}

func startingAt(t time.Time) builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) { s.Spec.StartTime = &metav1.Time{Time: t} })
}

// stuck is a server that never finishes what it began.
func stuck() simnps.Options {
	never := simnps.Duration(1000 * time.Hour)
	return simnps.Options{Switches: simnps.Switches{CreateSwitches: simnps.CreateSwitches{
		ProvisioningDelay: never, EndingDelay: never,
	}}}
}

var _ = Describe("An ActivitySession that needs an approval", func() {
	It("waits, and goes on when it is given", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", withApproval)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionWaitingForApproval)
		Expect(ready(ctx, session)()).To(Equal("False WaitingForApproval"))
		Expect(session.Status.Deadline.Time).To(BeTemporally("~", time.Now().Add(24*time.Hour), time.Minute))
		Expect(secretOf(ctx, session)).To(BeNil())
		Expect(s.nps.Approve(session.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		eventuallyReady(ctx, session)
	})

	It("is Denied when it is refused", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", withApproval)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionWaitingForApproval)
		Expect(s.nps.Deny(session.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionDenied)
		Expect(ready(ctx, session)()).To(Equal("False Denied"))
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureApprovalDenied))
	})

	It("fails when the approval cannot be completed", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", withApproval)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionWaitingForApproval)
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.ApprovalFailed)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureApprovalFailed))
	})

	It("is withdrawn after approvalTimeout, however seldom the server is asked", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{}, builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Polling.Active = &metav1.Duration{Duration: time.Hour}
		}))
		session := s.session(ctx, "session", withApproval, builder.With(func(s *pamv1alpha1.ActivitySession) {
			s.Spec.ApprovalTimeout = &metav1.Duration{Duration: time.Second}
		}))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(ready(ctx, session)()).To(Equal("False Failed"))
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureApprovalTimeout))
		Expect(ended).To(ContainElement(s.atServer(session).Status))
	})

	It("can be cancelled meanwhile", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", withApproval)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionWaitingForApproval)
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(ended).To(ContainElement(s.atServer(session).Status))
	})
})

var _ = Describe("An ActivitySession with a startTime", func() {
	It("in the future is Scheduled, and begins then", func(ctx context.Context) {
		clock := &movingClock{}
		s := newServerSite(ctx, simnps.Options{Now: clock.now})
		start := time.Now().Add(2 * time.Hour).Truncate(time.Second)
		session := s.session(ctx, "session", startingAt(start), builder.Duration(time.Hour))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionScheduled)
		Expect(session.Status.StartTime.Time).To(BeTemporally("==", start))
		Expect(session.Status.Deadline.Time).To(BeTemporally("==", start.Add(5*time.Minute)))
		there := s.atServer(session)
		Expect(there.Start).To(BeTemporally("==", start))
		Expect(there.End).To(BeTemporally("==", start.Add(time.Hour)))

		clock.putForward(2*time.Hour + time.Minute)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
	})

	It("in the past begins at once", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", startingAt(time.Now().Add(-time.Hour)), builder.Duration(30*time.Minute))
		there := s.atServer(session)
		Expect(there.End).To(BeTemporally("~", time.Now().Add(30*time.Minute), time.Minute))
	})

	It("so near that it counts as now has its whole startTimeout nevertheless", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		start := time.Now().Add(15 * time.Second).Truncate(time.Second)
		session := s.session(ctx, "session", startingAt(start), startTimeout(2*time.Second))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		Expect(session.Status.Deadline.Time).To(BeTemporally("==", start.Add(2*time.Second)))
	})
})

var _ = Describe("An ActivitySession that the server starts", func() {
	It("fails after startTimeout, and is ended there", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session", startTimeout(time.Second))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureStartTimeout))
		Expect(session.Status.Failure.Message).To(ContainSubstring("its state is Pending"))
		Expect(session.Status.Failure.Log).NotTo(BeEmpty())
		Expect(message(ctx, session)).To(ContainSubstring("create a new ActivitySession to try again"))
		Expect(ended).To(ContainElement(s.atServer(session).Status))
	})

	DescribeTable("fails with the server's words",
		func(ctx context.Context, options simnps.Options, faults ...fault.Rule) {
			options.Switches.ProvisioningError = "WinRM refused the connection"
			s := newServerSite(ctx, options)
			for _, f := range faults {
				s.fault(f)
			}
			session := s.session(ctx, "session")
			eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
			Expect(ready(ctx, session)()).To(Equal("False Failed"))
			Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureProvisioningFailed))
			Expect(session.Status.Failure.Message).To(ContainSubstring("WinRM refused the connection"))
			Expect(session.Status.Failure.Log).To(ContainElement(ContainSubstring("WinRM refused the connection")))
		},
		Entry("after a while", simnps.Options{}),
		Entry("before its first answer is read", simnps.Options{ProvisioningDelay: -1}),
		Entry("even if its log has no lines of errors", simnps.Options{},
			fault.Rule{Name: "log", Path: "/Log\\?.*logLevel=Error", Status: 200, Body: `{"lines":null,"totalCount":0}`}),
	)

	It("fails without a log, if that cannot be read", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{
			CreateSwitches: simnps.CreateSwitches{ProvisioningError: "out of luck"},
		}})
		s.fault(fault.Rule{Name: "log", Path: "/Log", Status: 500})
		session := s.session(ctx, "session")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Log).To(BeEmpty())
	})

	It("waits in a state that nobody knows, shows it, and goes on from there", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		Expect(s.nps.SetStatus(session.Status.SessionID, 42)).To(Succeed())
		Eventually(message).WithArguments(ctx, session).Should(ContainSubstring("42"))
		Expect(session.Status.ServerStatus).To(Equal("42"))
		Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionStarting))
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
		eventuallyReady(ctx, session)
	})

	It("has a deadline even if the first state is one that nobody knows", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		id := ask(ctx, s.client(), requestIDOf(session))
		Expect(s.nps.SetStatus(id, "Dreaming")).To(Succeed())
		// The lists do not show it, so it is found by the id that an answer without a state gave.
		s.fault(fault.Rule{
			Name: "created", Method: "POST", Path: createPath, Status: 201, Header: map[string]string{"Location": "/x/" + id},
		})
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.Suspend = nil })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		Expect(session.Status.ServerStatus).To(Equal("Dreaming"))
		Expect(session.Status.Deadline).NotTo(BeNil())
	})

	It("stays Active in a state that nobody knows", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		Expect(s.nps.SetStatus(session.Status.SessionID, "Dreaming")).To(Succeed())
		Eventually(func() string {
			Expect(phase(ctx, session)()).To(Equal(pamv1alpha1.SessionActive))
			return session.Status.ServerStatus
		}).Should(Equal("Dreaming"))
		Expect(secretOf(ctx, session)).NotTo(BeNil())
	})

	It("fails when the server forgets it before it was active", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		Expect(s.nps.Purge(session.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureSessionLost))
	})

	It("goes on if the server has lost sight of it for a moment only", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.fault(fault.Rule{
			Name: "list", Path: "MySummaryByStatus/Active", Status: 200, Body: `{"data":null,"recordsTotal":0}`,
		})
		s.fault(fault.Rule{Name: "blink", Method: "GET", Path: session.Status.SessionID + "$", Status: 404, Times: 1})
		Eventually(func() bool {
			return slices.ContainsFunc(s.nps.Faults().Calls(), func(c fault.Call) bool { return c.Rule == "blink" })
		}).Should(BeTrue())
		s.nps.Faults().ResetCalls()
		Eventually(func() int { return s.nps.Faults().Count("GET", session.Status.SessionID+"$") }).ShouldNot(BeZero())
		eventuallyReady(ctx, session)
		Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionActive))
		Expect(secretOf(ctx, session)).NotTo(BeNil())
	})
})
