// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// request asks for a reconcile of an object, by a new value, which it returns.
func request[T client.Object](ctx context.Context, o T) string {
	GinkgoHelper()
	value := fmt.Sprint("request ", looks.Add(1))
	change(ctx, o, func(o T) { builder.Annotation(pamv1alpha1.AnnotationReconcileRequestedAt, value)(o) })
	return value
}

// answered reads which request the status shows as handled.
func answered(ctx context.Context, o kinds.Object) func() string {
	return func() string {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		return *o.GetStatus().HandledRequest()
	}
}

// readings counts the calls by which policies are read.
func (s *site) readings() int { return s.sps.Faults().Count("GET", "/rdp/connections") }

var _ = onEverySPS("A request to reconcile", func() {
	It("has an object read again although nothing has changed, and is answered once that has happened",
		func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{})
			policy, group := s.policy("a"), builder.LocalUserGroup("auditors", s.in("sps")...)
			s.create(ctx, policy, group)
			eventuallyReady(ctx, policy)
			eventuallyReady(ctx, group)
			Expect(answered(ctx, policy)()).To(BeEmpty())
			for range 2 {
				before := s.readings()
				Eventually(answered(ctx, policy)).Should(Equal(request(ctx, policy)))
				Expect(s.readings()).To(BeNumerically(">", before))
			}
			Eventually(answered(ctx, group)).Should(Equal(request(ctx, group)))
			Expect(ready(ctx, policy)()).To(Equal("True Synced"))
			before := s.readings()
			change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Annotations["another"] = "annotation" })
			s.checkedAgain(ctx)
			Expect(s.readings()).To(Equal(before), "a request is answered once")
		})

	It("for a connection reads everything again, and wakes its objects", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		waiting := request(ctx, policy)
		Eventually(answered(ctx, policy)).Should(Equal(waiting))
		before := s.readings()
		conn := s.connection(ctx)
		Eventually(answered(ctx, conn)).Should(Equal(request(ctx, conn)))
		Expect(s.readings()).To(BeNumerically(">", before))
		Expect(ready(ctx, conn)()).To(Equal("True Synced"))
	})

	It("is answered for what is suspended, which shows why it is", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a", builder.Suspended(),
			builder.Annotation(pamv1alpha1.AnnotationSuspendReason, "change\nfreeze \x1b[31muntil Monday"))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonSuspended)
		Expect(message(ctx, policy)).To(Equal(
			`suspended by spec.suspend ("change freeze [31muntil Monday"); "a" does not exist on the appliance`))
		before := s.readings()
		Eventually(answered(ctx, policy)).Should(Equal(request(ctx, policy)))
		Expect(s.readings()).To(BeNumerically(">", before))
		Expect(s.named(rdpConnections, "a")).To(BeEmpty())
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Suspend = nil })
		eventuallyReady(ctx, policy)
		conn := s.connection(ctx)
		change(ctx, conn, func(c *pamv1alpha1.SPSConnection) {
			builder.Suspended()(c)
			builder.Annotation(pamv1alpha1.AnnotationSuspendReason, "an audit")(c)
		})
		Eventually(message).WithArguments(ctx, conn).
			Should(ContainSubstring(`suspended by spec.suspend ("an audit"): nothing`))
		Eventually(answered(ctx, conn)).Should(Equal(request(ctx, conn)))
		other := s.policy("b")
		s.create(ctx, other)
		eventuallyReason(ctx, other, pamv1alpha1.ReasonSuspended)
		Expect(message(ctx, other)).To(ContainSubstring(`the connection is suspended ("an audit")`))
	})

	It("waits while the appliance does not answer, and sends nothing meanwhile", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		s.spsFault(fault.Rule{Name: "silence", Drop: fault.DropBefore})
		s.look(ctx)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotReady)
		before := s.readings()
		waiting := request(ctx, policy)
		s.checkedAgain(ctx)
		Expect(answered(ctx, policy)()).NotTo(Equal(waiting))
		Expect(s.readings()).To(Equal(before))
		conn := s.connection(ctx)
		Eventually(answered(ctx, conn)).Should(Equal(request(ctx, conn)), "a connection has been tried")
		Expect(answered(ctx, policy)()).NotTo(Equal(waiting))
		s.sps.Faults().Clear()
		Eventually(answered(ctx, policy)).Should(Equal(waiting))
		Expect(s.readings()).To(BeNumerically(">", before))
	})

	It("never has refused credentials tried, except by their connection", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		s.password(ctx, canaryWrongPassword)
		conn := s.connection(ctx)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotReady)
		refusals := s.sps.Stats().FailedLogIns
		for range 3 {
			request(ctx, policy)
			s.checkedNothing(ctx, func() int { return s.sps.Stats().FailedLogIns })
		}
		Expect(s.sps.Stats().FailedLogIns).To(Equal(refusals))
		s.password(ctx, canarySPSPassword)
		Eventually(answered(ctx, policy)).Should(HavePrefix("request "))
	})

	It("is answered without a call where nothing is to be read", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		denied := s.policy("denied", builder.Connection("sps", "elsewhere"))
		doomed := s.policy("doomed")
		s.create(ctx, denied, doomed)
		eventuallyReady(ctx, doomed)
		change(ctx, doomed, func(p *pamv1alpha1.RDPConnectionPolicy) { builder.Suspended()(p) })
		Expect(k8s.Delete(ctx, doomed)).To(Succeed())
		Eventually(ready(ctx, doomed)).Should(Equal("False " + pamv1alpha1.ReasonSuspended))
		before := s.readings()
		Eventually(answered(ctx, doomed)).Should(Equal(request(ctx, doomed)))
		Expect(s.readings()).To(Equal(before))
	})

	It("says so if its value cannot be shown as it is", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) {
			builder.Annotation(pamv1alpha1.AnnotationReconcileRequestedAt, strings.Repeat("long ", 100))(p)
		})
		Eventually(answered(ctx, policy)).Should(And(HavePrefix("long long"), HaveSuffix("…")))
		eventuallyEvent(ctx, s.namespace, pamv1alpha1.ReasonInvalidSpec, "use at most 256 bytes of printable text")
		Expect(ready(ctx, policy)()).To(Equal("True Synced"))
	})
})

