// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// refusedLogIn is a log-in that the server refuses, and how it is fixed.
type refusedLogIn struct {
	reason nps.CredentialsReason
	// secret is what the connection signs in with as a user; an application's if it is nil.
	secret map[string]string
	// spoil makes the server, or the connection, refuse it, and fix takes that back.
	spoil, fix func(ctx context.Context, s *site, conn *pamv1alpha1.NPSConnection)
	// says is what is to be fixed, and in which Secret or field.
	says []string
}

// quickKey changes a key of the user's Secret.
func quickKey(key, value string) func(ctx context.Context, s *site, _ *pamv1alpha1.NPSConnection) {
	return secretKey(quickCredentials, key, value)
}

func secretKey(name, key, value string) func(ctx context.Context, s *site, _ *pamv1alpha1.NPSConnection) {
	return func(ctx context.Context, s *site, _ *pamv1alpha1.NPSConnection) {
		secret := builder.Secret(name, nil, inSite(s))
		change(ctx, secret, func(s *corev1.Secret) { s.Data[key] = []byte(value) })
	}
}

// answering makes the server answer sign-ins in this way.
func answering(rule fault.Rule) func(context.Context, *site, *pamv1alpha1.NPSConnection) {
	return func(_ context.Context, s *site, _ *pamv1alpha1.NPSConnection) { s.fault(rule) }
}

// relent takes a fault back. The operator does not know, so it is given another reason to sign in anew.
func relent(ctx context.Context, s *site, conn *pamv1alpha1.NPSConnection) {
	s.nps.Faults().Clear()
	change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.TLS.ServerName = "localhost" })
}

var _ = Describe("An NPSConnection whose log-in is refused", func() {
	const user, application = "spec.auth.user.credentialsSecretRef", "spec.auth.applicationUser."
	quick := map[string]string{"username": simnps.DefaultUserNoMFA, "password": simnps.DefaultPassword}
	robot := map[string]string{
		"username": simnps.DefaultAdmin, "password": simnps.DefaultPassword, "mfaCode": simnps.DefaultMFACode,
	}

	DescribeTable("says what it is, where to fix it, and recovers once that is done",
		func(ctx context.Context, c refusedLogIn) {
			s := newBareSite(ctx, simsps.Options{})
			conn := s.quickConnection()
			if c.secret == nil {
				conn = s.npsConnection(asApplication(""))
				for _, secret := range s.applicationSecrets() {
					s.create(ctx, secret)
				}
			} else {
				s.create(ctx, builder.Secret(quickCredentials, c.secret, inSite(s)))
			}
			c.spoil(ctx, s, conn)
			session := s.session(ctx, "session")
			s.create(ctx, conn)
			eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
			Expect(condition(conn, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
			said := message(ctx, conn)
			Expect(said).To(ContainSubstring("log-in refused (" + string(c.reason) + ")"))
			Expect(said).To(ContainSubstring("not tried again before"))
			for _, words := range c.says {
				if words == user {
					words = fmt.Sprintf("of Secret %s/%s (%s)", s.namespace, quickCredentials, user)
				}
				Expect(said).To(ContainSubstring(words))
			}
			eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotReady)
			Expect(s.nps.Faults().Count(http.MethodPost, "^/signinBody$|^/WebAppApi/")).To(Equal(1), "it is tried once")

			c.fix(ctx, s, conn)
			eventuallyReady(ctx, conn)
			eventuallyReady(ctx, session)
		},
		Entry("for the password", refusedLogIn{
			reason: nps.ReasonWrongPassword, secret: quick,
			spoil: quickKey("password", canaryWrongPassword), fix: quickKey("password", simnps.DefaultPassword),
			says: []string{"user name or password is wrong", "Look at keys username and password", user},
		}),
		Entry("for the second factor", refusedLogIn{
			reason: nps.ReasonWrongCode, secret: robot,
			spoil: quickKey("mfaCode", "000000"), fix: quickKey("mfaCode", simnps.DefaultMFACode),
			says: []string{
				"the second factor was refused; check", "the clocks of the NPS server", "SAML",
				"Look at key totpSecret or mfaCode", user,
			},
		}),
		Entry("because the account is locked", refusedLogIn{
			reason: nps.ReasonAccountLocked, secret: quick,
			spoil: answering(fault.Rule{
				Name: "locked", Path: "^/signinBody$", Status: http.StatusForbidden,
				Body: `{"detail":"The account is locked out."}`,
			}), fix: relent,
			says: []string{"unlock it or wait", "Look at key username", user},
		}),
		Entry("for the certificate", refusedLogIn{
			reason: nps.ReasonCertificate,
			spoil:  answering(fault.Rule{Name: "403.16", Path: "AppUserToken", Status: http.StatusForbidden}), fix: relent,
			says: []string{
				"the client certificate was not accepted; check that it is trusted", "Look at key tls.crt of Secret",
				"/" + builder.NPSClientCertificate + " (" + application + "certificateSecretRef)",
			},
		}),
		Entry("for the certificate or the serial number", refusedLogIn{
			reason: nps.ReasonCertificate,
			spoil: func(_ context.Context, s *site, conn *pamv1alpha1.NPSConnection) {
				conn.Spec.Auth.ApplicationUser.SerialNumber = new("0BADC0DE")
				s.fault(fault.Rule{Name: "403.16", Path: "AppUserToken", Status: http.StatusForbidden})
			},
			fix: func(ctx context.Context, s *site, conn *pamv1alpha1.NPSConnection) {
				s.nps.Faults().Clear()
				change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.Auth.ApplicationUser.SerialNumber = nil })
			},
			says: []string{"Look at " + application + "serialNumber, and then at key tls.crt of Secret"},
		}),
		Entry("for the serial number", refusedLogIn{
			reason: nps.ReasonSerialNumber,
			spoil: func(_ context.Context, _ *site, conn *pamv1alpha1.NPSConnection) {
				conn.Spec.Auth.ApplicationUser.SerialNumber = new("0BADC0DE")
			},
			fix: func(ctx context.Context, _ *site, conn *pamv1alpha1.NPSConnection) {
				change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.Auth.ApplicationUser.SerialNumber = nil })
			},
			says: []string{
				"the serial number of the client certificate is not the application's",
				"Look at " + application + "serialNumber, or key tls.crt of Secret",
			},
		}),
		Entry("for the API key", refusedLogIn{
			reason: nps.ReasonAPIKey,
			spoil:  secretKey(applicationCredentials, "apiKey", canaryWrongPassword),
			fix:    secretKey(applicationCredentials, "apiKey", simnps.DefaultAPIKey),
			says: []string{
				"name or API key of the application is wrong", "only the most recently generated key is valid",
				"Look at keys login and apiKey of Secret",
				"/" + applicationCredentials + " (" + application + "credentialsSecretRef)",
			},
		}),
		Entry("without a word", refusedLogIn{
			reason: nps.ReasonEmptyAnswer, secret: quick,
			spoil: answering(fault.Rule{
				Name: "page", Path: "^/signin", Status: http.StatusOK, Body: "<html><title>Welcome</title></html>",
			}), fix: relent,
			says: []string{
				"the server answered without a token", "Look at keys username, password, and totpSecret or mfaCode of Secret",
				"and then at spec.url and spec.auth.type",
			},
		}),
	)
})
