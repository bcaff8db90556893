// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const applicationCredentials = "nps-application"

// applicationSecrets are the Secrets of an application user whose certificate is signed by the site's CA.
func (s *site) applicationSecrets() []*corev1.Secret {
	in := builder.InNamespace(s.namespace)
	certificate := builder.Secret(builder.NPSClientCertificate, map[string]string{
		corev1.TLSCertKey:       string(s.running.Client().CertificatePEM),
		corev1.TLSPrivateKeyKey: string(s.running.Client().PrivateKeyPEM),
	}, in, builder.Type(corev1.SecretTypeTLS), builder.ReadBy("NPSConnection"))
	return []*corev1.Secret{certificate, builder.Secret(applicationCredentials, map[string]string{
		"login": simnps.DefaultApplication, "apiKey": simnps.DefaultAPIKey,
	}, in)}
}

// asApplication makes a connection sign in as an application user, with the serial number of its certificate if none is
// given.
func asApplication(serial string) builder.Option {
	return builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Auth = pamv1alpha1.NPSAuth{
			Type: pamv1alpha1.NPSAuthApplicationUser,
			ApplicationUser: &pamv1alpha1.NPSApplicationUser{
				CredentialsSecretRef: pamv1alpha1.SecretReference{Name: applicationCredentials},
				CertificateSecretRef: pamv1alpha1.SecretReference{Name: builder.NPSClientCertificate},
			},
		}
		if serial != "" {
			c.Spec.Auth.ApplicationUser.SerialNumber = &serial
		}
	})
}

