// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("Who asks for a session", Ordered, func() {
	const person, robot = "ann", "system:serviceaccount:" + team + ":nightly"
	ask := func(ctx context.Context, who client.Client, options ...builder.Option) error {
		options = append([]builder.Option{builder.InNamespace(team), builder.Connection("nps", owners)}, options...)
		return who.Create(ctx, builder.ActivitySession("a", options...), client.DryRunAll)
	}

	BeforeAll(func(ctx context.Context) {
		for _, name := range []string{person, robot, "bob"} {
			bind(ctx, name, team, "activitysession-editor-role")
		}
		for _, name := range []string{person, robot} {
			bind(ctx, name, owners, "connection-user")
		}
		Eventually(ask).WithArguments(ctx, as(person), builder.RequestedBy(person)).Should(Succeed())
		Eventually(ask).WithArguments(ctx, as(robot), builder.RequestedBy(robot)).Should(Succeed())
	})

	It("says so, and in no other name", func(ctx context.Context) {
		for _, refusedName := range []string{"", "bob", "Ann", "ann ", robot} {
			Expect(ask(ctx, as(person), builder.RequestedBy(refusedName))).
				To(refused("spec.requestedBy must be ann, who creates this object"), refusedName)
		}
		Expect(ask(ctx, as(robot), builder.RequestedBy("nightly"))).To(refused("spec.requestedBy must be " + robot))
		Expect(ask(ctx, as(robot))).To(refused("spec.requestedBy must be " + robot))
		generated := func(o client.Object) { o.SetName(""); o.SetGenerateName("a-") }
		Expect(ask(ctx, as(person), generated)).To(refused("spec.requestedBy must be ann"))
		Expect(ask(ctx, as(person), generated, builder.RequestedBy(person))).To(Succeed())
		out, err := kubectl(ctx, person, []client.Object{
			builder.ActivitySession("b", builder.InNamespace(team), builder.Connection("nps", owners)),
		}, "apply", "--server-side", "-f", "-")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("spec.requestedBy must be ann"))
		Expect(ask(ctx, as("bob"), builder.RequestedBy("bob"))).To(refused("bob needs the verb use on npsconnections nps"))
	})

	It("needs use to change what is on an appliance, too", func(ctx context.Context) {
		const editor = "edith"
		in := builder.InNamespace(team)
		through := builder.Connection("sps", owners)
		objects := map[client.Object]string{
			builder.RDPConnectionPolicy("other", in, through): `{"spec":{"active":false}}`,
			builder.LocalUserGroup("other", in, through):      `{"spec":{"members":[{"user":"mallory"}]}}`,
		}
		for _, kind := range kinds.Through(kinds.SPSConnection) {
			bind(ctx, editor, team, strings.ToLower(kind.Name)+"-editor-role")
			objects[builder.Minimal(kind, "edited", in, through)] = `{"spec":{"suspend":true}}`
		}
		patch := func(object client.Object, body string) error {
			return as(editor).Patch(ctx, copyOf(object), client.RawPatch(types.MergePatchType, []byte(body)), client.DryRunAll)
		}
		for object, body := range objects {
			Expect(cluster.Create(ctx, object)).To(Succeed())
			DeferCleanup(cluster.Delete, object)
			refusal := "edith needs the verb use on spsconnections sps in namespace " + owners
			if _, isExport := object.(*pamv1alpha1.ApplianceExport); isExport { // its connection is always beside it
				refusal = "edith needs the verb export on spsconnections sps in namespace " + team
			}
			Eventually(patch).WithArguments(object, body).Should(refused(refusal))
			Expect(patch(object, `{"metadata":{"labels":{"a":"b"}}}`)).To(Succeed())
		}
		bind(ctx, editor, owners, "connection-user")
		bind(ctx, editor, team, "appliance-exporter")
		for object, body := range objects {
			Eventually(patch).WithArguments(object, body).Should(Succeed())
		}
	})

	It("needs keep for a session that outlives its object", func(ctx context.Context) {
		keep := builder.With(func(s *pamv1alpha1.ActivitySession) {
			s.Spec.DeletionPolicy = pamv1alpha1.SessionDeletionPolicyKeep
		})
		const want = "ann needs the verb keep on npsconnections nps in namespace " + owners + " for spec.deletionPolicy: Keep"
		Expect(ask(ctx, as(person), builder.RequestedBy(person), keep)).To(refused(want))
		session := builder.ActivitySession("kept", builder.InNamespace(team), builder.Connection("nps", owners),
			builder.RequestedBy(person))
		Expect(as(person).Create(ctx, session)).To(Succeed())
		DeferCleanup(cluster.Delete, session)
		patch := func(who client.Client, body string) error {
			return who.Patch(ctx, copyOf(session), client.RawPatch(types.MergePatchType, []byte(body)))
		}
		Expect(patch(as(person), `{"spec":{"deletionPolicy":"Keep"}}`)).To(refused(want))
		Expect(patch(cluster, `{"spec":{"deletionPolicy":"Keep"}}`)).To(Succeed(), "an administrator may")
		Expect(patch(as(person), `{"spec":{"cancel":true}}`)).To(Succeed())
		Expect(patch(as(person), `{"spec":{"deletionPolicy":"End"}}`)).To(Succeed())
	})

	It("needs export to have all of an appliance written down, which use does not give", func(ctx context.Context) {
		const exporter = "ella"
		try := func() error {
			export := builder.ApplianceExport("all", builder.InNamespace(owners), builder.Connection("sps", ""))
			return as(exporter).Create(ctx, export, client.DryRunAll)
		}
		bind(ctx, exporter, owners, "applianceexport-editor-role")
		bind(ctx, exporter, owners, "connection-user")
		bind(ctx, exporter, team, "appliance-exporter") // of another namespace
		Eventually(try).Should(refused("ella needs the verb export on spsconnections sps in namespace " + owners))
		Consistently(try).WithTimeout(time.Second).ShouldNot(Succeed())
		bind(ctx, exporter, owners, "appliance-exporter")
		Eventually(try).Should(Succeed())
	})

	It("needs use for a longer session as well, and nothing to end it", func(ctx context.Context) {
		session := builder.ActivitySession("long", builder.InNamespace(team), builder.Connection("nps", owners),
			builder.RequestedBy(person), builder.Duration(time.Hour))
		Expect(as(person).Create(ctx, session)).To(Succeed())
		DeferCleanup(cluster.Delete, session)
		patch := func(who, body string) error {
			return as(who).Patch(ctx, copyOf(session), client.RawPatch(types.MergePatchType, []byte(body)))
		}
		Expect(patch("bob", `{"spec":{"duration":"2h"}}`)).To(refused("bob needs the verb use on npsconnections nps"))
		Expect(patch(robot, `{"spec":{"duration":"2h"}}`)).To(Succeed())
		Expect(patch("bob", `{"metadata":{"labels":{"a":"b"}}}`)).To(Succeed())
		Expect(patch("bob", `{"spec":{"cancel":true}}`)).To(Succeed())
		Expect(patch(person, `{"spec":{"requestedBy":"bob"}}`)).NotTo(Succeed())
		Expect(patch(person, `{"spec":{"requestedBy":null}}`)).NotTo(Succeed())
	})
})
