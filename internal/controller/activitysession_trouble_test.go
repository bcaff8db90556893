// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("An ActivitySession whose server is down", func() {
	It("is asked for when it is back", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.down()
		session := s.session(ctx, "session")
		eventuallyCutOff(ctx, session)
		Expect(condition(session, pamv1alpha1.ConditionReconciling)).To(Equal(metav1.ConditionTrue))
		s.up()
		eventuallyReady(ctx, session)
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	type moment struct {
		phase   pamv1alpha1.SessionPhase
		request []builder.Option
		// reach brings the session into the phase, goOn out of it.
		reach, goOn func(ctx context.Context, s *site, session *pamv1alpha1.ActivitySession)
		then        pamv1alpha1.SessionPhase
	}
	nothing := func(context.Context, *site, *pamv1alpha1.ActivitySession) {}
	activate := func(_ context.Context, s *site, session *pamv1alpha1.ActivitySession) {
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
	}
	DescribeTable("goes on from its phase when it is back",
		func(ctx context.Context, m moment) {
			s := newServerSite(ctx, stuck())
			session := s.session(ctx, "session", m.request...)
			Eventually(func() string {
				_ = phase(ctx, session)()
				return session.Status.SessionID
			}).ShouldNot(BeEmpty())
			m.reach(ctx, s, session)
			eventuallyPhase(ctx, session, m.phase)
			s.down()
			eventuallyCutOff(ctx, session)
			Expect(phase(ctx, session)()).To(Equal(m.phase))
			Expect(checkSession(session)).To(Succeed())
			s.up()
			m.goOn(ctx, s, session)
			eventuallyPhase(ctx, session, m.then)
			Expect(s.nps.Stats().Creates).To(Equal(1))
		},
		Entry("WaitingForApproval", moment{
			phase: pamv1alpha1.SessionWaitingForApproval, request: []builder.Option{withApproval}, reach: nothing,
			goOn: func(_ context.Context, s *site, session *pamv1alpha1.ActivitySession) {
				Expect(s.nps.Approve(session.Status.SessionID)).To(Succeed())
			},
			then: pamv1alpha1.SessionStarting,
		}),
		Entry("Scheduled", moment{
			phase: pamv1alpha1.SessionScheduled, request: []builder.Option{startingAt(time.Now().Add(time.Hour))},
			reach: nothing, goOn: activate, then: pamv1alpha1.SessionActive,
		}),
		Entry("Starting", moment{
			phase: pamv1alpha1.SessionStarting, reach: nothing, goOn: activate, then: pamv1alpha1.SessionActive,
		}),
		Entry("Active", moment{
			phase: pamv1alpha1.SessionActive, reach: activate, then: pamv1alpha1.SessionEnding,
			goOn: func(_ context.Context, s *site, session *pamv1alpha1.ActivitySession) {
				Expect(s.nps.End(session.Status.SessionID)).To(Succeed())
			},
		}),
		Entry("Ending", moment{
			phase: pamv1alpha1.SessionEnding, then: pamv1alpha1.SessionCancelled,
			reach: func(ctx context.Context, s *site, session *pamv1alpha1.ActivitySession) {
				activate(ctx, s, session)
				cancel(ctx, session)
			},
			goOn: func(_ context.Context, s *site, session *pamv1alpha1.ActivitySession) {
				Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Complete)).To(Succeed())
			},
		}),
	)

	It("keeps its Secret meanwhile, and is cancelled when it is back", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.down()
		eventuallyCutOff(ctx, session)
		Expect(condition(session, pamv1alpha1.ConditionActive)).To(Equal(metav1.ConditionTrue))
		Expect(secretOf(ctx, session)).NotTo(BeNil())
		cancel(ctx, session)
		s.up()
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
	})
})

