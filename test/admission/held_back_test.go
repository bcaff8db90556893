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

var _ = Describe("The request of another", Ordered, func() {
	const person, stranger = "ann", "bob"
	BeforeAll(func(ctx context.Context) {
		for _, name := range []string{person, stranger} {
			bind(ctx, name, team, "activitysession-editor-role")
		}
		bind(ctx, person, owners, "connection-user")
		probe := func() error {
			return as(person).Create(ctx, builder.ActivitySession("probe", builder.InNamespace(team),
				builder.Connection("nps", owners), builder.RequestedBy(person)), client.DryRunAll)
		}
		Eventually(probe).Should(Succeed())
		Eventually(func() error {
			return as(stranger).Get(ctx, client.ObjectKey{Namespace: team, Name: "x"}, &pamv1alpha1.ActivitySession{})
		}).Should(MatchError(ContainSubstring("not found")))
	})

	DescribeTable("is not released by somebody who may not use the connection", func(ctx context.Context, body string) {
		held := builder.ActivitySession("held", builder.InNamespace(team), builder.Connection("nps", owners),
			builder.RequestedBy(person), builder.Duration(time.Hour), builder.Suspended(),
			builder.Annotation(pamv1alpha1.AnnotationRequestID, "pam-operator/0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01/1"))
		Expect(as(person).Create(ctx, held)).To(Succeed())
		DeferCleanup(cluster.Delete, held)
		patch := client.RawPatch(types.MergePatchType, []byte(body))
		Expect(as(stranger).Patch(ctx, copyOf(held), patch)).To(MatchError(ContainSubstring("needs the verb use")))
		Expect(as(person).Patch(ctx, copyOf(held), patch)).To(Succeed())
	},
		Entry("by resuming it", `{"spec":{"suspend":false}}`),
		Entry("by resuming it, without a word", `{"spec":{"suspend":null}}`),
		Entry("by another run", `{"spec":{"runID":"again"}}`),
		Entry("by taking the id of the original off a copy",
			`{"metadata":{"annotations":{"pam-operator.io/request-id":null}}}`),
	)

	It("can be cancelled and suspended by them", func(ctx context.Context) {
		session := builder.ActivitySession("live", builder.InNamespace(team), builder.Connection("nps", owners),
			builder.RequestedBy(person))
		Expect(as(person).Create(ctx, session)).To(Succeed())
		DeferCleanup(cluster.Delete, session)
		for _, body := range []string{`{"spec":{"suspend":true}}`, `{"spec":{"cancel":true}}`} {
			Expect(as(stranger).Patch(ctx, copyOf(session), client.RawPatch(types.MergePatchType, []byte(body)))).To(Succeed())
		}
	})
})

var _ = Describe("An export for another namespace", Ordered, func() {
	const exporter = "elsewhere-exporter"
	export := func() client.Object {
		e := builder.ApplianceExport("for-team", builder.InNamespace(owners), builder.Connection("sps", ""))
		e.Spec.TargetNamespace = team
		return e
	}

	It("needs the right to list its objects, whose names show", func(ctx context.Context) {
		bind(ctx, exporter, owners, "applianceexport-editor-role")
		bind(ctx, exporter, owners, "appliance-exporter")
		create := func() error { return as(exporter).Create(ctx, export(), client.DryRunAll) }
		Eventually(create).Should(MatchError(ContainSubstring("needs the verb list on ")))
		for _, kind := range kinds.Policies() {
			Eventually(create).Should(MatchError(ContainSubstring("needs the verb list on ")))
			bind(ctx, exporter, team, strings.ToLower(kind.Name)+"-viewer-role")
		}
		Eventually(create).Should(Succeed())
	})
})