var _ = Describe("Many requests to reconcile", func() {
	It("are answered by a few reads", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		const number = 60
		var policies []*pamv1alpha1.RDPConnectionPolicy
		for i := range number {
			policies = append(policies, s.policy(fmt.Sprint("p-", i)))
			s.create(ctx, policies[i])
		}
		for _, p := range policies {
			eventuallyReady(ctx, p)
		}
		before := s.readings()
		for range 3 {
			last := map[string]string{}
			for _, p := range policies {
				last[p.Name] = request(ctx, p)
			}
			for _, p := range policies {
				Eventually(answered(ctx, p)).Should(Equal(last[p.Name]))
			}
		}
		// 16 policies may be read alone, and one more every few seconds; every list answers all.
		Expect(s.readings()-before).To(BeNumerically("<", number), "for %d requests", 3*number)
	})
})

var _ = Describe("A request to reconcile a session", func() {
	It("has the server look at it again", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		lists := func() int { return s.nps.Faults().Count(http.MethodGet, "MySummaryByStatus/Active") }
		for range 2 {
			before := lists()
			Eventually(answered(ctx, session)).Should(Equal(request(ctx, session)))
			Expect(lists()).To(BeNumerically(">", before))
		}
		Expect(s.nps.Stats().Creates).To(Equal(1))
		Expect(ready(ctx, session)()).To(Equal("True Active"))
	})

	It("waits while the server does not answer", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.down()
		eventuallyCutOff(ctx, session)
		waiting := request(ctx, session)
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		Eventually(answered(ctx, conn)).Should(Equal(request(ctx, conn)), "a connection has been tried")
		Expect(answered(ctx, session)()).NotTo(Equal(waiting))
		s.up()
		Eventually(answered(ctx, session)).Should(Equal(waiting))
		eventuallyReady(ctx, session)
	})

	It("is answered without a call if the session is over, or was not requested yet", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		over, held := s.activeSession(ctx, "over"), s.session(ctx, "held", builder.Suspended(),
			builder.Annotation(pamv1alpha1.AnnotationSuspendReason, "not before Monday"))
		cancel(ctx, over)
		eventuallyPhase(ctx, over, pamv1alpha1.SessionCancelled)
		eventuallyReason(ctx, held, pamv1alpha1.ReasonSuspended)
		Expect(message(ctx, held)).To(Equal(`suspended ("not before Monday"); nothing has been sent`))
		s.down()
		Eventually(answered(ctx, over)).Should(Equal(request(ctx, over)))
		Eventually(answered(ctx, held)).Should(Equal(request(ctx, held)))
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("has a connection prove its credentials again", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		before := s.nps.Faults().Count(http.MethodGet, "/Version$")
		Eventually(answered(ctx, conn)).Should(Equal(request(ctx, conn)))
		Expect(s.nps.Faults().Count(http.MethodGet, "/Version$")).To(BeNumerically(">", before))
	})
})

var _ = Describe("A request to reconcile a SessionTermination", func() {
	It("is answered without a call once that is done", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		t := s.termination(s.sps.StartSession(simsps.AuditSession{}).ID)
		s.create(ctx, t)
		eventuallyReady(ctx, t)
		Eventually(answered(ctx, t)).Should(Equal(request(ctx, t)))
		Expect(s.sps.Faults().Count(http.MethodDelete, terminations)).To(Equal(1))
	})
})