var _ = Describe("An ActivitySession that the server refuses", func() {
	DescribeTable("is Rejected with the server's words, and asked for again later",
		func(ctx context.Context, switches simnps.Switches, words string, request ...builder.Option) {
			s := newServerSite(ctx, simnps.Options{Switches: switches})
			session := s.session(ctx, "session", request...)
			eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
			Expect(message(ctx, session)).To(ContainSubstring(words))
			Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
			Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionPending))
			Expect(session.Status.Deadline).NotTo(BeNil())
			Expect(s.nps.Faults().Count("POST", createPath)).To(Equal(1))
			Expect(s.nps.Sessions()).To(BeEmpty())
		},
		Entry("for a missing ticket", simnps.Switches{}, "icket", builder.Activity("Linux patching")),
		Entry("for a policy that does not exist", simnps.Switches{}, "No policy allows this activity on this resource",
			builder.Activity(windowsAdmin)),
		Entry("for the licence", simnps.Switches{CreateSwitches: simnps.CreateSwitches{LicenceExpired: true}},
			"licence has expired"),
		Entry("for its length",
			simnps.Switches{CreateSwitches: simnps.CreateSwitches{EndBeyondMaximumRefused: true}},
			"longer than the maximum", builder.Duration(100*time.Hour)),
	)

	DescribeTable("for a name says which, and similar ones that its author may request",
		func(ctx context.Context, want string, request builder.Option) {
			s := newServerSite(ctx, simnps.Options{}, builder.Grants(pamv1alpha1.Grant{
				NamespaceSelector: &metav1.LabelSelector{}, Activities: []string{"Linux r*", "Linux roof"},
			}))
			session := s.session(ctx, "session", request)
			eventuallyReason(ctx, session, pamv1alpha1.ReasonReferenceNotFound)
			Expect(message(ctx, session)).To(And(HavePrefix(want), ContainSubstring("correct it in a new ActivitySession")))
			Expect(message(ctx, session)).NotTo(ContainSubstring("Windows"))
			Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
			Expect(s.nps.Faults().Count("POST", createPath)).To(Equal(1))
		},
		Entry("of an activity", `spec.activity.name: the server has no "Linux roof" for the account of connection `,
			builder.Activity("Linux roof")),
		Entry("of a resource", `spec.resource.name: the server has no "nowhere.example.com" for the account of connection `,
			builder.Resource("nowhere.example.com")),
	)

	It("for a name, at a server that lists nothing, is Rejected with the server's words first", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.fault(fault.Rule{Name: "lists", Path: "/AccessControlPolicy/", Status: 403})
		session := s.session(ctx, "session", builder.Activity("Linux roof"))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		Expect(message(ctx, session)).To(MatchRegexp(`^the server answers: .*The activity was not found.*\(404 to POST /`))
	})

	It("begins when the cause is fixed and somebody asks again", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{
			CreateSwitches: simnps.CreateSwitches{LicenceExpired: true},
		}})
		session := s.session(ctx, "session")
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		s.nps.SetSwitches(func(sw *simnps.Switches) { sw.LicenceExpired = false })
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) {
			builder.Annotation(pamv1alpha1.AnnotationReconcileRequestedAt, "again")(s)
		})
		eventuallyReady(ctx, session)
		Expect(s.nps.Faults().Count("POST", createPath)).To(Equal(2))
	})

	It("fails for good after a while", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Activity("Linux patching"))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		patch := patchFrom(session)
		session.Status.Deadline.Time = time.Now().Add(-time.Minute)
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) {
			builder.Annotation(pamv1alpha1.AnnotationReconcileRequestedAt, "again")(s)
		})
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal("Rejected"))
		Expect(ready(ctx, session)()).To(Equal("False Failed"))
	})

	It("can be cancelled and deleted", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Activity("Linux patching"))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
	})
})

var _ = Describe("An ActivitySession whose connection's credentials are wrong", func() {
	It("costs one attempt, and goes on when the Secret is fixed", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		secret := builder.Secret(quickCredentials, nil, builder.InNamespace(s.namespace))
		change(ctx, secret, func(s *corev1.Secret) { s.Data["password"] = []byte(canaryWrongPassword) })
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonUnauthorized)
		Expect(phase(ctx, session)()).To(Equal(pamv1alpha1.SessionActive))
		waiting := s.session(ctx, "waiting")
		eventuallyReason(ctx, waiting, pamv1alpha1.ReasonConnectionNotReady)
		Expect(s.nps.Stats().FailedSignIns).To(Equal(1))

		change(ctx, secret, func(s *corev1.Secret) { s.Data["password"] = []byte(simnps.DefaultPassword) })
		eventuallyReady(ctx, conn)
		eventuallyReady(ctx, session)
		eventuallyReady(ctx, waiting)
	})

	It("survives tokens that the server has revoked", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.nps.RevokeTokens()
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(s.nps.Stats().FailedSignIns).To(BeZero())
	})
})

var _ = Describe("An ActivitySession whose server is strange", func() {
	DescribeTable("works all the same",
		func(ctx context.Context, switches simnps.Switches) {
			s := newServerSite(ctx, simnps.Options{Switches: switches})
			session := s.activeSession(ctx, "session", onWindows())
			Expect(session.Status.ExpiresAt).NotTo(BeNil())
			Expect(value(ctx, session, "rdp")()).To(ContainSubstring("full address"))
			cancel(ctx, session)
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		},
		Entry("with states as names", simnps.Switches{ReadSwitches: simnps.ReadSwitches{StatusNames: true}}),
		Entry("without descriptions", simnps.Switches{ReadSwitches: simnps.ReadSwitches{NullStatusDescription: true}}),
		Entry("with times without a zone", simnps.Switches{ReadSwitches: simnps.ReadSwitches{TimesWithoutZone: true}}),
		Entry("with custom fields as text", simnps.Switches{ReadSwitches: simnps.ReadSwitches{CustomFields: "String"}}),
		Entry("with bare text", simnps.Switches{SignInSwitches: simnps.SignInSwitches{TextFormat: simnps.TextPlain}}),
		Entry("with tokens that do not say when they end",
			simnps.Switches{SignInSwitches: simnps.SignInSwitches{OmitClaims: []string{"exp"}}}),
		Entry("with a refused DELETE of what is over",
			simnps.Switches{ActionSwitches: simnps.ActionSwitches{DeleteEndedStatus: 500}}),
	)

	It("recovers from a DELETE that was answered with 500", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.fault(fault.Rule{Name: "delete", Method: "DELETE", Status: 500, Times: 1})
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(s.atServer(session).Status).To(Equal("Complete"))
	})
})
