// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const rdpConnections = "rdp/connections"

var _ = onEverySPS("RDPConnectionPolicy", func() {
	It("is created, changed and deleted", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := builder.RDPConnectionPolicy("finance", append(s.in("sps"), builder.Port(3390))...)
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)

		there, ok := s.sps.Object(rdpConnections, policy.Status.Key)
		Expect(ok).To(BeTrue())
		Expect(there.Body).To(HaveKeyWithValue("name", "finance"))

		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(false) })
		Eventually(func() any {
			o, _ := s.sps.Object(rdpConnections, policy.Status.Key)
			return o.Body["active"]
		}).Should(BeFalse())
		eventuallyReady(ctx, policy)

		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Expect(s.sps.Objects(rdpConnections)).To(BeEmpty())
	})
})
