// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const future = "future_member"

// template is a policy whose owner set everything otherwise.
const template = `{"future_member": {"enabled": true, "level": 5}, "rate_limit": {"enabled": true, "value": 9},
	"server_address": {"selection": "inband", "dns_server": "192.0.2.1",
		"domains": [{"domain": {"selection": "domain", "value": "*"}, "port": 3389}]}}`

var _ = onEverySPS("An RDPConnectionPolicy on an appliance whose members nobody has documented", func() {
	posts := func(s *site) int {
		return s.sps.Faults().Count(http.MethodPost, "^/api/configuration/rdp/connections$")
	}

	It("copies nothing from another policy where the appliance does without", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
			w.OptionalMembers = []string{future, "override_log_level"}
		}})
		s.byHand("template", `{"override_log_level": {"enabled": true, "value": 9}, "future_member": {"enabled": true}}`)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.body(policy)).NotTo(Or(HaveKey("override_log_level"), HaveKey(future)))
		Expect(posts(s)).To(Equal(1))
	})

	It("has switched off what the appliance demands and the spec cannot say", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
			w.RequiredMembers, w.RemovedMembers = []string{future}, []string{"channel_database_cleanup"}
		}})
		s.byHand("template", template)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.body(policy)).To(HaveKeyWithValue(future, map[string]any{"enabled": false}))
		Expect(s.body(policy)).To(HaveKeyWithValue("rate_limit", map[string]any{"enabled": false}))
		Expect(s.body(policy)).To(HaveKeyWithValue("server_address", map[string]any{"selection": "original"}))
		Expect(s.body(policy)).NotTo(HaveKey("channel_database_cleanup"))
		Expect(s.sps.Stats().TransactionsOpened).To(Equal(1), "a write that is refused costs no transaction")
	})

	It("has as others have it what has no off form", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.RequiredMembers = []string{future} }})
		s.byHand("template", `{"future_member": {"selection": "some", "of": ["it"]}}`)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.body(policy)).To(HaveKeyWithValue(future, map[string]any{"selection": "some", "of": []any{"it"}}))
	})

	It("is created without what an older policy shows and the version refuses", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.byHand("template", `{"former_member": {"enabled": true}}`)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.body(policy)).NotTo(HaveKey("former_member"))
	})

	It("is refused once and not once for each policy of a batch", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.RequiredMembers = []string{future} }})
		s.byHand("template", template)
		const number = 10
		policies := make([]*pamv1alpha1.RDPConnectionPolicy, number)
		for i := range policies {
			policies[i] = s.policy(fmt.Sprintf("p%d", i))
		}
		for _, policy := range policies {
			s.create(ctx, policy)
		}
		for _, policy := range policies {
			eventuallyReady(ctx, policy)
			Expect(s.body(policy)).To(HaveKeyWithValue(future, map[string]any{"enabled": false}))
		}
		Expect(posts(s)).To(Equal(number + 1))
		Expect(s.sps.Stats().RollBacks).To(BeZero())
	})

	It("says all that the appliance found wrong", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.RequiredMembers = []string{future} }})
		s.byHand("template", template)
		policy := s.policy("a", specOf(`{channelDatabaseCleanup: {mode: Enabled, days: 800},
			policies: {archiveCleanup: {name: yearly}}}`))
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonRejected)
		Expect(message(ctx, policy)).To(And(
			ContainSubstring("future_member: is missing"), ContainSubstring("must not exceed the 730 days")))
		Expect(s.sps.Objects(rdpConnections)).To(HaveLen(1))
	})
})
