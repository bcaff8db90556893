// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

func requestIDOf(session *pamv1alpha1.ActivitySession) string {
	return "pam-operator/" + string(session.UID) + "/1"
}

// resume lets a suspended session go on, as if its request had been sent already.
func resumeAsSent(ctx context.Context, session *pamv1alpha1.ActivitySession, requestID string) {
	GinkgoHelper()
	change(ctx, session, func(s *pamv1alpha1.ActivitySession) {
		builder.Annotation(pamv1alpha1.AnnotationRequestID, requestID)(s)
		s.Spec.Suspend = nil
	})
}

// ask asks the server for the session of builder.ActivitySession, as the operator would.
func ask(ctx context.Context, c *nps.Client, note string) string {
	GinkgoHelper()
	session, err := c.Create(ctx, nps.CreateRequest{
		ActivityName: builder.DefaultActivity, ManagedResourceName: builder.DefaultResource, Note: note,
	})
	Expect(err).NotTo(HaveOccurred())
	return session.ID
}

// createdAlthough answers the first request for a session with a status although the session is made.
func createdAlthough(status int) fault.Rule {
	return fault.Rule{
		Name: "created", Method: "POST", Path: createPath, Status: status, Body: `{"title":"No"}`, Acts: true, Times: 1,
	}
}

