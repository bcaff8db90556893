// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// tenant is a namespace beside a site's, with these labels.
func (s *site) tenant(ctx context.Context, options ...builder.Option) string {
	GinkgoHelper()
	name := s.namespace + "-tenant"
	s.create(ctx, builder.Namespace(name, options...))
	DeferCleanup(func(ctx context.Context) {
		Expect(k8s.DeleteAllOf(ctx, &pamv1alpha1.ActivitySession{}, client.InNamespace(name))).To(Succeed())
	})
	return name
}

// from is a request from another namespace.
func (s *site) from(namespace string) builder.Option {
	return builder.With(func(session *pamv1alpha1.ActivitySession) {
		session.Namespace = namespace
		session.Spec.ConnectionRef.Namespace = s.namespace
	})
}

func activeSessions(n int32) builder.Option {
	return builder.With(func(c *pamv1alpha1.NPSConnection) { c.Spec.Limits.ActiveSessions = &n })
}

var _ = Describe("An ActivitySession needs the permission of the connection's owner", func() {
	all := builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll})
	hour := &metav1.Duration{Duration: time.Hour}
	byID := builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.Activity = pamv1alpha1.NamedOrID{ID: "11111111-2222-3333-4444-555555555555"}
	})
	labelled := &metav1.LabelSelector{MatchLabels: map[string]string{"pam": "yes"}}
	grant := func(g pamv1alpha1.Grant) builder.Option {
		g.NamespaceSelector = &metav1.LabelSelector{}
		return builder.Grants(g)
	}

	DescribeTable("and nothing is sent without",
		func(ctx context.Context, want string, connection []builder.Option, request ...builder.Option) {
			s := newServerSite(ctx, simnps.Options{}, connection...)
			request = append([]builder.Option{s.from(s.tenant(ctx))}, request...)
			session := s.session(ctx, "session", request...)
			eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotPermitted)
			Expect(message(ctx, session)).To(ContainSubstring(want))
			Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
			Expect(session.Finalizers).To(BeEmpty())
			Expect(s.nps.Faults().Count("POST", createPath)).To(BeZero())
		},
		Entry("its own namespace by default", "does not allow namespace", nil),
		Entry("a label of its namespace", "its owner can change allowedNamespaces",
			[]builder.Option{builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{
				From: pamv1alpha1.NamespacesFromSelector, Selector: labelled,
			})}),
		Entry("a grant at all", "the connection has no grants, so only its own namespace may ask through it",
			[]builder.Option{all}),
		Entry("a grant for its namespace", "no grant is for namespace",
			[]builder.Option{all, builder.Grants(pamv1alpha1.Grant{Namespaces: []string{"elsewhere"}})}),
		Entry("a grant for its activity", "grants[0] does not allow the activity Linux root: it allows Windows *",
			[]builder.Option{all, grant(pamv1alpha1.Grant{Activities: []string{"Windows *"}})}),
		Entry("a grant for an activity by id", "does not allow the activity given by id",
			[]builder.Option{all, grant(pamv1alpha1.Grant{Activities: []string{"*"}})}, byID),
		Entry("a grant for its resource", "grants[0] does not allow the resource db1.payments.example.com",
			[]builder.Option{all, grant(pamv1alpha1.Grant{Resources: []string{"*.orders.example.com"}})}),
		Entry("a grant for its credential", "does not allow the resource oracle-sys",
			[]builder.Option{all, grant(pamv1alpha1.Grant{Resources: []string{"svc-*"}})},
			builder.Activity("Credential Release"), credential("oracle-sys")),
		Entry("a grant for its duration", "allows at most 1h0m0s, not 2h0m0s",
			[]builder.Option{all, grant(pamv1alpha1.Grant{MaxDuration: hour})}, builder.Duration(2*time.Hour)),
		Entry("a duration, where a grant limits it", "allows at most 1h0m0s: set a duration",
			[]builder.Option{all, grant(pamv1alpha1.Grant{MaxDuration: hour})}),
	)

	It("and begins once the owner allows it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", s.from(s.tenant(ctx, builder.Label("pam", "yes"))), builder.Duration(time.Hour))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotPermitted)
		change(ctx, builder.NPSConnection("nps", builder.InNamespace(s.namespace)), func(c *pamv1alpha1.NPSConnection) {
			c.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{
				From: pamv1alpha1.NamespacesFromSelector, Selector: labelled,
			}
			c.Spec.Grants = []pamv1alpha1.Grant{{
				NamespaceSelector: c.Spec.AllowedNamespaces.Selector, Activities: []string{"Linux *"},
				Resources: []string{"*.payments.example.com"}, MaxDuration: hour,
			}}
		})
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)

		By("following and ending it although the permission is taken away")
		change(ctx, builder.NPSConnection("nps", builder.InNamespace(s.namespace)), func(c *pamv1alpha1.NPSConnection) {
			c.Spec.AllowedNamespaces, c.Spec.Grants = nil, nil
		})
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		Expect(ended).To(ContainElement(s.nps.Sessions()[0].Status))
	})

	It("and waits for a place where the connection's limit is reached", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{}, activeSessions(2))
		var sessions []*pamv1alpha1.ActivitySession
		for i := range 8 {
			sessions = append(sessions, s.session(ctx, fmt.Sprintf("session-%d", i)))
		}
		waiting := func() (n int) {
			for _, session := range sessions {
				if phase(ctx, session)() == pamv1alpha1.SessionPending && session.Status.SessionID == "" {
					n++
				}
			}
			return n
		}
		live := func() (n int) {
			for _, there := range s.nps.Sessions() {
				if there.Status == "Active" || there.Status == "Pending" {
					n++
				}
			}
			return n
		}
		for done := range len(sessions) - 2 {
			Eventually(waiting).Should(Equal(len(sessions) - 2 - done))
			Expect(live()).To(BeNumerically("<=", 2))
			for _, session := range sessions {
				if phase(ctx, session)() == pamv1alpha1.SessionPending {
					Expect(message(ctx, session)).To(ContainSubstring(
						"waiting for a place in the session quota: 2 of at most 2 sessions"))
				}
			}
			var active *pamv1alpha1.ActivitySession
			Eventually(func() bool {
				i := slices.IndexFunc(sessions, func(session *pamv1alpha1.ActivitySession) bool {
					return phase(ctx, session)() == pamv1alpha1.SessionActive
				})
				if i >= 0 {
					active = sessions[i]
				}
				return i >= 0
			}).Should(BeTrue())
			cancel(ctx, active)
			eventuallyPhase(ctx, active, pamv1alpha1.SessionCancelled)
		}
		Eventually(func() int { return s.nps.Stats().Creates }).Should(Equal(len(sessions)))
	})

	It("and its refusal by the server takes no place", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{}, activeSessions(1))
		refused := s.session(ctx, "refused", builder.Activity("Linux patching"))
		eventuallyReason(ctx, refused, pamv1alpha1.ReasonRejected)
		s.activeSession(ctx, "session")
	})
})

var _ = Describe("An ActivitySession that is suspended", func() {
	It("sends nothing until it is resumed", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
		Expect(condition(session, pamv1alpha1.ConditionStalled)).To(BeEmpty())
		Expect(session.Finalizers).To(BeEmpty())
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.Suspend = nil })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
	})

	It("by its connection sends nothing until that is resumed, and what lives goes on", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		live := s.activeSession(ctx, "live")
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.Suspend = new(true) })
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonSuspended)
		session := s.session(ctx, "session")
		eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
		cancel(ctx, live)
		eventuallyPhase(ctx, live, pamv1alpha1.SessionCancelled)
		change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.Suspend = nil })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
	})

	It("can be cancelled without ever having been asked for", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(s.nps.Sessions()).To(BeEmpty())
	})
})
