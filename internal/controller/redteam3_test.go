// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("Somebody who has the shipped roles in a namespace", func() {
	It("does not delay the exports of others with slow appliances", func(ctx context.Context) {
		release := make(chan struct{})
		DeferCleanup(func() { close(release) })
		held := &atomic.Int32{}
		for range 2 { // as many exports as may be written at a time
			slow := newSite(ctx, simsps.Options{Version: "6.0"}) // it lists no bodies, so each object is read
			slow.sps.Put(spsUsers, "", map[string]any{"name": "slow"})
			slow.sps.Faults().OnRequest(func(r *http.Request) {
				if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, spsUsers+"/") {
					return
				}
				held.Add(1)
				defer held.Add(-1)
				select {
				case <-release:
				case <-r.Context().Done():
				}
			})
			slow.create(ctx, builder.ApplianceExport("slow", slow.in("sps")...))
		}
		Eventually(held.Load).Should(BeNumerically(">=", 2))
		s := newSite(ctx, simsps.Options{})
		s.byHand("mine", `{}`)
		Expect(exported(ctx, s.export(ctx, "export"))).NotTo(BeEmpty())
		Expect(held.Load()).To(BeNumerically(">=", 2), "the slow ones have ended")
	})

	hidden := func(ctx context.Context, through func(*site, *developer) []builder.Option) {
		GinkgoHelper()
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		s.byHand("backdoor", `{}`)
		own := s.policy("own")
		s.create(ctx, own)
		eventuallyReady(ctx, own)
		count := func() int {
			s.look(ctx)
			return s.unmanaged(ctx)()["RDPConnectionPolicy"]
		}
		Eventually(count).Should(Equal(1))
		squatter := builder.RDPConnectionPolicy("backdoor", through(s, d)...)
		d.makes(ctx, squatter)
		Eventually(ready(ctx, squatter)).Should(HavePrefix("False "))
		for range 5 {
			Expect(count()).To(Equal(1))
		}
	}

	It("hides nothing that is unmanaged by an object that is not permitted", func(ctx context.Context) {
		hidden(ctx, func(s *site, d *developer) []builder.Option { return d.through(s) })
	})

	It("nor by a connection of their own that does not work", func(ctx context.Context) {
		hidden(ctx, func(s *site, d *developer) []builder.Option {
			own := builder.SPSConnection("own", builder.InNamespace(d.namespace), builder.URL(s.running.URL("sps")))
			own.Spec.CredentialsSecretRef.Name = "none"
			s.create(ctx, own)
			return []builder.Option{builder.InNamespace(d.namespace), builder.Connection("own", "")}
		})
	})

	It("is shown no names of an appliance by misspelling others", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		d := s.developer(ctx)
		s.sps.Put(spsUsers, "", map[string]any{"name": "cfo-breakglass"})
		s.sps.Put(spsGroups, "", map[string]any{"name": "cfo-group", "members": []any{}})
		s.permits(ctx, d, pamv1alpha1.SPSGrant{Names: []string{"payments-*"}})
		group := builder.LocalUserGroup("payments-x", append(d.through(s), builder.Members("cfo-breakglas"))...)
		policy := builder.RDPConnectionPolicy("payments-y", append(d.through(s),
			builder.References(pamv1alpha1.PolicyReferences{Channel: &pamv1alpha1.ApplianceReference{Name: "al"}}))...)
		directory := builder.RDPConnectionPolicy("payments-z", append(d.through(s),
			builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
				p.Spec.AccessControl = []pamv1alpha1.AccessControlRule{{
					Authorizer: "cfo-grou", Permission: pamv1alpha1.AccessPermissionAudit,
				}}
			}))...)
		d.makes(ctx, group, policy, directory)
		eventuallyReason(ctx, group, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, group)).To(HaveSuffix(`the appliance has no user "cfo-breakglas"`))
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonReferenceNotFound)
		Expect(message(ctx, policy)).To(HaveSuffix(`the appliance has no "al" in rdp/channel_policies`))
		eventuallyReady(ctx, directory)
		Expect(message(ctx, directory)).To(HaveSuffix(`the appliance has no local group "cfo-grou"`))
	})
})
