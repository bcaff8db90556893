// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// probe has a connection looked at now, as it is every few minutes.
func probe(ctx context.Context, conn *pamv1alpha1.NPSConnection) {
	GinkgoHelper()
	change(ctx, conn, func(c *pamv1alpha1.NPSConnection) {
		builder.Annotation(pamv1alpha1.AnnotationReconcileRequestedAt, time.Now().Format(time.RFC3339Nano))(c)
	})
}

var _ = Describe("An NPSConnection whose API key somebody has regenerated at the server", func() {
	It("says so at the next look, ends what lives with the token that it has, and heals", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		for _, secret := range s.applicationSecrets() {
			s.create(ctx, secret)
		}
		conn := s.npsConnection(asApplication(""))
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)
		session := s.activeSession(ctx, "session")

		const another = "another key of the server"
		Expect(s.nps.SetAPIKey(simnps.DefaultApplication, another)).To(Succeed())
		probe(ctx, conn)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		Expect(message(ctx, conn)).To(And(
			ContainSubstring("only the most recently generated key is valid"), ContainSubstring("apiKey of Secret"),
		))
		Expect(s.nps.Stats().FailedAppTokens).To(Equal(1))
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		Expect(s.nps.Sessions()[0].Status).To(Equal("Complete"))

		secret := builder.Secret(applicationCredentials, nil, inSite(s))
		change(ctx, secret, func(o *corev1.Secret) { o.Data["apiKey"] = []byte(another) })
		eventuallyReady(ctx, conn)
		s.activeSession(ctx, "next")
	})
})

var _ = Describe("NPSConnections that share credentials", func() {
	It("send them once when they have been changed at the server", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		for _, secret := range s.applicationSecrets() {
			s.create(ctx, secret)
		}
		var sessions []*pamv1alpha1.ActivitySession
		for _, name := range []string{"nps", "second", "third", "fourth", "fifth", "sixth"} {
			conn := s.npsConnection(asApplication(""))
			conn.Name = name
			s.create(ctx, conn)
			eventuallyReady(ctx, conn)
			sessions = append(sessions, s.activeSession(ctx, name, builder.Connection(name, "")))
		}
		Expect(s.nps.SetAPIKey(simnps.DefaultApplication, "another")).To(Succeed())
		s.nps.RevokeTokens()
		for _, session := range sessions {
			eventuallyReason(ctx, session, pamv1alpha1.ReasonUnauthorized)
		}
		Expect(s.nps.Stats().FailedAppTokens).To(Equal(1))

		By("being told by a Secret that is corrected")
		secret := builder.Secret(applicationCredentials, nil, inSite(s))
		change(ctx, secret, func(o *corev1.Secret) { o.Data["apiKey"] = []byte("another") })
		for _, session := range sessions {
			eventuallyReady(ctx, session)
		}
	})
})
