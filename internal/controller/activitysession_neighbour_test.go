// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

var _ = Describe("Beside a server that accepts requests and never answers", func() {
	// crowd is more sessions than passes of one connection may run at a time.
	const crowd = 60

	// hung is a site whose server holds every request for a session, and the number of those that it holds.
	hung := func(ctx context.Context) *atomic.Int32 {
		GinkgoHelper()
		s := newServerSite(ctx, simnps.Options{})
		held, release := &atomic.Int32{}, make(chan struct{})
		DeferCleanup(func() { close(release) })
		s.nps.Faults().OnRequest(func(r *http.Request) {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/ActivitySession") {
				return
			}
			held.Add(1)
			defer held.Add(-1)
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})
		for i := range crowd {
			s.session(ctx, fmt.Sprint("session-", i))
		}
		Eventually(held.Load).Should(BeNumerically(">", 1))
		return held
	}

	It("sessions of another connection are requested, cancelled and deleted", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		before := s.activeSession(ctx, "before")
		held := hung(ctx)
		cancel(ctx, before)
		eventuallyPhase(ctx, before, pamv1alpha1.SessionCancelled)
		session := s.activeSession(ctx, "session")
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		Expect(held.Load()).To(BeNumerically(">", 0), "the server answers")
	})
})
