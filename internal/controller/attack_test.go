// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// canaryIntruderPassword is what an intruder would like to set.
const canaryIntruderPassword = "intruders-password"

var _ = Describe("What a user can write proves nothing", func() {
	never := builder.Adopt(pamv1alpha1.AdoptionPolicyNever)
	manage := func(ctx context.Context, d *developer, o *pamv1alpha1.LocalUserGroup) {
		GinkgoHelper()
		Expect(d.Patch(ctx, o, client.RawPatch("application/merge-patch+json",
			[]byte(`{"spec":{"managementPolicy":"Manage"}}`)))).To(Succeed())
	}

	It("of who created what is on the appliance: not the annotation, not the finalizer", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		bob := s.userByHand("bob")
		key := s.sps.Put(spsGroups, "", map[string]any{"name": "secops", "members": []any{bob}})
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{})
		group := builder.LocalUserGroup("secops", d.through(s, never, builder.Members(), forged)...)
		d.makes(ctx, group)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonAdoptionRefused)
		group.Annotations["pam-operator.io/creating"] = "secops@" + s.running.URL("sps")
		Expect(d.Update(ctx, group)).To(Succeed())
		s.checkedAgain(ctx)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonAdoptionRefused)
		Eventually(auditLines).WithArguments(d.namespace, "adopt", "denied").ShouldNot(BeEmpty())
		Expect(d.Delete(ctx, group)).To(Succeed())
		eventuallyGone(ctx, group)
		Expect(s.member(spsGroups, key, "members")()).To(ConsistOf(bob))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		Expect(recordsIn(ctx, s.namespace)).To(BeEmpty())
	})

	It("of who owns it: not the key of what was only observed", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		bob := s.userByHand("bob")
		key := s.sps.Put(spsGroups, "", map[string]any{"name": "secops", "members": []any{bob}})
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{})
		observe := builder.Manage(pamv1alpha1.ManagementPolicyObserve)
		refused := builder.LocalUserGroup("secops", d.through(s, never, builder.Members(), forged, observe)...)
		d.makes(ctx, refused)
		eventuallyReason(ctx, refused, pamv1alpha1.ReasonDriftDetected)
		Expect(refused.Status.Key).To(Equal(key))
		manage(ctx, d, refused)
		eventuallyReason(ctx, refused, pamv1alpha1.ReasonAdoptionRefused)

		Expect(d.Delete(ctx, refused)).To(Succeed())
		eventuallyGone(ctx, refused)
		Expect(s.member(spsGroups, key, "members")()).To(ConsistOf(bob))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
		Expect(recordsIn(ctx, s.namespace)).To(BeEmpty())
	})

	It("of a claim on a name, in a namespace that the connection does not allow", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		squatter := builder.RDPConnectionPolicy("rdp-finance", d.through(s, forged)...)
		d.makes(ctx, squatter)
		eventuallyReason(ctx, squatter, pamv1alpha1.ReasonConnectionNotPermitted)
		policy := s.policy("b", policyName("rdp-finance"))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
	})

	DescribeTable("of a claim on a name, through a connection of one's own to the same appliance",
		func(ctx context.Context, account string, how builder.Option) {
			s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.ReadOnlyUsers = []string{"reader"} }})
			s.reader()
			d := s.developer(ctx)
			in := builder.InNamespace(d.namespace)
			own := s.spsConnection("own", in, how)
			s.create(ctx, builder.SPSCredentialsSecret(account, "readers-password", in), &corev1.ConfigMap{
				ObjectMeta: builder.Namespace("ca", in).ObjectMeta, Data: map[string]string{"ca.crt": s.ca},
			})
			squatter := builder.RDPConnectionPolicy("rdp-finance", in, builder.Connection("own", ""), forged)
			d.makes(ctx, own, squatter)
			Eventually(ready(ctx, squatter)).Should(HavePrefix("False "))
			policy := s.policy("b", policyName("rdp-finance"))
			s.create(ctx, policy)
			eventuallyReady(ctx, policy)
			s.expectBody(policy, `{}`, "the owner's")
		},
		Entry("with wrong credentials, suspended", "nobody", builder.Suspended()),
		Entry("with wrong credentials", "nobody", builder.Annotation("a", "b")),
		Entry("suspended", "reader", builder.Suspended()),
		Entry("with an account that may not write", "reader", builder.Annotation("a", "b")),
	)

	It("of a leftover: what never was anywhere is released silently", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		var objects []client.Object
		for i, namespace := range []string{"kube-system", s.namespace, "default"} {
			o := builder.LocalUser(fmt.Sprintf("user-%d", i), builder.InNamespace(d.namespace),
				builder.Connection("sps", namespace), forged)
			d.makes(ctx, o)
			objects = append(objects, o)
		}
		for _, o := range objects {
			Expect(d.Delete(ctx, o)).To(Succeed())
			eventuallyGone(ctx, o)
		}
		for _, namespace := range []string{"kube-system", s.namespace, "default", d.namespace} {
			Expect(recordsIn(ctx, namespace)).To(BeEmpty(), namespace)
		}
		Consistently(told(ctx, s.connection(ctx))).ShouldNot(ContainElement(pamv1alpha1.ReasonDeletionBlocked))
		Expect(auditLines(d.namespace, "abandon", "succeeded")).To(BeEmpty())
	})

	It("of a need for a connection: a forged finalizer does not hold it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		user := builder.LocalUser("a", d.through(s, forged)...)
		d.makes(ctx, user)
		eventuallyReason(ctx, user, pamv1alpha1.ReasonConnectionNotPermitted)
		s.checkedAgain(ctx)
		conn := s.connection(ctx)
		Expect(conn.Finalizers).To(BeEmpty())
		Expect(k8s.Delete(ctx, conn)).To(Succeed())
		eventuallyGone(ctx, conn)
	})
})

