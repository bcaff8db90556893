// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// unanswered is a server that creates this many sessions without saying so.
func unanswered(requests int, switches simnps.CreateSwitches) simnps.Options {
	switches.CreatesLost = requests
	return simnps.Options{Switches: simnps.Switches{CreateSwitches: switches}}
}

// events are the messages of the Events about an object with a reason.
func events(ctx context.Context, o client.Object, reason string) func() []string {
	return func() []string {
		list, out := &eventsv1.EventList{}, []string{}
		Expect(k8s.List(ctx, list, client.InNamespace(o.GetNamespace()))).To(Succeed())
		for i := range list.Items {
			if e := &list.Items[i]; e.Regarding.UID == o.GetUID() && e.Reason == reason {
				out = append(out, e.Note)
			}
		}
		return out
	}
}

// holdFirst keeps the first request of a kind on its way. It tells when there is one, and lets it go on when the second
// channel is closed.
func (s *site) holdFirst(method, path string) (held <-chan struct{}, goOn chan<- struct{}) {
	began, again := make(chan struct{}), make(chan struct{})
	var requests atomic.Int32
	s.nps.Faults().OnRequest(func(r *http.Request) {
		if r.Method != method || !strings.Contains(r.URL.String(), path) || requests.Add(1) > 1 {
			return
		}
		close(began)
		select {
		case <-again:
		case <-r.Context().Done():
		}
	})
	return began, again
}

// liveThere are the sessions at the server that are not over or about to be.
func (s *site) liveThere() (ids []string) {
	for _, there := range s.nps.Sessions() {
		if !slices.Contains(ended, there.Status) {
			ids = append(ids, there.ID)
		}
	}
	return ids
}

// rounds waits until every list that is looked at regularly was read this many times more.
func (s *site) rounds(n int) {
	GinkgoHelper()
	const list = "MySummaryByStatus/Active"
	before := s.nps.Faults().Count("GET", list)
	Eventually(func() int { return s.nps.Faults().Count("GET", list) }).Should(BeNumerically(">=", before+n))
}

// expire puts the deadline of a session into the past.
func (s *site) expire(ctx context.Context, session *pamv1alpha1.ActivitySession) {
	GinkgoHelper()
	Eventually(func() bool {
		_ = phase(ctx, session)()
		return session.Status.Deadline != nil
	}).Should(BeTrue())
	patch := patchFrom(session)
	session.Status.Deadline.Time = time.Now().Add(-time.Minute)
	Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
	s.wake(ctx, session)
}

