// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// keep lets the session of an object outlive it.
var keep = builder.With(func(s *pamv1alpha1.ActivitySession) {
	s.Spec.DeletionPolicy = pamv1alpha1.SessionDeletionPolicyKeep
})

var _ = Describe("Deleting an ActivitySession with deletionPolicy Keep", func() {
	letGo := func(ctx context.Context, session *pamv1alpha1.ActivitySession) {
		GinkgoHelper()
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		Expect(secretOf(ctx, session)).To(BeNil())
	}

	It("leaves the session at the server, for good, and takes the Secret along", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{}, builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Limits.ActiveSessions = new(int32(1))
		}))
		kept := s.activeSession(ctx, "kept", keep)
		letGo(ctx, kept)
		eventuallyEvent(ctx, s.namespace, pamv1alpha1.ReasonCompleted,
			"session "+kept.Status.SessionID+" stays at the server until ")
		Expect(logs.About(kept.Status.SessionID)).To(ContainSubstring(`"action": "abandon"`))
		other := s.activeSession(ctx, "other") // the one that was kept does not count, and the poller goes on
		s.lookAgain(ctx, other)
		Eventually(answered(ctx, other)).Should(Equal(request(ctx, other)))
		Expect(s.atServer(kept).Status).To(Equal("Active"))
		Expect(s.nps.Faults().Count(http.MethodDelete, kept.Status.SessionID)).To(BeZero())
	})

	It("needs no server, and may be decided while the deletion waits for it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.down()
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		Eventually(func() bool { return phase(ctx, session)() != "" && session.DeletionTimestamp != nil }).Should(BeTrue())
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { keep(s) })
		eventuallyGone(ctx, session)
		s.up()
		Expect(s.atServer(session).Status).To(Equal("Active"))
	})

	DescribeTable("lets it go in every phase",
		func(ctx context.Context, server simnps.Options, phase pamv1alpha1.SessionPhase, request ...builder.Option) {
			s := newServerSite(ctx, server)
			session := s.session(ctx, "session", append(request, keep)...)
			eventuallyPhase(ctx, session, phase)
			was := s.atServer(session).Status
			letGo(ctx, session)
			Expect(s.atServer(session).Status).To(Equal(was))
		},
		Entry("WaitingForApproval", simnps.Options{}, pamv1alpha1.SessionWaitingForApproval, withApproval),
		Entry("Scheduled", simnps.Options{}, pamv1alpha1.SessionScheduled, startingAt(time.Now().Add(time.Hour))),
		Entry("Starting", simnps.Options{ProvisioningDelay: time.Hour}, pamv1alpha1.SessionStarting),
	)

	It("does not keep what was cancelled", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", keep)
		s.down()
		cancel(ctx, session)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		s.up()
		eventuallyGone(ctx, session)
		Expect(s.atServer(session).Status).To(BeElementOf("Complete", "Cancelled"))
	})

	It("does not keep the session of a workload that has finished", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		pod := s.pod(ctx)
		session := s.activeSession(ctx, "session", keep, boundToPod())
		s.down()
		finish(ctx, pod, corev1.PodSucceeded)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		s.up()
		eventuallyGone(ctx, session)
		Expect(s.atServer(session).Status).To(BeElementOf("Complete", "Cancelled"))
	})
})
