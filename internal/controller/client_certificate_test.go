// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// certificateSecret is a Secret with a client certificate that ends at a time.
func certificateSecret(s *site, name string, end time.Time, more map[string]string) *corev1.Secret {
	GinkgoHelper()
	pair := builder.Certificate(x509.Certificate{NotAfter: end})
	private, isECDSA := pair.PrivateKey.(*ecdsa.PrivateKey)
	Expect(isECDSA).To(BeTrue())
	key, err := x509.MarshalPKCS8PrivateKey(private)
	Expect(err).NotTo(HaveOccurred())
	data := map[string]string{
		corev1.TLSCertKey:       string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})),
		corev1.TLSPrivateKeyKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
	for k, v := range more {
		data[k] = v
	}
	return builder.Secret(name, data, inSite(s))
}

var _ = Describe("A client certificate that has expired", func() {
	expired := time.Now().Add(-time.Hour).Truncate(time.Second)
	says := And(ContainSubstring("expired at "+expired.UTC().Format(time.RFC3339)), ContainSubstring("/expired "))

	It("is not sent to an appliance, and a new one is used at once", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		secret := certificateSecret(s, "expired", expired, nil)
		conn := s.spsConnection("sps", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.CredentialsSecretRef.Name = secret.Name
		}))
		s.create(ctx, secret, conn)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		Expect(message(ctx, conn)).To(says)
		Expect(s.sps.Faults().Calls()).To(BeEmpty())

		change(ctx, secret, func(o *corev1.Secret) {
			o.Data = certificateSecret(s, "new", time.Now().Add(time.Hour), nil).Data
		})
		eventuallyReady(ctx, conn)
	})

	It("is not sent to a server", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		secret := certificateSecret(s, "expired", expired, map[string]string{
			"login": "app", "apiKey": simnps.DefaultAPIKey,
		})
		conn := s.npsConnection(builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Auth = pamv1alpha1.NPSAuth{
				Type: pamv1alpha1.NPSAuthApplicationUser, ApplicationUser: &pamv1alpha1.NPSApplicationUser{
					CredentialsSecretRef: pamv1alpha1.SecretReference{Name: secret.Name},
					CertificateSecretRef: pamv1alpha1.SecretReference{Name: secret.Name},
				},
			}
		}))
		s.create(ctx, secret, conn)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		Expect(message(ctx, conn)).To(says)
		Expect(s.nps.Faults().Calls()).To(BeEmpty())
	})
})