var _ = Describe("NPSConnection", func() {
	bare := func(ctx context.Context) *site { return newBareSite(ctx, simsps.Options{}) }

	It("shows the server's version and when its token ends", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{Version: "26.03.00001", TokenLifetime: 20 * time.Minute})
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		eventuallyReady(ctx, conn)
		Expect(ready(ctx, conn)()).To(Equal("True Synced"))
		Expect(conn.Status.Version).To(Equal("26.03.00001"))
		Expect(conn.Status.TokenExpiresAt.Time).To(BeTemporally("~", time.Now().Add(20*time.Minute), time.Minute))
		Expect(*conn.Status.ActiveSessions).To(BeZero())
	})

	It("counts the sessions that live", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		count := func() int32 {
			if ready(ctx, conn)() != "True Synced" || conn.Status.ActiveSessions == nil {
				return -1
			}
			return *conn.Status.ActiveSessions
		}
		first := s.activeSession(ctx, "first")
		s.session(ctx, "second", withApproval)
		s.session(ctx, "third", builder.Suspended())
		Eventually(count).Should(BeEquivalentTo(2))
		cancel(ctx, first)
		Eventually(count).Should(BeEquivalentTo(1))
	})

	It("counts a burst of sessions with few writes, and to the last one", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		stored, ok := connectionWrites.Load(client.ObjectKeyFromObject(conn))
		Expect(ok).To(BeTrue())
		writes, ok := stored.(*atomic.Int64)
		Expect(ok).To(BeTrue())
		before, begun := writes.Load(), time.Now()
		const burst = 40
		for i := range burst {
			session := s.session(ctx, fmt.Sprintf("session-%d", i))
			eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		}
		Eventually(func() *int32 {
			_ = ready(ctx, conn)()
			return conn.Status.ActiveSessions
		}).Should(HaveValue(BeEquivalentTo(burst)))
		pauses := int64(time.Since(begun) / (3 * time.Second))
		Expect(writes.Load()-before).To(BeNumerically("<=", pauses+2), "of %d sessions", burst)
	})

	It("signs in with what an editor on Windows has saved", func(ctx context.Context) {
		s := bare(ctx)
		secret := builder.Secret(quickCredentials, map[string]string{
			"username": "\xef\xbb\xbf" + simnps.DefaultUserNoMFA + "\r\n", "password": simnps.DefaultPassword + "\r\n",
		}, inSite(s))
		conn := s.quickConnection()
		s.create(ctx, secret, conn)
		eventuallyReady(ctx, conn)
	})

	It("signs in with a password and a code", func(ctx context.Context) {
		s := bare(ctx)
		conn := s.npsConnection()
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)
		Expect(s.nps.Stats().SecondFactors).To(Equal(1))
	})

	It("signs in as an application user with a certificate, and opens sessions", func(ctx context.Context) {
		s := bare(ctx)
		for _, secret := range s.applicationSecrets() {
			s.create(ctx, secret)
		}
		conn := s.npsConnection(asApplication(""))
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)
		Expect(s.nps.Stats().AppTokens).To(Equal(1))
		session := s.activeSession(ctx, "session")
		Expect(s.atServer(session).CreatedBy).To(Equal(simnps.DefaultApplication))
	})

	It("says so when the serial number is not the application's, and recovers after that", func(ctx context.Context) {
		s := bare(ctx)
		for _, secret := range s.applicationSecrets() {
			s.create(ctx, secret)
		}
		conn := s.npsConnection(asApplication("0BADC0DE"))
		s.create(ctx, conn)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		Expect(s.nps.Stats().FailedAppTokens).To(Equal(1))
		change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.Auth.ApplicationUser.SerialNumber = nil })
		eventuallyReady(ctx, conn)
	})

	DescribeTable("says what is wrong with its Secrets",
		func(ctx context.Context, reason, words string, spoil func(s *site) []*corev1.Secret, options ...builder.Option) {
			s := bare(ctx)
			secrets := map[string]*corev1.Secret{}
			for _, secret := range append(s.applicationSecrets(), spoil(s)...) {
				secrets[secret.Name] = secret
			}
			for _, secret := range secrets {
				if secret.Data != nil {
					s.create(ctx, secret)
				}
			}
			conn := s.quickConnection(options...)
			s.create(ctx, conn)
			eventuallyReason(ctx, conn, reason)
			Expect(message(ctx, conn)).To(ContainSubstring(words))
			Expect(s.nps.Stats().SignIns + s.nps.Stats().AppTokens).To(BeZero())
		},
		Entry("when there is none", pamv1alpha1.ReasonConnectionNotReady, "does not exist",
			func(*site) []*corev1.Secret { return nil }),
		Entry("when a key is missing", pamv1alpha1.ReasonConnectionNotReady, "has no key password",
			func(s *site) []*corev1.Secret {
				return []*corev1.Secret{builder.Secret(quickCredentials, map[string]string{"username": "x"}, inSite(s))}
			}),
		Entry("when it is not marked for connections", pamv1alpha1.ReasonConnectionNotReady,
			"label it pam-operator.io/read-by=NPSConnection", func(s *site) []*corev1.Secret {
				secret := s.quickSecret(simnps.DefaultPassword)
				builder.Type(corev1.SecretTypeOpaque)(secret)
				return []*corev1.Secret{secret}
			}),
		Entry("when the certificate is not marked for connections", pamv1alpha1.ReasonConnectionNotReady,
			builder.NPSClientCertificate+" is not marked for this use", func(s *site) []*corev1.Secret {
				secret := s.applicationSecrets()[0]
				builder.ReadBy("SPSConnection")(secret)
				return []*corev1.Secret{secret}
			}, asApplication("")),
		Entry("when the password is wrong", pamv1alpha1.ReasonUnauthorized, "user name or password is wrong",
			func(s *site) []*corev1.Secret { return []*corev1.Secret{s.quickSecret(canaryWrongPassword)} }),
		Entry("when the TOTP secret is none", pamv1alpha1.ReasonInvalidSpec, "key totpSecret of Secret",
			func(s *site) []*corev1.Secret {
				secret := s.quickSecret(simnps.DefaultPassword)
				secret.Data["totpSecret"] = []byte("canary-1-is-not-base32")
				return []*corev1.Secret{secret}
			}),
		Entry("when the certificate is none", pamv1alpha1.ReasonInvalidSpec, "tls.crt holds no PEM certificate",
			func(s *site) []*corev1.Secret {
				secret := builder.Secret(builder.NPSClientCertificate, map[string]string{
					corev1.TLSCertKey: "nothing", corev1.TLSPrivateKeyKey: "nothing",
				}, inSite(s), builder.Type(corev1.SecretTypeTLS), builder.ReadBy("NPSConnection"))
				return []*corev1.Secret{secret}
			}, asApplication("")),
		Entry("when the API key is wrong", pamv1alpha1.ReasonUnauthorized, "API key",
			func(s *site) []*corev1.Secret {
				return []*corev1.Secret{builder.Secret(applicationCredentials, map[string]string{
					"login": simnps.DefaultApplication, "apiKey": canaryWrongPassword,
				}, inSite(s))}
			}, asApplication("")),
	)

	It("tries a wrong code no more often than twice, and works with a corrected one", func(ctx context.Context) {
		s := bare(ctx)
		secret := builder.Secret(quickCredentials, map[string]string{
			"username": simnps.DefaultAdmin, "password": simnps.DefaultPassword, "mfaCode": "000000",
		}, inSite(s))
		conn := s.quickConnection()
		s.create(ctx, secret, conn)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		Expect(message(ctx, conn)).To(ContainSubstring("second factor was refused"))
		Expect(s.nps.Stats().FailedSecondFactors).To(Equal(1))
		change(ctx, secret, func(s *corev1.Secret) { s.Data["mfaCode"] = []byte(simnps.DefaultMFACode) })
		eventuallyReady(ctx, conn)
	})

	It("is Progressing while its first probe waits, and ready once that is answered", func(ctx context.Context) {
		s := bare(ctx)
		release := make(chan struct{})
		answer := sync.OnceFunc(func() { close(release) })
		DeferCleanup(answer)
		s.nps.Faults().OnRequest(func(*http.Request) { <-release })
		conn := s.quickConnection()
		s.create(ctx, s.quickSecret(simnps.DefaultPassword), conn)
		session := s.session(ctx, "session")
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonProgressing)
		Expect(message(ctx, conn)).To(ContainSubstring("waiting for an answer"))
		Expect(condition(conn, pamv1alpha1.ConditionReconciling)).To(Equal(metav1.ConditionTrue))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonProgressing)
		answer()
		eventuallyReady(ctx, conn)
		eventuallyReady(ctx, session)
	})

	It("is Unreachable while the server is down, and ready when it is back", func(ctx context.Context) {
		s := bare(ctx)
		s.down()
		conn := s.quickConnection()
		s.create(ctx, s.quickSecret(simnps.DefaultPassword), conn)
		session := s.session(ctx, "session")
		Eventually(func() metav1.ConditionStatus {
			_ = ready(ctx, session)()
			return condition(session, pamv1alpha1.ConditionReconciling)
		}).Should(Equal(metav1.ConditionTrue))
		s.up()
		eventuallyReady(ctx, conn)
		eventuallyReady(ctx, session)
	})
})

func inSite(s *site) builder.Option { return builder.InNamespace(s.namespace) }