var _ = Describe("An ActivitySession whose request got no answer", func() {
	It("is not asked for again before the server had time to finish", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		server := s.client()
		_, err := server.Version(ctx) // it has signed in before it is in a hurry
		Expect(err).NotTo(HaveOccurred())
		s.fault(fault.Rule{Name: "slow", Method: "POST", Path: createPath, Status: 504, Times: 1})
		searching, goOn := s.holdFirst(http.MethodGet, "/MySummaryByStatus/Historical")
		session := s.session(ctx, "session")
		Eventually(searching).Should(BeClosed())
		late := ask(ctx, server, requestIDOf(session)) // the server has finished
		close(goOn)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(session.Status.SessionID).To(Equal(late))
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("is asked for again when nothing came of it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.fault(fault.Rule{Name: "lost", Method: "POST", Path: createPath, Drop: fault.DropBefore, Times: 1})
		session := s.activeSession(ctx, "session")
		Expect(session.Status.RequestAttempts).To(HaveValue(BeEquivalentTo(2)))
		Expect(session.Status.FirstRequestSentTime.Before(session.Status.RequestSentTime)).To(BeTrue())
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("is marked anew when a sign-in has kept it from being sent at once", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.nps.RevokeTokens()
		s.fault(fault.Rule{Name: "slow", Method: "POST", Path: "/signin", Delay: fault.Duration(400 * time.Millisecond)})
		session := s.activeSession(ctx, "session")
		Expect(s.nps.Stats().Creates).To(Equal(1))
		marked := session.Status.RequestSentTime.Time
		for _, call := range s.nps.Faults().Calls() {
			if strings.Contains(call.Path, "/signin") {
				Expect(call.Time).To(BeTemporally("<", marked), "no sign-in lies between the mark and the request")
			}
		}
	})

	It("loses a copy that shows up while it is active", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		id := session.Status.SessionID
		extra := ask(ctx, s.client(), requestIDOf(session))
		Eventually(func() string {
			there, _ := s.nps.Session(extra)
			return there.Status
		}).Should(Equal("Complete"))
		Eventually(events(ctx, session, pamv1alpha1.ReasonConflict)).Should(ContainElement(ContainSubstring(extra)))
		eventuallyReady(ctx, session)
		Expect(session.Status.SessionID).To(Equal(id))
		Expect(s.atServer(session).Status).To(Equal("Active"))
	})

	It("is the one that was written down, whatever else looks for it at the same time", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		older := ask(ctx, s.client(), requestIDOf(session))
		newer := ask(ctx, s.client(), requestIDOf(session))
		looking, goOn := s.holdFirst(http.MethodGet, "/MySummaryByStatus/")
		resumeAsSent(ctx, session, requestIDOf(session))
		Eventually(looking).Should(BeClosed())
		// The next leader, which takes this one for dead, has made the newer one, and writes it down.
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(session), session)).To(Succeed())
		patch := patchFrom(session)
		session.Status.Phase, session.Status.SessionID = pamv1alpha1.SessionStarting, newer
		session.Status.RequestID = requestIDOf(session)
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		close(goOn)

		Eventually(func() string {
			there, _ := s.nps.Session(older)
			return there.Status
		}).Should(Equal("Complete"), "it is one too many")
		eventuallyReady(ctx, session)
		Expect(session.Status.SessionID).To(Equal(newer))
		Expect(s.atServer(session).Status).To(Equal("Active"))
	})

	DescribeTable("is not sent again, nor is anything adopted, at a server that does not give its note back",
		func(ctx context.Context, switches simnps.CreateSwitches) {
			s := newServerSite(ctx, unanswered(1, switches))
			session := s.session(ctx, "session")
			eventuallyReason(ctx, session, pamv1alpha1.ReasonConflict)
			Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
			Expect(message(ctx, session)).To(ContainSubstring(s.nps.Sessions()[0].ID))
			Expect(session.Status.SessionID).To(BeEmpty())
			Expect(s.nps.Sessions()).To(HaveLen(1))

			By("leaving the session of another object out")
			other := s.activeSession(ctx, "other")
			Expect(s.nps.Sessions()).To(HaveLen(2))
			s.expire(ctx, session)
			eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
			Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureOutcomeUnknown))
			Expect(session.Status.Failure.Message).To(And(
				ContainSubstring(s.nps.Sessions()[0].ID), Not(ContainSubstring(other.Status.SessionID))))
			Expect(s.nps.Stats().Creates).To(Equal(2))
		},
		Entry("at all", simnps.CreateSwitches{NotesDropped: true}),
		Entry("with enough of the request id", simnps.CreateSwitches{NoteMaxLength: 20}),
	)

	DescribeTable("is recognised by its request id at a server that cuts the note",
		func(ctx context.Context, length int) {
			s := newServerSite(ctx, unanswered(1, simnps.CreateSwitches{NoteMaxLength: length}))
			session := s.activeSession(ctx, "session", builder.RequestedBy("alice"))
			Expect(s.nps.Stats().Creates).To(Equal(1))
			Expect(requestIDOf(session)).To(HavePrefix(s.atServer(session).Note))
		},
		Entry("behind it", 51), Entry("within it", 40), Entry("soon", 21),
	)

	It("is logged and told of as adopted, and not as requested", func(ctx context.Context) {
		s := newServerSite(ctx, unanswered(1, simnps.CreateSwitches{}))
		session := s.activeSession(ctx, "session")
		Eventually(auditLines).WithArguments(s.namespace, "adopt-session", "succeeded").Should(ConsistOf(
			ContainSubstring(session.Status.SessionID)))
		Expect(auditLines(s.namespace, "request", "succeeded")).To(BeEmpty())
		Eventually(events(ctx, session, pamv1alpha1.ReasonProgressing)).Should(ContainElement(
			And(ContainSubstring("adopted session"), ContainSubstring(session.Status.SessionID))))
	})

	It("has a finalizer that comes back, so that an adopted session ends with its object", func(ctx context.Context) {
		s := newServerSite(ctx, unanswered(1, simnps.CreateSwitches{}))
		session := s.activeSession(ctx, "session")
		change(ctx, session, func(o *pamv1alpha1.ActivitySession) { o.Finalizers = nil })
		Eventually(func() []string {
			_ = phase(ctx, session)()
			return session.Finalizers
		}).Should(ContainElement(pamv1alpha1.Finalizer))
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		Expect(s.atServer(session).Status).To(BeElementOf(ended))
	})

	It("leaves a session without a note alone at a server that keeps notes", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.activeSession(ctx, "shown", onWindows())
		s.rounds(2) // its note is in a list
		s.fault(fault.Rule{Name: "lost", Method: "POST", Path: createPath, Drop: fault.DropBefore, Times: 1})
		looking, goOn := s.holdFirst(http.MethodGet, "filterText=")
		session := s.session(ctx, "session")
		Eventually(looking).Should(BeClosed())
		foreign := ask(ctx, s.client(), "")
		close(goOn)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(session.Status.SessionID).NotTo(Equal(foreign))
		s.rounds(2)
		there, _ := s.nps.Session(foreign)
		Expect(there.Status).To(Equal("Active"))
	})

	It("takes no session for its own that was there before, or is for something else", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{
			CreateSwitches: simnps.CreateSwitches{NotesDropped: true},
		}})
		before := ask(ctx, s.client(), "somebody's")
		s.fault(fault.Rule{Name: "lost", Method: "POST", Path: createPath, Drop: fault.DropBefore, Times: 1})
		session := s.session(ctx, "session", onWindows())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(session.Status.SessionID).NotTo(Equal(before))
	})

	It("fails if nobody can tell what became of it, and ends what shows up later", func(ctx context.Context) {
		s := newServerSite(ctx, unanswered(1, simnps.CreateSwitches{}))
		s.nps.SetSwitches(func(sw *simnps.Switches) { sw.ListRefusedStatus = 500 })
		session := s.session(ctx, "session")
		Eventually(func() int { return s.nps.Stats().Creates }).Should(Equal(1))
		s.expire(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureOutcomeUnknown))
		Expect(session.Status.Failure.Message).To(ContainSubstring(requestIDOf(session)))

		s.nps.SetSwitches(func(sw *simnps.Switches) { sw.ListRefusedStatus = 0 })
		Eventually(func() string { return s.nps.Sessions()[0].Status }).Should(Equal("Complete"))
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})
})

var _ = Describe("A Pending ActivitySession", func() {
	It("is given up when its connection is not there in time", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Connection("nowhere", ""))
		Eventually(ready(ctx, session)).Should(Equal("False ConnectionNotReady"))
		Expect(session.Status.Deadline.Time).To(BeTemporally("~", time.Now().Add(24*time.Hour), time.Minute))
		s.expire(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureRequestTimeout))
		Expect(session.Status.Failure.Message).To(ContainSubstring("does not exist"))
		Expect(s.nps.Stats().Creates).To(BeZero())
	})

	It("has no deadline while its author holds it back", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
		Expect(session.Status.Deadline).To(BeNil())
	})
})