var _ = Describe("A grant of an SPSConnection", func() {
	always := builder.Adopt(pamv1alpha1.AdoptionPolicyAlways)

	DescribeTable("is needed, all of it, before a call is made",
		func(ctx context.Context, grant pamv1alpha1.SPSGrant, says string, more ...builder.Option) {
			s := newSite(ctx, simsps.Options{})
			key := s.userByHand("viewer")
			d := s.developer(ctx)
			s.permits(ctx, d, grant)
			password := map[string]string{"password": canaryIntruderPassword}
			s.create(ctx, builder.Secret("password", password, builder.InNamespace(d.namespace)))
			user := builder.LocalUser("viewer", d.through(s, append(more, builder.PasswordFrom("password"))...)...)
			d.makes(ctx, user)
			eventuallyReason(ctx, user, pamv1alpha1.ReasonConnectionNotPermitted)
			Expect(message(ctx, user)).To(And(
				ContainSubstring("grants[0] "+says), ContainSubstring("its owner can change grants")))
			s.checkedAgain(ctx)
			Expect(s.sps.Faults().Count(http.MethodGet, spsUsers)).To(BeZero())
			Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
			Eventually(auditLines).WithArguments(d.namespace, "create", "denied").Should(HaveLen(1))
			Expect(d.Delete(ctx, user)).To(Succeed())
			eventuallyGone(ctx, user)
			_, there := s.sps.Object(spsUsers, key)
			Expect(there).To(BeTrue())
		},
		Entry("for the name", pamv1alpha1.SPSGrant{Names: []string{"team-*"}}, `does not allow the name "viewer"`),
		Entry("in the same case", pamv1alpha1.SPSGrant{Names: []string{"VIEWER"}}, `does not allow the name "viewer"`),
		Entry("for the kind", pamv1alpha1.SPSGrant{Kinds: []pamv1alpha1.PolicyKind{"RDPConnectionPolicy"}},
			"does not allow the kind LocalUser: it allows RDPConnectionPolicy"),
		Entry("for taking over", pamv1alpha1.SPSGrant{},
			"does not allow adoptionPolicy Always: it allows IfIdentical at most", always),
		Entry("also to observe", pamv1alpha1.SPSGrant{Names: []string{"x"}}, `does not allow the name "viewer"`,
			builder.Manage(pamv1alpha1.ManagementPolicyObserve)),
	)

	It("binds an object that is there already, also in its deletion", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{Names: []string{"rdp-*"}})
		policy := builder.RDPConnectionPolicy("rdp-a", d.through(s)...)
		d.makes(ctx, policy)
		eventuallyReady(ctx, policy)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{Names: []string{"other-*"}})
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonConnectionNotPermitted)
		commits := s.sps.Stats().Commits
		Expect(d.Delete(ctx, policy)).To(Succeed())
		Eventually(func() string { return message(ctx, policy) }).Should(HavePrefix("deletion waits, until "))
		Expect(s.sps.Stats().Commits).To(Equal(commits))
		s.permits(ctx, d, pamv1alpha1.SPSGrant{})
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "rdp-a")).To(BeEmpty())
		Eventually(auditLines).WithArguments(d.namespace, "create", "succeeded").Should(HaveLen(1))
		Eventually(auditLines).WithArguments(d.namespace, "delete", "succeeded").Should(HaveLen(1))
	})

	It("without deletion leaves what is deleted, and records it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{Deletion: new(false)})
		policy := builder.RDPConnectionPolicy("rdp-a", d.through(s)...)
		d.makes(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(d.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Expect(s.named(rdpConnections, "rdp-a")).To(HaveLen(1))
		Expect(recordsIn(ctx, s.namespace)).To(ConsistOf(HaveField("Data", And(
			HaveKeyWithValue("key", policy.Status.Key), HaveKeyWithValue("cause", ContainSubstring("grants[0]"))))))
		Eventually(func() string { return fmt.Sprint(told(ctx, policy)()) }).Should(
			ContainSubstring("does not allow deletion on the appliance"))
		Eventually(auditLines).WithArguments(d.namespace, "abandon", "succeeded").Should(HaveLen(1))
	})

	It("says which sessions may be closed", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{Names: []string{"rdp-a"}})
		others := s.policy("rdp-b")
		policy := builder.RDPConnectionPolicy("rdp-a", d.through(s)...)
		s.create(ctx, others)
		d.makes(ctx, policy)
		eventuallyReady(ctx, others)
		eventuallyReady(ctx, policy)
		mine := s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: policy.Status.Key})
		theirs := s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: others.Status.Key})

		byID := builder.SessionTermination("by-id", theirs.ID, d.through(s)...)
		d.makes(ctx, byID)
		eventuallyReason(ctx, byID, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(message(ctx, byID)).To(ContainSubstring("by policyRef"))
		Eventually(auditLines).WithArguments(d.namespace, "terminate", "denied").Should(HaveLen(1))
		ofMine := builder.SessionTermination("mine", "", d.through(s, builder.OfPolicy("rdp-a"))...)
		d.makes(ctx, ofMine)
		eventuallyReady(ctx, ofMine)
		Expect(s.live()).To(ConsistOf(theirs.ID))
		Expect(mine.ID).NotTo(BeEmpty())
		Eventually(auditLines).WithArguments(d.namespace, "terminate", "succeeded").Should(HaveLen(1))

		s.permits(ctx, d, pamv1alpha1.SPSGrant{})
		watched := builder.RDPConnectionPolicy("rdp-b", d.through(s, builder.Manage(pamv1alpha1.ManagementPolicyObserve))...)
		d.makes(ctx, watched)
		eventuallyReady(ctx, watched)
		ofTheirs := builder.SessionTermination("theirs", "", d.through(s, builder.OfPolicy("rdp-b"))...)
		d.makes(ctx, ofTheirs)
		eventuallyReason(ctx, ofTheirs, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(s.live()).To(ConsistOf(theirs.ID))

		s.permits(ctx, d, pamv1alpha1.SPSGrant{Sessions: pamv1alpha1.SessionGrantAny})
		eventuallyReady(ctx, byID)
		Expect(s.live()).To(BeEmpty())
	})
})