var _ = Describe("An ActivitySession asks for one session", func() {
	It("under its own request id, which comes first in the note", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", builder.RequestedBy("alice"),
			builder.With(func(s *pamv1alpha1.ActivitySession) { s.Spec.Note, s.Spec.Ticket = "nightly vacuum", "CHG-1" }))
		id := requestIDOf(session)
		Expect(session.Annotations).To(HaveKeyWithValue(pamv1alpha1.AnnotationRequestID, id))
		Expect(session.Finalizers).To(ConsistOf(pamv1alpha1.Finalizer))
		Expect(session.Status.RequestID).To(Equal(id))
		there := s.atServer(session)
		Expect(there.Note).To(Equal(id + ` requested by alice: "nightly vacuum"`))
		Expect(there.Ticket).To(Equal("CHG-1"))
		Expect(session.Status.LoginAccount).NotTo(BeEmpty())
		Expect(session.Status.StartTime).NotTo(BeNil())
	})

	DescribeTable("whatever becomes of the answer",
		func(ctx context.Context, switches simnps.CreateSwitches, faults ...fault.Rule) {
			s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{CreateSwitches: switches}})
			for _, f := range faults {
				s.fault(f)
			}
			session := s.activeSession(ctx, "session")
			Expect(s.nps.Stats().Creates).To(Equal(1))
			Expect(s.nps.Sessions()).To(HaveLen(1))
			Expect(s.atServer(session).Status).To(Equal("Active"))
		},
		Entry("the session was created and the connection cut", simnps.CreateSwitches{},
			fault.Rule{Name: "lost", Method: "POST", Path: createPath, Drop: fault.DropAfter, Times: 1}),
		Entry("half of the answer came", simnps.CreateSwitches{},
			fault.Rule{Name: "half", Method: "POST", Path: createPath, Drop: fault.DropHalf, Times: 1}),
		Entry("the request never arrived", simnps.CreateSwitches{},
			fault.Rule{Name: "never", Method: "POST", Path: createPath, Drop: fault.DropBefore, Times: 1}),
		Entry("the session was created and the answer was 500", simnps.CreateSwitches{CreatesLost: 1}),
		Entry("a proxy answered in the server's place", simnps.CreateSwitches{},
			fault.Rule{Name: "proxy", Method: "POST", Path: createPath, Status: 502, Body: "<html>", Times: 1}),
		Entry("the answer had no body", simnps.CreateSwitches{CreatedWithoutBody: true}),
		Entry("the answer had no body, and the session could not be read at first, and notes are lost",
			simnps.CreateSwitches{CreatedWithoutBody: true, NotesDropped: true},
			fault.Rule{Name: "get", Method: "GET", Path: createPath[:len(createPath)-1] + "/[^/]*$", Status: 503, Times: 1}),
		Entry("the answer was lost, and so was a search", simnps.CreateSwitches{CreatesLost: 1},
			fault.Rule{Name: "list", Path: "MySummaryByStatus/Historical", Status: 500, Times: 1}),
		Entry("the session was created and the answer was 400", simnps.CreateSwitches{}, createdAlthough(400)),
		Entry("the session was created and the answer was 403", simnps.CreateSwitches{}, createdAlthough(403)),
		Entry("the session was created and the answer was 404", simnps.CreateSwitches{}, createdAlthough(404)),
		Entry("the session was created and the answer was 409", simnps.CreateSwitches{}, createdAlthough(409)),
		Entry("the session was created and the answer was 422", simnps.CreateSwitches{}, createdAlthough(422)),
		Entry("the session was created and the answer was 404, and the first searches failed", simnps.CreateSwitches{},
			createdAlthough(404), fault.Rule{Name: "list", Path: "filterText=pam-operator", Status: 500, Times: 2}),
		Entry("the answer was 429", simnps.CreateSwitches{},
			fault.Rule{Name: "busy", Method: "POST", Path: createPath, Status: 429, Times: 1}),
	)

	It("and asks for nothing that it cannot write down", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Annotation(refuseStatusWrites, "refuse all"))
		Eventually(func() []string {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(session), session)).To(Succeed())
			return session.Finalizers
		}).ShouldNot(BeEmpty(), "it was about to ask")
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Annotations[refuseStatusWrites] = "refuse all, still" })
		Expect(s.nps.Faults().Count("POST", createPath)).To(BeZero())
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { delete(s.Annotations, refuseStatusWrites) })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(session.Status.RequestSentTime).NotTo(BeNil())
		Expect(session.Status.RequestAttempts).To(HaveValue(BeEquivalentTo(1)))
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("even if its status cannot be written", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Annotation(refuseStatusWrites, "refuse answers"))
		Eventually(func() int { return s.nps.Faults().Count("GET", "MySummaryByStatus/Historical") }).Should(
			BeNumerically(">=", 2), "it has searched twice")
		Expect(s.nps.Stats().Creates).To(Equal(1))
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { delete(s.Annotations, refuseStatusWrites) })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("even if its status gets lost", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		id := session.Status.SessionID
		patch := patchFrom(session)
		session.Status = pamv1alpha1.ActivitySessionStatus{}
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		eventuallyReady(ctx, session)
		Expect(session.Status.SessionID).To(Equal(id))
		Expect(session.Status.ConnectionSecretRef).NotTo(BeNil())
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("even if its status loses the id of the session alone", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		id := session.Status.SessionID
		patch := patchFrom(session)
		session.Status.SessionID = ""
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		Eventually(func() string {
			_ = phase(ctx, session)() // reads it again
			return session.Status.SessionID
		}).Should(Equal(id))
		eventuallyReady(ctx, session)
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("and ends every further copy", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		server := s.client()
		first := ask(ctx, server, requestIDOf(session))
		second := ask(ctx, server, "copy "+requestIDOf(session))
		resumeAsSent(ctx, session, requestIDOf(session))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(session.Status.SessionID).To(Equal(first))
		Eventually(func() string {
			there, _ := s.nps.Session(second)
			return there.Status
		}).Should(Equal("Complete"))
		Expect(s.nps.Stats().Creates).To(Equal(2))
	})

	It("and prefers a copy that lives to one that is over", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		server := s.client()
		over := ask(ctx, server, requestIDOf(session))
		Expect(s.nps.SetStatus(over, simnps.Failed)).To(Succeed())
		live := ask(ctx, server, requestIDOf(session))
		resumeAsSent(ctx, session, requestIDOf(session))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(session.Status.SessionID).To(Equal(live))
	})

	It("and never takes over the session of another object", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		victim := s.activeSession(ctx, "victim")
		thief := s.session(ctx, "thief", builder.Annotation(pamv1alpha1.AnnotationRequestID, victim.Status.RequestID))
		eventuallyReason(ctx, thief, pamv1alpha1.ReasonInvalidSpec)
		Expect(message(ctx, thief)).To(And(ContainSubstring("is of object "+string(victim.UID)),
			ContainSubstring("remove the annotation")))
		Expect(s.nps.Stats().Creates).To(Equal(1))
		change(ctx, thief, func(s *pamv1alpha1.ActivitySession) { delete(s.Annotations, pamv1alpha1.AnnotationRequestID) })
		eventuallyPhase(ctx, thief, pamv1alpha1.SessionActive)
		Expect(thief.Status.SessionID).NotTo(Equal(victim.Status.SessionID))
		Expect(thief.Status.RequestID).To(Equal(requestIDOf(thief)))
	})

	It("and never ends the session of another object", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		victim := s.activeSession(ctx, "victim")
		thief := s.session(ctx, "thief", builder.Suspended(), builder.With(func(s *pamv1alpha1.ActivitySession) {
			s.Finalizers = []string{pamv1alpha1.Finalizer}
			s.Annotations = map[string]string{pamv1alpha1.AnnotationRequestID: victim.Status.RequestID}
		}))
		Expect(k8s.Delete(ctx, thief)).To(Succeed())
		eventuallyGone(ctx, thief)
		Expect(s.atServer(victim).Status).To(Equal("Active"))
	})

	It("and is not fooled by a note that quotes its request id", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		victim := s.session(ctx, "victim", builder.Suspended())
		thief := s.activeSession(ctx, "thief", builder.With(func(s *pamv1alpha1.ActivitySession) {
			s.Spec.Note = requestIDOf(victim)
		}))
		resumeAsSent(ctx, victim, requestIDOf(victim))
		eventuallyPhase(ctx, victim, pamv1alpha1.SessionActive)
		Expect(victim.Status.SessionID).NotTo(Equal(thief.Status.SessionID))
		Expect(s.atServer(thief).Status).To(Equal("Active"))
	})
})
