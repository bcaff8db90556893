// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("Changes that come while objects are being reconciled", func() {
	It("leave every object settled, and every request answered", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		var policies []*pamv1alpha1.RDPConnectionPolicy
		for i := range 8 {
			policies = append(policies, s.policy(fmt.Sprint("p", i)))
			s.create(ctx, policies[i])
		}
		for _, p := range policies {
			eventuallyReady(ctx, p)
		}
		seed := uint64(GinkgoRandomSeed())
		random, asked := rand.New(rand.NewPCG(seed, 0)), map[string]string{} //nolint:gosec // no secret
		for round := range 60 {
			p := policies[random.IntN(len(policies))]
			switch random.IntN(6) {
			case 0:
				change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
					c.Spec.Commit = &pamv1alpha1.CommitSettings{
						Timeout: &metav1.Duration{Duration: time.Duration(30+round) * time.Second},
					}
				})
			case 1:
				change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
					c.Spec.Grants = []pamv1alpha1.SPSGrant{
						{Namespaces: []string{s.namespace, fmt.Sprint("other-", round)}},
					}
				})
			case 2:
				change(ctx, builder.SPSCredentialsSecret("", "", builder.InNamespace(s.namespace)), func(o *corev1.Secret) {
					o.Annotations = map[string]string{"written": fmt.Sprint(round)}
				})
			case 3:
				change(ctx, p, func(p *pamv1alpha1.RDPConnectionPolicy) {
					builder.Port(int32(4000 + round))(p)
				})
			default:
				asked[p.Name] = request(ctx, p)
			}
		}
		for _, p := range policies {
			eventuallyReady(ctx, p)
			if value, ok := asked[p.Name]; ok {
				Eventually(answered(ctx, p)).Should(Equal(value))
			}
		}
		conn := s.connection(ctx)
		Eventually(answered(ctx, conn)).Should(Equal(request(ctx, conn)))
	})

	It("of a connection's spec leave none of its objects waiting for the connection to be tried",
		func(ctx context.Context) {
			s := newSite(ctx, simsps.Options{})
			var policies []*pamv1alpha1.RDPConnectionPolicy
			for i := range 8 {
				policies = append(policies, s.policy(fmt.Sprint("p", i)))
				s.create(ctx, policies[i])
			}
			for round := range 7 {
				change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
					c.Spec.Commit = &pamv1alpha1.CommitSettings{
						Timeout: &metav1.Duration{Duration: time.Duration(30+round) * time.Second},
					}
				})
				eventuallyReady(ctx, s.connection(ctx))
				for _, p := range policies {
					eventuallyReady(ctx, p)
				}
			}
		})

	It("of an object whose next look is due already do not lose a later request", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		p := s.policy("a")
		s.create(ctx, p)
		eventuallyReady(ctx, p)
		Eventually(answered(ctx, p)).Should(Equal(request(ctx, p)))
		second := request(ctx, p)
		change(ctx, p, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Active = new(false) })
		Eventually(answered(ctx, p)).Should(Equal(second))
		Eventually(answered(ctx, p)).Should(Equal(request(ctx, p)))
	})
})
