// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// commitTimeout is the least that the API takes, so that what is slow beside it still makes a short test.
func commitTimeout(c *pamv1alpha1.SPSConnection) {
	c.Spec.Commit.Timeout = &metav1.Duration{Duration: time.Second}
}

var _ = onEverySPS("An appliance that is slow", func() {
	It("works although a transaction takes many times the commit's time-out", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		conn := s.spsConnection("sps", builder.With(commitTimeout))
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)
		s.spsFault(fault.Rule{Name: "slow", Delay: fault.Duration(500 * time.Millisecond)})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.sps.Stats().Commits).To(Equal(1))
	})

	It("that commits more slowly than it may is believed when it shows the object", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) {
			w.CommitDelay = 1500 * time.Millisecond
		}})
		conn := s.spsConnection("sps", builder.With(commitTimeout))
		s.create(ctx, conn)
		eventuallyReady(ctx, conn)
		policy := s.policy("a")
		s.create(ctx, policy)
		Eventually(told(ctx, policy)).Should(HaveKeyWithValue(
			And(ContainSubstring("did not answer the commit within 1s"), ContainSubstring("spec.commit.timeout")),
			pamv1alpha1.ReasonUnreachable))
		eventuallyReady(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
		Expect(s.sps.Faults().Count(http.MethodPost, rdpConnections)).To(Equal(1), "what is there is not written again")
	})
})

var _ = Describe("An appliance that stops answering", func() {
	It("is shown on its connection while the first probe still waits", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		conn := s.connection(ctx)
		change(ctx, conn, func(c *pamv1alpha1.SPSConnection) {
			c.Spec.DriftCheckInterval = &metav1.Duration{Duration: time.Hour}
		})
		eventuallyReady(ctx, conn)
		release := make(chan struct{})
		answer := func() {
			s.sps.Faults().OnRequest(nil)
			s.sps.Faults().Clear()
			close(release)
		}
		s.sps.Faults().OnRequest(func(r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/info") {
				<-release
			}
		})
		s.spsFault(fault.Rule{Name: "silence", Path: rdpConnections, Drop: fault.DropBefore})
		policy := s.policy("a")
		s.create(ctx, policy)
		Eventually(func() *pamv1alpha1.CircuitBreaker { return s.connection(ctx).Status.CircuitBreaker }, 15*time.Second).
			Should(HaveField("State", pamv1alpha1.CircuitHalfOpen), "a call of the policy was cut")
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnreachable)
		answer()
		eventuallyReady(ctx, policy)
	})
})
