// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("An ActivitySession that was refused", func() {
	It("causes few calls however often its Secret is changed", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Activity("Linux patching"))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		secret := builder.Secret(session.SecretName(), nil, builder.InNamespace(s.namespace))
		s.create(ctx, secret)
		before := s.calls()
		for i := range 200 {
			change(ctx, secret, func(o *corev1.Secret) { builder.Annotation("look", fmt.Sprint(i))(o) })
		}
		Eventually(answered(ctx, session)).Should(Equal(request(ctx, session)))
		// The session is searched for three times, once more because of the request, and four times if that has it sent
		// again.
		const searches, lists = 8, 5
		Expect(s.calls() - before).To(BeNumerically("<=", searches*lists+1))
	})
})

var _ = Describe("An ActivitySession with the status of another one", func() {
	It("is put in order at once, and the other one's session stays as it is", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		other := s.activeSession(ctx, "other")
		session := s.session(ctx, "session", builder.Suspended())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
		patch := patchFrom(session)
		other.Status.DeepCopyInto(&session.Status)
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		Eventually(func() string {
			_ = phase(ctx, session)() // reads it again
			return session.Status.SessionID + session.Status.RequestID
		}).Should(BeEmpty())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
		Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionPending))
		Expect(secretOf(ctx, session)).To(BeNil())
		Expect(s.atServer(other).Status).To(Equal("Active"))
		eventuallyReady(ctx, other)
		Expect(secretOf(ctx, other)).NotTo(BeNil())
	})
})
