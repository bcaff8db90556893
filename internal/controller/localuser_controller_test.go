// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = onEverySPS("LocalUser", func() {
	It("can log in with the password of its Secret, and with the next one", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := s.alice(ctx)
		eventuallyReady(ctx, user)
		Expect(s.sps.Stats().Commits).To(Equal(1)) // the password came in the same transaction
		Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(known))
		Expect(user.Status.PasswordCreatedAt).NotTo(BeNil())

		change(ctx, s.secret(), func(o *corev1.Secret) { o.Data["password"] = []byte(canaryUserPassword + "-2") })
		// Not by logging in again and again: the appliance would take that for an attack.
		Eventually(func() int { return s.sps.Stats().Commits }).Should(Equal(2))
		Expect(s.logIn(ctx, canaryUserPassword+"-2")).To(Equal(known))
		Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(unknown))
		eventuallyReady(ctx, user)

		Expect(k8s.Delete(ctx, user)).To(Succeed())
		eventuallyGone(ctx, user)
		Expect(s.named(spsUsers, "alice")).To(BeEmpty())
	})

	It("gets no new password from a new label of its Secret, but from another key", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := s.alice(ctx)
		eventuallyReady(ctx, user)
		opened, version := s.sps.Stats().TransactionsOpened, user.Status.PasswordVersion
		change(ctx, s.secret(), func(o *corev1.Secret) { builder.Label("team", "a")(o) })
		Eventually(func() string {
			_ = ready(ctx, user)()
			return user.Status.PasswordVersion
		}).ShouldNot(Equal(version))
		eventuallyReady(ctx, user)
		Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened))

		change(ctx, s.secret(), func(o *corev1.Secret) { o.Data["other"] = []byte(canaryUserPassword + "-3") })
		change(ctx, user, func(u *pamv1alpha1.LocalUser) { u.Spec.PasswordSecretRef.Key = "other" })
		eventuallyReady(ctx, user)
		Expect(s.logIn(ctx, canaryUserPassword+"-3")).To(Equal(known))
	})

	It("sets its password again after somebody else has set another one, and says so", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := s.alice(ctx)
		eventuallyReady(ctx, user)
		Expect(user.Status.PasswordSetAt).To(Equal(user.Status.PasswordCreatedAt))
		s.passwordByHand(ctx, user, canaryUserPassword+"-theirs")
		Eventually(func() int { return s.sps.Stats().Commits }).Should(Equal(2))
		Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(known))
		Eventually(told(ctx, user)).Should(HaveKey("written again, because the appliance differed in passwordSecretRef"))
		eventuallyReady(ctx, user)
		s.checkedAgain(ctx)
		eventuallyReady(ctx, user)
		Expect(s.sps.Stats().Commits).To(Equal(2))
	})

	It("only reports another password with managementPolicy Observe, while it is another one", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := s.alice(ctx)
		eventuallyReady(ctx, user)
		change(ctx, user, func(u *pamv1alpha1.LocalUser) { u.Spec.ManagementPolicy = pamv1alpha1.ManagementPolicyObserve })
		eventuallyReady(ctx, user)
		s.passwordByHand(ctx, user, canaryUserPassword+"-theirs")
		eventuallyReason(ctx, user, pamv1alpha1.ReasonDriftDetected)
		s.checkedAgain(ctx)
		change(ctx, user, func(u *pamv1alpha1.LocalUser) { u.Spec.AdoptionPolicy = pamv1alpha1.AdoptionPolicyAlways })
		eventuallyReason(ctx, user, pamv1alpha1.ReasonDriftDetected)
		Expect(message(ctx, user)).To(ContainSubstring("passwordSecretRef"))
		Expect(s.sps.Stats().Commits).To(Equal(1))
		change(ctx, user, func(u *pamv1alpha1.LocalUser) { u.Spec.ManagementPolicy = "" })
		eventuallyReady(ctx, user)
		Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(known))
	})

	It("writes nothing when nothing differs", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := s.alice(ctx)
		eventuallyReady(ctx, user)
		s.checkedAgain(ctx)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		before, version := s.sps.Stats(), user.ResourceVersion
		s.sps.Put("policies/backup_policies", "", map[string]any{"name": "unrelated"})
		s.checkedAgain(ctx)
		Expect(s.sps.Stats().TransactionsOpened).To(Equal(before.TransactionsOpened))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		Expect(user.ResourceVersion).To(Equal(version))
	})

	DescribeTable("takes over an existing user as adoptionPolicy says, since a password cannot be compared",
		func(ctx context.Context, adoption pamv1alpha1.AdoptionPolicy, withPassword bool, want string) {
			s := newSite(ctx, simsps.Options{})
			key := s.userByHand("alice")
			options := append(s.in("sps"), builder.Adopt(adoption))
			if withPassword {
				s.create(ctx, s.secret())
				options = append(options, builder.PasswordFrom("alice"))
			}
			user := builder.LocalUser("alice", options...)
			s.create(ctx, user)
			Eventually(ready(ctx, user)).Should(Equal(want), func() string { return describe(user) })
			Expect(s.named(spsUsers, "alice")).To(HaveLen(1))
			switch {
			case want != "True Synced":
				Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
				Expect(message(ctx, user)).NotTo(ContainSubstring("passwordSecretRef"), "nobody can make a password equal")
			case withPassword:
				Expect(user.Status.Key).To(Equal(key))
				Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(known))
			}
		},
		Entry("Never", pamv1alpha1.AdoptionPolicyNever, true, "False AdoptionRefused"),
		Entry("IfIdentical with a password", pamv1alpha1.AdoptionPolicyIfIdentical, true, "False AdoptionRefused"),
		Entry("IfIdentical without one", pamv1alpha1.AdoptionPolicyIfIdentical, false, "True Synced"),
		Entry("Always", pamv1alpha1.AdoptionPolicyAlways, true, "True Synced"),
	)

	It("with managementPolicy Observe does not call a password different that it cannot know", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.userByHand("alice")
		s.create(ctx, s.secret())
		user := builder.LocalUser("alice",
			append(s.in("sps"), builder.PasswordFrom("alice"), builder.Manage(pamv1alpha1.ManagementPolicyObserve))...)
		s.create(ctx, user)
		eventuallyReady(ctx, user)
		Expect(user.Status.Drift).To(BeEmpty())
	})

	It("is called by its name again after somebody renamed it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := s.alice(ctx)
		eventuallyReady(ctx, user)
		s.edit(ctx, spsUsers, user.Status.Key, map[string]any{"name": "mallory"})
		Eventually(s.member(spsUsers, user.Status.Key, "name")).Should(Equal("alice"))
		Eventually(told(ctx, user)).Should(HaveKey("written again, because the appliance differed in userName"))
		eventuallyReady(ctx, user)
	})

	It("that was refused is not written again for new metadata of its Secret, but for a new password", func(
		ctx context.Context,
	) {
		s := newSite(ctx, simsps.Options{})
		s.refuse(simsps.Refusal{Collection: spsUsers, Message: "too weak"})
		user := s.alice(ctx)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonRejected)
		opened := s.sps.Stats().TransactionsOpened
		change(ctx, s.secret(), func(o *corev1.Secret) { builder.Label("team", "a")(o) })
		Eventually(answered(ctx, user)).Should(Equal(request(ctx, user)))
		Expect(s.sps.Stats().TransactionsOpened).To(Equal(opened))
		s.sps.ClearRefusals()
		change(ctx, s.secret(), func(o *corev1.Secret) { o.Data["password"] = []byte(canaryUserPassword + "-2") })
		eventuallyReady(ctx, user)
	})

	It("waits for its Secret, and needs one if it is new", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := builder.LocalUser("alice", append(s.in("sps"), builder.PasswordFrom("alice"))...)
		bare := builder.LocalUser("bare", s.in("sps")...)
		s.create(ctx, user, bare)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, user)).To(ContainSubstring("Secret " + s.namespace + "/alice does not exist"))
		eventuallyReason(ctx, bare, pamv1alpha1.ReasonInvalidSpec)
		s.create(ctx, builder.Secret("alice", map[string]string{"password": ""}, builder.InNamespace(s.namespace)))
		Eventually(func() string { return message(ctx, user) }).Should(ContainSubstring("no key password, or an empty one"))
		Expect(s.sps.Stats().Writes).To(BeZero())
		change(ctx, s.secret(), func(o *corev1.Secret) { o.Data["password"] = []byte(canaryUserPassword) })
		eventuallyReady(ctx, user)
	})

	It("gets no password that nobody can type, and says how to fix it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		secret, user := s.secret(), builder.LocalUser("alice", append(s.in("sps"), builder.PasswordFrom("alice"))...)
		secret.Data["password"] = []byte(canaryUserPassword + "-\xa3")
		s.create(ctx, secret, user)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonInvalidSpec)
		Expect(message(ctx, user)).To(
			ContainSubstring("key password of Secret " + s.namespace + "/alice is not text in UTF-8"))
		change(ctx, s.secret(), func(o *corev1.Secret) { o.Data["password"] = []byte(canaryUserPassword + "\n") })
		Eventually(message).WithArguments(ctx, user).Should(ContainSubstring("ends with a newline"))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		change(ctx, s.secret(), func(o *corev1.Secret) { o.Data["password"] = []byte(canaryUserPassword) })
		eventuallyReady(ctx, user)
		Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(known))
	})

	It("sends nothing of a Secret that is not marked for it, whatever its author may read", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		foreign := builder.Secret("app-db", map[string]string{"dsn": canaryUserPassword}, inSite(s),
			builder.Type(corev1.SecretTypeOpaque), builder.ReadBy("SPSConnection"))
		user := builder.LocalUser("alice", append(s.in("sps"), builder.With(func(u *pamv1alpha1.LocalUser) {
			u.Spec.PasswordSecretRef = &pamv1alpha1.SecretKeyReference{Name: "app-db", Key: "dsn"}
		}))...)
		s.create(ctx, foreign, user)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, user)).To(ContainSubstring("label it pam-operator.io/read-by=LocalUser, or recreate it " +
			"with the type pam-operator.io/password"))
		Expect(s.sps.Stats().Writes).To(BeZero())

		change(ctx, foreign, func(o *corev1.Secret) { builder.ReadBy("LocalUser")(o) })
		eventuallyReady(ctx, user)
		Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(known))

		writes := s.sps.Stats().Writes
		change(ctx, foreign, func(o *corev1.Secret) { o.Labels, o.Data["dsn"] = nil, []byte("another one") })
		eventuallyReason(ctx, user, pamv1alpha1.ReasonReferenceNotFound)
		Expect(s.sps.Stats().Writes).To(Equal(writes))
		Expect(s.logIn(ctx, canaryUserPassword)).To(Equal(known), "the password stays as it was last set")
	})

	for _, shape := range []string{simsps.MembersNames, simsps.MembersKeys, simsps.MembersRefs} {
		It("is taken out of its groups when it is deleted, where they are shown as "+shape, func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.MembersShape = shape }})
			user := s.alice(ctx)
			eventuallyReady(ctx, user)
			other := s.userByHand("bob")
			group := s.sps.Put(spsGroups, "", map[string]any{"name": "staff", "members": []any{other, user.Status.Key}})
			Expect(k8s.Delete(ctx, user)).To(Succeed())
			eventuallyGone(ctx, user)
			Expect(s.named(spsUsers, "alice")).To(BeEmpty())
			Expect(s.member(spsGroups, group, "members")()).To(ConsistOf(other))
		})
	}
})

