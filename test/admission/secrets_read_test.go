// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("A reference to a Secret", Ordered, func() {
	const author = "olga"
	var olga client.Client
	in := builder.InNamespace(owners)
	caFrom := func(kind pamv1alpha1.CABundleKind, name string) *pamv1alpha1.TLSSettings {
		return &pamv1alpha1.TLSSettings{CABundleRef: &pamv1alpha1.CABundleReference{Kind: kind, Name: name}}
	}

	BeforeAll(func(ctx context.Context) {
		olga = as(author)
		for _, role := range []string{
			"spsconnection-editor-role", "npsconnection-editor-role", "localuser-editor-role", "connection-user",
		} {
			bind(ctx, author, owners, role)
		}
		allow(ctx, author, owners, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"},
			ResourceNames: []string{"hers", "her-certificate", "her-ca"},
		})
		Eventually(func() error {
			return olga.Create(ctx, builder.LocalUser("a", in), client.DryRunAll)
		}).Should(Succeed())
		Eventually(func() error {
			return olga.Create(ctx, builder.LocalUser("a", in, builder.PasswordFrom("hers")), client.DryRunAll)
		}).Should(Succeed())
	})

	sps := func(credentials string, change ...func(*pamv1alpha1.SPSConnectionSpec)) client.Object {
		return builder.SPSConnection("a", in, builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.CredentialsSecretRef.Name = credentials
			for _, how := range change {
				how(&c.Spec)
			}
		}))
	}
	application := func(credentials, certificate, ca string) client.Object {
		return builder.NPSConnection("a", in, builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Auth.ApplicationUser.CredentialsSecretRef.Name = credentials
			c.Spec.Auth.ApplicationUser.CertificateSecretRef.Name = certificate
			c.Spec.TLS = caFrom(pamv1alpha1.CABundleSecret, ca)
		}))
	}
	user := func(credentials string) client.Object {
		return builder.NPSConnection("a", in, builder.UserSignIn(), builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Auth.User.CredentialsSecretRef.Name = credentials
		}))
	}

	DescribeTable("is written by somebody who may read the Secret",
		func(ctx context.Context, object client.Object, unreadable string) {
			object = copyOf(object)
			err := olga.Create(ctx, object, client.DryRunAll)
			if unreadable == "" {
				Expect(err).NotTo(HaveOccurred())
				return
			}
			Expect(err).To(refused("olga needs the verb get on secrets " + unreadable + " in namespace " + owners))
		},
		Entry("a password", builder.LocalUser("a", in, builder.PasswordFrom("hers")), ""),
		Entry("a password of others", builder.LocalUser("a", in, builder.PasswordFrom("app-db")), "app-db"),
		Entry("no password", builder.LocalUser("a", in), ""),
		Entry("credentials for SPS", sps("hers"), ""),
		Entry("credentials of others for SPS", sps("app-db"), "app-db"),
		Entry("a CA in a Secret", sps("hers", func(s *pamv1alpha1.SPSConnectionSpec) {
			s.TLS = caFrom(pamv1alpha1.CABundleSecret, "her-ca")
		}), ""),
		Entry("a CA in a Secret of others", sps("hers", func(s *pamv1alpha1.SPSConnectionSpec) {
			s.TLS = caFrom(pamv1alpha1.CABundleSecret, "app-db")
		}), "app-db"),
		Entry("a CA in a ConfigMap", sps("hers", func(s *pamv1alpha1.SPSConnectionSpec) {
			s.TLS = caFrom(pamv1alpha1.CABundleConfigMap, "app-db")
		}), ""),
		Entry("an application user with everything", application("hers", "her-certificate", "her-ca"), ""),
		Entry("credentials of others for an application user", application("app-db", "her-certificate", "her-ca"), "app-db"),
		Entry("a certificate of others", application("hers", "app-tls", "her-ca"), "app-tls"),
		Entry("a server's CA in a Secret of others", application("hers", "her-certificate", "app-db"), "app-db"),
		Entry("credentials of a user", user("hers"), ""),
		Entry("credentials of others as those of a user", user("app-db"), "app-db"),
	)

	It("is not sent to another address by somebody who may not read the Secret", func(ctx context.Context) {
		foreign := []client.Object{
			builder.SPSConnection("theirs", in), builder.NPSConnection("theirs", in),
			builder.LocalUser("theirs", in, builder.PasswordFrom("app-db")),
		}
		for _, object := range foreign {
			Expect(cluster.Create(ctx, object)).To(Succeed())
			DeferCleanup(cluster.Delete, object)
		}
		patch := func(object client.Object, body string) error {
			return olga.Patch(ctx, copyOf(object), client.RawPatch(types.MergePatchType, []byte(body)), client.DryRunAll)
		}
		connections := foreign[:2]
		for _, body := range []string{
			`{"spec":{"url":"https://evil.example.com"}}`, `{"spec":{"tls":{"insecureSkipVerify":true}}}`,
			`{"spec":{"tls":{"serverName":"evil.example.com"}}}`,
		} {
			for _, object := range connections {
				Expect(patch(object, body)).To(refused("olga needs the verb get on secrets "))
			}
		}
		Expect(patch(foreign[0], `{"spec":{"credentialsSecretRef":{"name":"app-db"}}}`)).To(refused("secrets app-db"))
		Expect(patch(foreign[0], `{"spec":{"loginMethod":"local"}}`)).To(refused("secrets sps-credentials"))
		Expect(patch(foreign[0], `{"spec":{"credentialsSecretRef":{"name":"hers"}}}`)).To(Succeed())
		Expect(patch(foreign[1], `{"spec":{"auth":{"applicationUser":{"serialNumber":"1"}}}}`)).
			To(refused("secrets nps-credentials"))
		Expect(patch(foreign[2], `{"spec":{"passwordSecretRef":{"key":"dsn"}}}`)).To(refused("secrets app-db"))
		for _, object := range foreign {
			Expect(patch(object, `{"metadata":{"labels":{"a":"b"}},"spec":{"suspend":true}}`)).To(Succeed())
		}
	})

	It("is in each field that names one", func() {
		// A new one must be added to the policy, too.
		var found []string
		for kind, spec := range specs() {
			for _, path := range secretReferences(spec, "spec") {
				found = append(found, kind+" "+path)
			}
		}
		slices.Sort(found)
		Expect(found).To(Equal([]string{
			"LocalUser spec.passwordSecretRef",
			"NPSConnection spec.auth.applicationUser.certificateSecretRef",
			"NPSConnection spec.auth.applicationUser.credentialsSecretRef",
			"NPSConnection spec.auth.user.credentialsSecretRef",
			"NPSConnection spec.tls.caBundleRef",
			"SPSConnection spec.credentialsSecretRef",
			"SPSConnection spec.tls.caBundleRef",
		}))
	})
})