var _ = onEverySPS("The account that the operator logs in with", func() {
	always := builder.Adopt(pamv1alpha1.AdoptionPolicyAlways)

	It("is not managed, for any user and in any letter case, nor is another connection's", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		key := s.userByHand("operator")
		d := s.developer(ctx)
		s.permits(ctx, d, pamv1alpha1.SPSGrant{Adoption: pamv1alpha1.AdoptionPolicyAlways})
		password := map[string]string{"password": canaryIntruderPassword}
		s.create(ctx, builder.Secret("password", password, builder.InNamespace(d.namespace)))
		user := builder.LocalUser("operator", d.through(s, always, builder.PasswordFrom("password"), forged)...)
		upper := builder.LocalUser("upper", d.through(s, always, builder.PasswordFrom("password"))...)
		upper.Spec.UserName = "Operator"
		d.makes(ctx, user, upper)
		for _, u := range []*pamv1alpha1.LocalUser{user, upper} {
			eventuallyReason(ctx, u, pamv1alpha1.ReasonInvalidSpec)
			Expect(message(ctx, u)).To(ContainSubstring("logs in to this appliance"))
		}
		Expect(s.sps.Faults().Count(http.MethodGet, spsUsers)).To(BeZero())
		Expect(d.Delete(ctx, user)).To(Succeed())
		eventuallyGone(ctx, user)
		_, there := s.sps.Object(spsUsers, key)
		Expect(there).To(BeTrue())
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
	})

	It("keeps its groups, and so does admin", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		operator, bob, admin := s.userByHand("operator"), s.userByHand("bob"), s.named(spsUsers, "admin")[0].Key
		key := s.sps.Put(spsGroups, "", map[string]any{"name": "staff", "members": []any{operator, admin, bob}})
		group := s.group("staff", always, builder.Members("bob"))
		s.create(ctx, group)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonInvalidSpec)
		Expect(message(ctx, group)).To(And(ContainSubstring("from the group"), ContainSubstring("Additive")))
		members := s.member(spsGroups, key, "members")
		Expect(members()).To(ConsistOf(operator, admin, bob))
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())

		change(ctx, group, func(g *pamv1alpha1.LocalUserGroup) {
			g.Spec.Members = []pamv1alpha1.GroupMember{{User: "admin"}, {User: "operator"}}
		})
		eventuallyReady(ctx, group)
		Expect(members()).To(ConsistOf(operator, admin))

		Expect(k8s.Delete(ctx, group)).To(Succeed())
		eventuallyReason(ctx, group, pamv1alpha1.ReasonDeletionBlocked)
		Expect(message(ctx, group)).To(ContainSubstring(`the group has "operator" as a member`))
		Expect(members()).To(ConsistOf(operator, admin))
		s.edit(ctx, spsGroups, key, map[string]any{"members": []any{admin}})
		eventuallyGone(ctx, group)
		Expect(s.named(spsGroups, "staff")).To(BeEmpty())
	})

	It("is not renamed or deleted through a user that was renamed to it by hand", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		user := s.alice(ctx)
		eventuallyReady(ctx, user)
		key := user.Status.Key
		s.edit(ctx, spsUsers, key, map[string]any{"name": "operator"})
		eventuallyReason(ctx, user, pamv1alpha1.ReasonInvalidSpec)
		Expect(message(ctx, user)).To(ContainSubstring(`has been renamed to "operator"`))
		Expect(k8s.Delete(ctx, user)).To(Succeed())
		eventuallyReason(ctx, user, pamv1alpha1.ReasonDeletionBlocked)
		Expect(s.member(spsUsers, key, "name")()).To(Equal("operator"))
	})
})

var _ = Describe("A create whose answer was lost", func() {
	It("is known by the status alone, and the mark goes with the answer", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.spsFault(lostCommit)
		policy := s.policy("a", builder.Adopt(pamv1alpha1.AdoptionPolicyNever))
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(policy.Status.Origin).To(Equal(pamv1alpha1.OriginCreated))
		Expect(policy.Status.PendingCreation).To(BeNil())
		Expect(policy.Annotations).NotTo(HaveKey("pam-operator.io/creating"))
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
		Eventually(auditLines).WithArguments(s.namespace, "create", "unknown").Should(HaveLen(1))
	})

	It("that was refused leaves no mark", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.refuse(simsps.Refusal{Collection: rdpConnections, Message: "no"})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonRejected)
		Expect(policy.Status.PendingCreation).To(BeNil())
		Expect(policy.Status.Origin).To(BeEmpty())
	})
})
