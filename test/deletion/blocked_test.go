// SPDX-License-Identifier: Apache-2.0

package deletion_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// change gets an object, changes it, and writes it, retrying on conflict.
func change[T client.Object](ctx context.Context, o T, how func(T)) {
	GinkgoHelper()
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		how(o)
		return k8s.Update(ctx, o)
	}).Should(Succeed())
}

var _ = Describe("Deleting while somebody would have to act", func() {
	DescribeTable("ends at its own deadline, and reports what is left",
		func(ctx context.Context, name, waitsFor string, block func(context.Context, *site)) {
			b := startBoxes(ctx, 1)
			startManagerOf(ctx, never, soon)
			s := newSite(ctx, order{apart: true}, name, b, 0)
			Eventually(unready).WithArguments(ctx, []*site{s}).Should(BeEmpty())
			before := leftoverMetric()
			block(ctx, s)
			s.remove(ctx, []what{object})
			Eventually(func() string { return strings.Join(unready(ctx, []*site{s}), "\n") }).Should(And(
				ContainSubstring("deletion waits, until "), ContainSubstring(waitsFor)))
			for _, o := range s.objects {
				Eventually(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(o), o) }).Should(Satisfy(isGone))
			}
			Expect(s.left()).To(HaveLen(len(s.objects)), logs.About(name))
			records := s.records(ctx)
			Expect(records).To(HaveLen(len(s.objects)), logs.About(name))
			for _, record := range records {
				Expect(record.Namespace).To(Equal(s.home))
			}
			Expect(leftoverMetric() - before).To(Equal(len(s.objects)))
			Expect(logs.About(`"action": "abandon"`)).To(ContainSubstring(`"namespace": "` + name + `"`))
			Eventually(func() int { return eventsOf(ctx, s.name, "may be left on") }).Should(BeNumerically(">=", len(s.objects)))
		},
		Entry("the objects are suspended", "blocked-object", "the object is suspended", func(ctx context.Context, s *site) {
			for _, o := range s.objects {
				change(ctx, o, builder.Suspended())
			}
		}),
		Entry("the connection is suspended", "blocked-connection", "the connection is suspended",
			func(ctx context.Context, s *site) {
				change(ctx, s.connection, func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = new(true) })
				eventuallySeen(ctx, s.connection)
			}),
		Entry("the connection permits nothing any more", "blocked-grants", "its owner can change grants",
			func(ctx context.Context, s *site) {
				change(ctx, s.connection, func(c *pamv1alpha1.SPSConnection) { c.Spec.Grants = nil })
				eventuallySeen(ctx, s.connection)
			}),
		Entry("somebody holds the configuration", "blocked-lock", "Locked", func(_ context.Context, s *site) {
			s.box.LockBy("alice", simsps.ViaUI)
		}),
		Entry("the appliance refuses", "blocked-refusal", "in use", func(_ context.Context, s *site) {
			for _, collection := range []string{"aaa/local_database/users", "aaa/local_database/groups", "rdp/connections"} {
				Expect(s.box.Refuse(simsps.Refusal{Collection: collection, Message: "still in use"})).To(Succeed())
			}
		}),
	)
})

// eventuallySeen waits until a change of a connection has been reconciled, and the connection works.
func eventuallySeen(ctx context.Context, c *pamv1alpha1.SPSConnection) {
	GinkgoHelper()
	Eventually(func() string {
		if k8s.Get(ctx, client.ObjectKeyFromObject(c), c) != nil || c.Status.ObservedGeneration == nil ||
			*c.Status.ObservedGeneration != c.Generation {
			return ""
		}
		return readiness(c)
	}).Should(Or(HavePrefix("True"), ContainSubstring(pamv1alpha1.ReasonSuspended)))
}
