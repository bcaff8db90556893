// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("An ActivitySession whose connection is pointed at another server", func() {
	// lead points the connection of a site at the server of another one, which accepts the same credentials.
	lead := func(ctx context.Context, s, to *site) {
		GinkgoHelper()
		ca := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca"}}
		change(ctx, ca, func(c *corev1.ConfigMap) { c.Data["ca.crt"] = to.ca })
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.URL = to.running.URL("nps") })
		eventuallyReady(ctx, conn)
	}
	leftover := func(ctx context.Context, session *pamv1alpha1.ActivitySession) *corev1.ConfigMap {
		GinkgoHelper()
		record := &corev1.ConfigMap{}
		key := client.ObjectKey{Namespace: session.Namespace, Name: "leftover-activitysession-" + string(session.UID)}
		Expect(k8s.Get(ctx, key, record)).To(Succeed())
		return record
	}

	It("keeps its Secret and says why it waits, and goes on when the connection leads back", func(ctx context.Context) {
		s, other := newServerSite(ctx, simnps.Options{}), newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		from := session.Status.Server
		Expect(from).To(Equal(s.running.URL("nps")))
		lead(ctx, s, other)
		s.wake(ctx, session)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotReady)
		Expect(message(ctx, session)).To(And(ContainSubstring(from), ContainSubstring(other.running.URL("nps"))))
		Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
		Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionActive))
		Expect(value(ctx, session, "ssh-url")()).To(HavePrefix("ssh://"))

		lead(ctx, s, s)
		eventuallyReady(ctx, session)
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(s.atServer(session).Status).To(Equal("Complete"))
	})

	It("is lost at its own end, with a record of what may live on", func(ctx context.Context) {
		s, other := newServerSite(ctx, simnps.Options{}), newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		lead(ctx, s, other)
		s.wake(ctx, session)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotReady)
		patch := patchFrom(session)
		session.Status.ExpiresAt = &metav1.Time{Time: time.Now().Add(-time.Minute)}
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		s.wake(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureSessionLost))
		Eventually(func() *corev1.Secret { return secretOf(ctx, session) }).Should(BeNil())
		Expect(leftover(ctx, session).Data).To(And(HaveKeyWithValue("sessionID", session.Status.SessionID),
			HaveKeyWithValue("server", s.running.URL("nps"))))
	})

	It("leaves a record if it is deleted, and its object goes when the session has ended", func(ctx context.Context) {
		s, other := newServerSite(ctx, simnps.Options{}), newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", builder.Duration(time.Hour))
		lead(ctx, s, other)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotReady)
		patch := patchFrom(session)
		session.Status.ExpiresAt.Time = time.Now().Add(-time.Hour)
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		eventuallyGone(ctx, session)
		Expect(leftover(ctx, session).Data).To(HaveKeyWithValue("sessionID", session.Status.SessionID))
	})

	It("is not requested again there while nobody knows what became of its request", func(ctx context.Context) {
		s, other := newServerSite(ctx, unanswered(1, simnps.CreateSwitches{})), newServerSite(ctx, simnps.Options{})
		s.nps.SetSwitches(func(sw *simnps.Switches) { sw.ListRefusedStatus = 500 })
		session := s.session(ctx, "session")
		Eventually(func() int { return s.nps.Stats().Creates }).Should(Equal(1))
		lead(ctx, s, other)
		s.wake(ctx, session)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotReady)
		s.expire(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureOutcomeUnknown))
		Expect(other.nps.Stats().Creates).To(BeZero())
	})

	It("goes on if that is the same server under another address", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		patch := patchFrom(session)
		session.Status.Server = "https://nps-old.example.com"
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		s.wake(ctx, session)
		Eventually(func() string {
			_ = phase(ctx, session)()
			return session.Status.Server
		}).Should(Equal(s.running.URL("nps")))
		eventuallyReady(ctx, session)
	})
})
