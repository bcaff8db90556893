// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("The audit trail", func() {
	oneLine := func(namespace, action, result string) {
		GinkgoHelper()
		Eventually(auditLines).WithArguments(namespace, action, result).Should(HaveLen(1), action+" "+result)
	}

	It("has one line for every change on an appliance", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.sps.Put(spsGroups, "", map[string]any{"name": "found", "members": []any{}})
		found := s.group("found", builder.Members())
		policy := s.policy("rdp-made")
		s.create(ctx, found, policy)
		eventuallyReady(ctx, found)
		eventuallyReady(ctx, policy)
		s.edit(ctx, rdpConnections, policy.Status.Key, map[string]any{"name": "by-hand"})
		Eventually(auditLines).WithArguments(s.namespace, "repair", "succeeded").Should(HaveLen(1))
		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { builder.Port(3390)(p) })
		Eventually(auditLines).WithArguments(s.namespace, "update", "succeeded").Should(HaveLen(1))
		eventuallyReady(ctx, policy)
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		for _, action := range []string{"adopt", "create", "repair", "update", "delete"} {
			oneLine(s.namespace, action, "succeeded")
		}
		writer, _, _ := strings.Cut(rest.DefaultKubernetesUserAgent(), "/") // where the client gives no field manager
		Expect(auditLines(s.namespace, "create", "succeeded")[0]).To(ContainSubstring(`"client": "` + writer + `"`))
	})

	It("has one line for every step of a session, and for what is refused", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		denied := s.tenant(ctx)
		stranger := s.session(ctx, "stranger", s.from(denied))
		eventuallyReason(ctx, stranger, pamv1alpha1.ReasonConnectionNotPermitted)
		oneLine(denied, "request", "denied")

		session := s.activeSession(ctx, "session", builder.Duration(10*time.Minute))
		change(ctx, session, func(o *pamv1alpha1.ActivitySession) {
			o.Spec.Duration = &metav1.Duration{Duration: 20 * time.Minute}
		})
		Eventually(auditLines).WithArguments(s.namespace, "extend", "succeeded").Should(HaveLen(1))
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Eventually(auditLines).WithArguments(s.namespace, "over", "succeeded").ShouldNot(BeEmpty())
		for _, action := range []string{"request", "hand-over", "extend", "end", "over"} {
			oneLine(s.namespace, action, "succeeded")
		}
		Expect(auditLines(s.namespace, "request", "succeeded")[0]).To(And(
			ContainSubstring(session.Status.SessionID), ContainSubstring(session.Spec.RequestedBy),
			ContainSubstring(s.running.URL("nps"))))
	})

	It("has one line for the end of a session, whoever ended it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		for name, c := range map[string]struct {
			end  func(id string) error
			want []string
		}{
			"by-an-administrator": {s.nps.End, []string{`"phase": "Cancelled"`, `"cancelledBy": "`}},
			"by-a-fault": {
				func(id string) error { return s.nps.Fail(id, "the host is gone") },
				[]string{`"phase": "Failed"`, `"reason": "SessionFailed"`},
			},
			"by-being-purged": {s.nps.Purge, []string{`"phase": "Completed"`}},
		} {
			session := s.activeSession(ctx, name)
			id := session.Status.SessionID
			Expect(c.end(id)).To(Succeed())
			over := func() (lines []string) {
				for _, line := range auditLines(s.namespace, "over", "succeeded") {
					if strings.Contains(line, id) {
						lines = append(lines, line)
					}
				}
				return lines
			}
			Eventually(over).ShouldNot(BeEmpty(), name)
			Expect(k8s.Delete(ctx, session)).To(Succeed())
			eventuallyGone(ctx, session)
			Expect(over()).To(HaveLen(1), name)
			for _, want := range append(c.want, `"end": "20`) {
				Expect(over()[0]).To(ContainSubstring(want), name)
			}
		}
		Expect(auditLines(s.namespace, "end", "succeeded")).To(BeEmpty(), "the operator ended none")
	})
})
