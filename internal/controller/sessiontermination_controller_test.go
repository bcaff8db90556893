// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const terminations = "^/api/active-sessions$"

// Version 6.0 does not offer to close sessions (docs/vendors/sps.md 8).
var _ = onSPS("SessionTermination", []string{"7.0", "8.0"}, func() {
	It("closes one session by its id, once", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		session, other := s.sps.StartSession(simsps.AuditSession{}), s.sps.StartSession(simsps.AuditSession{})
		t := s.termination(session.ID)
		s.create(ctx, t)
		eventuallyReady(ctx, t)
		Expect(s.live()).To(ConsistOf(other.ID))
		Expect(t.Status.Phase).To(Equal(pamv1alpha1.TerminationSucceeded))
		Expect(t.Status.Terminated).To(HaveValue(BeEquivalentTo(1)))
		Expect(holds(ctx, t, pamv1alpha1.ConditionComplete)()).To(BeTrue())
		change(ctx, t, func(t *pamv1alpha1.SessionTermination) { t.Annotations = map[string]string{wakes: "again"} })
		s.checkedAgain(ctx)
		Expect(s.sps.Faults().Count(http.MethodDelete, terminations)).To(Equal(1))
	})

	It("closes all live sessions of a policy, on every page of the search, and no other", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		const number = 510 // a page has 500
		for range number {
			s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: policy.Status.Key})
		}
		other := s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: "another"})
		t := s.termination("", builder.OfPolicy("a"))
		s.create(ctx, t)
		eventuallyReady(ctx, t)
		Expect(s.live()).To(ConsistOf(other.ID))
		Expect(t.Status.Terminated).To(HaveValue(BeEquivalentTo(number)))
	})

	It("waits for the policy that it names", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		t := s.termination("", builder.OfPolicy("a"))
		s.create(ctx, t)
		eventuallyReason(ctx, t, pamv1alpha1.ReasonReferenceNotFound)
		s.create(ctx, s.policy("a"))
		eventuallyReady(ctx, t)
		Expect(t.Status.Terminated).To(HaveValue(BeZero()))
	})

	DescribeTable("gives each answer of the appliance a clear result",
		func(ctx context.Context, kind, want string) {
			s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.ActiveSessionsError = kind }})
			session := s.sps.StartSession(simsps.AuditSession{})
			t := s.termination(session.ID)
			s.create(ctx, t)
			Eventually(ready(ctx, t)).Should(Equal(want), func() string { return describe(t) })
			switch want {
			case "True Completed":
				Expect(t.Status.Terminated).To(HaveValue(BeZero()))
			case "False Rejected", "False Failed":
				Expect(message(ctx, t)).To(And(
					ContainSubstring(kind), ContainSubstring(session.ID), ContainSubstring(remedies[kind])))
				Expect(holds(ctx, t, pamv1alpha1.ConditionFailed)()).To(BeTrue())
				Expect(t.Status.Phase).To(Equal(pamv1alpha1.TerminationFailed))
			default: // it heals by itself
				Expect(message(ctx, t)).To(ContainSubstring(remedies[kind]))
				s.sps.SetSwitches(func(w *simsps.Switches) { w.ActiveSessionsError = "" })
				eventuallyReady(ctx, t)
				Expect(s.live()).To(BeEmpty())
			}
		},
		Entry(nil, "SessionIdMissing", "False Rejected"),
		Entry(nil, "SessionCouldNotBeFound", "True Completed"),
		Entry(nil, "SessionTerminationFailed", "False Failed"),
		Entry(nil, "RemoteNodeInfoMissing", "False Failed"),
		Entry(nil, "SessionTerminationServiceUnavailable", "False Unreachable"),
		Entry(nil, "MinionUnavailable", "False Unreachable"),
		Entry("a fault that the appliance has no documented name for", "SomethingElse", "False Failed"),
	)

	It("closes a session whose user at the server the search shows as a text", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.ServerUsernameText = true }})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: policy.Status.Key})
		s.create(ctx, s.termination("", builder.OfPolicy("a")))
		Eventually(s.live).Should(BeEmpty())
	})

	It("does not claim success on an appliance that is too old to close sessions", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "6.0"})
		session := s.sps.StartSession(simsps.AuditSession{})
		t := s.termination(session.ID)
		s.create(ctx, t)
		eventuallyReason(ctx, t, pamv1alpha1.ReasonRejected)
		Expect(message(ctx, t)).To(HavePrefix("this appliance cannot close sessions"))
		Expect(s.live()).To(ConsistOf(session.ID))
	})

	It("closes the other sessions of a policy if one cannot be closed", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		for range 3 {
			s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: policy.Status.Key})
		}
		s.spsFault(fault.Rule{
			Name: "one", Method: http.MethodDelete, Path: terminationRequests, Times: 1, Status: http.StatusInternalServerError,
			Body: `{"error":{"type":"RemoteNodeInfoMissing","message":"no"}}`,
		})
		t := s.termination("", builder.OfPolicy("a"))
		s.create(ctx, t)
		eventuallyReason(ctx, t, pamv1alpha1.ReasonFailed)
		Expect(s.live()).To(HaveLen(1))
		Expect(t.Status.Terminated).To(HaveValue(BeEquivalentTo(2)))
		Expect(message(ctx, t)).To(ContainSubstring(s.live()[0]))
	})

	It("tries a session that the appliance could not close a few times more", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		session := s.sps.StartSession(simsps.AuditSession{})
		s.spsFault(fault.Rule{
			Name: "busy", Method: http.MethodDelete, Path: terminationRequests, Times: 2, Status: http.StatusInternalServerError,
			Body: `{"error":{"type":"SessionTerminationFailed","message":"no"}}`,
		})
		t := s.termination(session.ID)
		s.create(ctx, t)
		eventuallyReady(ctx, t)
		Expect(s.live()).To(BeEmpty())
		Expect(t.Status.Terminated).To(HaveValue(BeEquivalentTo(1)))
	})

	DescribeTable("is given up at its deadline, whatever it waits for",
		func(ctx context.Context, why string, how func(context.Context, *site, *pamv1alpha1.SessionTermination)) {
			s := newSite(ctx, simsps.Options{})
			session := s.sps.StartSession(simsps.AuditSession{})
			t := s.termination(session.ID, builder.With(func(t *pamv1alpha1.SessionTermination) {
				t.Spec.ActiveDeadlineSeconds = new(int64(2))
			}))
			how(ctx, s, t)
			s.create(ctx, t)
			eventuallyReason(ctx, t, pamv1alpha1.ReasonFailed)
			Expect(t.Status.Phase).To(Equal(pamv1alpha1.TerminationFailed))
			Expect(message(ctx, t)).To(And(ContainSubstring("deadline of 2s"), ContainSubstring(why)))
			Expect(s.live()).To(ConsistOf(session.ID))
			Eventually(auditLines).WithArguments(s.namespace, "terminate", "failed").ShouldNot(BeEmpty())
		},
		Entry("its own suspension", "suspended",
			func(_ context.Context, _ *site, t *pamv1alpha1.SessionTermination) { t.Spec.Suspend = new(true) }),
		Entry("a policy that does not exist", "does not exist",
			func(_ context.Context, _ *site, t *pamv1alpha1.SessionTermination) { builder.OfPolicy("nowhere")(t) }),
		Entry("a permission", "does not allow sessions",
			func(ctx context.Context, s *site, _ *pamv1alpha1.SessionTermination) {
				change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
					c.Spec.Grants = []pamv1alpha1.SPSGrant{{
						Namespaces: []string{s.namespace}, Sessions: pamv1alpha1.SessionGrantNone,
					}}
				})
				eventuallyReady(ctx, s.connection(ctx))
			}),
	)

	It("sends nothing while it or its connection is suspended", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		session := s.sps.StartSession(simsps.AuditSession{})
		change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = new(true) })
		eventuallyReason(ctx, s.connection(ctx), pamv1alpha1.ReasonSuspended)
		t := s.termination(session.ID, builder.Suspended())
		s.create(ctx, t)
		eventuallyReason(ctx, t, pamv1alpha1.ReasonSuspended)
		change(ctx, t, func(t *pamv1alpha1.SessionTermination) { t.Spec.Suspend = nil })
		eventuallyReason(ctx, t, pamv1alpha1.ReasonSuspended)
		Expect(message(ctx, t)).To(ContainSubstring("connection is suspended"))
		Expect(s.sps.Faults().Count(http.MethodDelete, terminations)).To(BeZero())
		change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = nil })
		eventuallyReady(ctx, t)
		Expect(s.live()).To(BeEmpty())
	})

	It("is deleted after its time, and not before it is over", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		now := builder.With(func(t *pamv1alpha1.SessionTermination) { t.Spec.TTLSecondsAfterFinished = new(int32(0)) })
		held, t := s.termination("svc/a/b:1", now, builder.Suspended()), s.termination("svc/a/b:2", now)
		held.Name = "held"
		s.create(ctx, held, t)
		eventuallyGone(ctx, t)
		eventuallyReason(ctx, held, pamv1alpha1.ReasonSuspended)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(held), held)).To(Succeed())
	})
})

// remedies are words of what a message says to do about an answer.
var remedies = map[string]string{
	"SessionTerminationFailed": "internal error", "RemoteNodeInfoMissing": "One Identity Support",
	"SessionTerminationServiceUnavailable": "systemctl restart sessionterminationservice.service",
	"MinionUnavailable":                    "/api/cluster/status",
}

const terminationRequests = `^/api/active-sessions\?`

// termination closes a session through the connection sps.
func (s *site) termination(sessionID string, options ...builder.Option) *pamv1alpha1.SessionTermination {
	return builder.SessionTermination("close", sessionID, append(s.in("sps"), options...)...)
}

// live are the ids of the live sessions.
func (s *site) live() []string {
	var ids []string
	for _, session := range s.sps.Sessions() {
		if session.Active {
			ids = append(ids, session.ID)
		}
	}
	return ids
}