// What the appliance answers to a log-in: a user who may not use the REST API is told apart from a wrong password.
const (
	known   = http.StatusForbidden
	unknown = http.StatusUnauthorized
)

// logIn tries a log-in as alice at the appliance and returns the status of the answer.
func (s *site) logIn(ctx context.Context, password string) int {
	GinkgoHelper()
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM([]byte(s.ca))).To(BeTrue())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	url := s.running.URL("sps") + "/api/authentication"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	request.SetBasicAuth("alice", password)
	response, err := (&http.Client{Transport: transport}).Do(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	return response.StatusCode
}

// secret is the Secret with alice's password.
func (s *site) secret() *corev1.Secret {
	return builder.Secret("alice", map[string]string{"password": canaryUserPassword}, builder.InNamespace(s.namespace))
}

// alice creates a user and the Secret with its password.
func (s *site) alice(ctx context.Context) *pamv1alpha1.LocalUser {
	GinkgoHelper()
	user := builder.LocalUser("alice", append(s.in("sps"), builder.PasswordFrom("alice"))...)
	s.create(ctx, s.secret(), user)
	return user
}

// passwordByHand gives a user another password as an administrator would, an hour later by the appliance's clock.
func (s *site) passwordByHand(ctx context.Context, user *pamv1alpha1.LocalUser, password string) {
	GinkgoHelper()
	s.edit(ctx, spsUsers, user.Status.Key, map[string]any{
		"password":         s.sps.Put("passwords", "", map[string]any{"plain": password}),
		"password_created": float64(user.Status.PasswordCreatedAt.Add(time.Hour).Unix()),
	})
}

// userByHand makes a user as an administrator would, and returns its key.
func (s *site) userByHand(name string) string {
	password := s.sps.Put("passwords", "", map[string]any{"plain": "password of " + name})
	return s.sps.Put(spsUsers, "", map[string]any{"name": name, "password": password, "password_created": 1700000000})
}
