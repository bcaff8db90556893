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

var _ = Describe("A grant binds an ActivitySession", func() {
	granted := func(ctx context.Context, grants ...pamv1alpha1.Grant) (*site, builder.Option) {
		GinkgoHelper()
		for i := range grants {
			grants[i].NamespaceSelector = &metav1.LabelSelector{}
		}
		s := newServerSite(ctx, simnps.Options{}, builder.Grants(grants...),
			builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}))
		return s, s.from(s.tenant(ctx))
	}
	hour := &metav1.Duration{Duration: time.Hour}
	password := builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.ConnectionSecret = &pamv1alpha1.ConnectionSecret{Password: pamv1alpha1.PasswordIfAllowed}
	})
	policy := builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.AccessPolicyID = new("11111111-2222-3333-4444-555555555555")
	})

	It("in its length, extensions included", func(ctx context.Context) {
		s, there := granted(ctx, pamv1alpha1.Grant{MaxDuration: &metav1.Duration{Duration: 30 * time.Minute}},
			pamv1alpha1.Grant{Activities: []string{"Windows *"}}, pamv1alpha1.Grant{MaxDuration: hour})
		session := s.activeSession(ctx, "session", there, builder.Duration(40*time.Minute))
		begun := s.atServer(session).Start
		change(ctx, session, func(o *pamv1alpha1.ActivitySession) { o.Spec.Duration.Duration = 100 * time.Hour })
		Eventually(message).WithArguments(ctx, session).Should(And(
			ContainSubstring("it is not extended further: grants[2] of connection"), ContainSubstring("at most 1h0m0s")))
		Expect(s.atServer(session).End).To(BeTemporally("~", begun.Add(time.Hour), 2*time.Second))
		asked := s.nps.Faults().Count("POST", "/Extend$")
		s.lookAgain(ctx, session)
		Expect(s.nps.Faults().Count("POST", "/Extend$")).To(Equal(asked))
		Expect(ready(ctx, session)()).To(Equal("True Active"))
	})

	It("in its length, also where it extends itself", func(ctx context.Context) {
		options := brief(4 * time.Minute)
		options.Policies[0].Profile = simnps.Profile{
			MaxSessionLength: 4 * time.Minute, AllowExtension: true, ExtensionMinutes: 2, ExtensionCount: 3,
		}
		s := newServerSite(ctx, options, builder.Grants(pamv1alpha1.Grant{
			NamespaceSelector: &metav1.LabelSelector{}, MaxDuration: &metav1.Duration{Duration: 5 * time.Minute},
		}))
		s.pod(ctx)
		session := s.activeSession(ctx, "session", boundToPod(), automatic(), builder.Duration(4*time.Minute))
		begun := s.atServer(session).Start
		Eventually(message).WithArguments(ctx, session).Should(And(
			ContainSubstring("it is not extended further: grants[0] of connection"), ContainSubstring("at most 5m0s")))
		s.lookAgain(ctx, session)
		Expect(s.atServer(session).End).To(BeTemporally("<=", begun.Add(5*time.Minute+2*time.Second)))
		Expect(ready(ctx, session)()).To(Equal("True Active"))
	})

	It("in how many sessions live that it covers", func(ctx context.Context) {
		s, there := granted(ctx, pamv1alpha1.Grant{Activities: []string{"Linux *"}, MaxSessions: new(int32(1))},
			pamv1alpha1.Grant{Activities: []string{"Windows *"}})
		first := s.activeSession(ctx, "first", there)
		second := s.session(ctx, "second", there)
		eventuallyReason(ctx, second, pamv1alpha1.ReasonProgressing)
		Eventually(message).WithArguments(ctx, second).Should(ContainSubstring(
			"waiting for a place in the session quota: 1 of at most 1 sessions covered by grants[0] of connection"))
		s.activeSession(ctx, "other", there, onWindows())
		cancel(ctx, first)
		eventuallyPhase(ctx, second, pamv1alpha1.SessionActive)
	})

	It("unless another one that allows it has room", func(ctx context.Context) {
		s, there := granted(ctx, pamv1alpha1.Grant{MaxSessions: new(int32(1))}, pamv1alpha1.Grant{MaxSessions: new(int32(2))})
		s.activeSession(ctx, "first", there)
		s.activeSession(ctx, "second", there)
		third := s.session(ctx, "third", there)
		eventuallyReason(ctx, third, pamv1alpha1.ReasonProgressing)
		Eventually(message).WithArguments(ctx, third).Should(ContainSubstring("2 of at most 2 sessions covered by grants[1]"))
	})

	DescribeTable("in what else it may ask for",
		func(ctx context.Context, grant pamv1alpha1.Grant, want string, request builder.Option) {
			s, there := granted(ctx, grant)
			session := s.session(ctx, "session", there, request)
			eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotPermitted)
			Expect(message(ctx, session)).To(ContainSubstring(want))
			Expect(s.calls()).To(BeZero())
		},
		Entry("the password", pamv1alpha1.Grant{}, "grants[0] does not allow connectionSecret.password", password),
		Entry("a start that is far away", pamv1alpha1.Grant{MaxStartDelay: hour},
			"grants[0] allows a startTime at most 1h0m0s ahead", startingAt(time.Now().Add(2*time.Hour))),
		Entry("an access policy", pamv1alpha1.Grant{Activities: []string{"Linux *"}},
			"grants[0] does not allow choosing an access policy", policy),
	)

	It("in whether it may outlive its object", func(ctx context.Context) {
		s, there := granted(ctx, pamv1alpha1.Grant{Activities: []string{windowsAdmin}, Keep: new(true)},
			pamv1alpha1.Grant{Activities: []string{builder.DefaultActivity}})
		refused := s.session(ctx, "refused", there, keep)
		eventuallyReason(ctx, refused, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(message(ctx, refused)).To(ContainSubstring("does not allow deletionPolicy: Keep: it needs keep: true"))
		Expect(s.calls()).To(BeZero())

		By("whenever its author decides that, and whatever the API server lets them do")
		ended := s.activeSession(ctx, "ended", there)
		change(ctx, ended, func(o *pamv1alpha1.ActivitySession) { keep(o) })
		Expect(k8s.Delete(ctx, ended)).To(Succeed())
		eventuallyGone(ctx, ended)
		Expect(s.atServer(ended).Status).To(BeElementOf("Complete", "Cancelled"))
		eventuallyEvent(ctx, ended.Namespace, pamv1alpha1.ReasonConnectionNotPermitted, "it needs keep: true")

		kept := s.activeSession(ctx, "kept", there, onWindows(), keep)
		Expect(k8s.Delete(ctx, kept)).To(Succeed())
		eventuallyGone(ctx, kept)
		Expect(s.atServer(kept).Status).To(Equal("Active"))
	})

	It("to what it allows", func(ctx context.Context) {
		s, there := granted(ctx, pamv1alpha1.Grant{Passwords: new(true), MaxStartDelay: hour})
		session := s.activeSession(ctx, "session", there, password)
		Expect(value(ctx, session, "password")()).NotTo(BeEmpty())
		later := s.session(ctx, "later", there, startingAt(time.Now().Add(30*time.Minute)))
		eventuallyPhase(ctx, later, pamv1alpha1.SessionScheduled)
	})

	It("and the connection counts what was sent and has no answer", func(ctx context.Context) {
		s := newServerSite(ctx, unanswered(1, simnps.CreateSwitches{}), activeSessions(1))
		s.fault(fault.Rule{Name: "list", Path: "MySummaryByStatus", Status: 500})
		first := s.session(ctx, "first")
		Eventually(func() int { return s.nps.Stats().Creates }).Should(Equal(1))
		second := s.session(ctx, "second")
		eventuallyReason(ctx, second, pamv1alpha1.ReasonProgressing)
		Eventually(message).WithArguments(ctx, second).Should(ContainSubstring("1 of at most 1 sessions of connection"))
		s.nps.Faults().Remove("list")
		eventuallyPhase(ctx, first, pamv1alpha1.SessionActive)
		Expect(s.nps.Stats().Creates).To(Equal(1), fmt.Sprint(s.nps.Sessions()))
	})
})
