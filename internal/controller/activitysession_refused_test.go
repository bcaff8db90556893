// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("An ActivitySession whose request was refused although its session was made", func() {
	// lagging is a server whose lists are behind, so that the first search shows nothing.
	lagging := simnps.Options{Switches: simnps.Switches{
		ReadSwitches: simnps.ReadSwitches{ListLag: simnps.Duration(500 * time.Millisecond)},
	}}
	for _, status := range []int{400, 403, 404, 409, 422, 500} {
		It(fmt.Sprintf("with %d takes it over when a list shows it", status), func(ctx context.Context) {
			s := newServerSite(ctx, lagging)
			s.fault(createdAlthough(status))
			session := s.activeSession(ctx, "session")
			Expect(s.nps.Sessions()).To(HaveLen(1))
			Expect(k8s.Delete(ctx, session)).To(Succeed())
			eventuallyGone(ctx, session)
			Expect(s.nps.Sessions()[0].Status).To(Equal("Complete"))
		})

		It(fmt.Sprintf("with %d ends it when the object is deleted", status), func(ctx context.Context) {
			s := newServerSite(ctx, lagging)
			s.fault(createdAlthough(status))
			session := s.session(ctx, "session")
			Eventually(s.nps.Sessions).Should(HaveLen(1))
			Expect(k8s.Delete(ctx, session)).To(Succeed())
			eventuallyGone(ctx, session)
			Expect(s.nps.Sessions()).To(HaveLen(1))
			Expect(s.nps.Sessions()[0].Status).To(Equal("Complete"))
		})

		It(fmt.Sprintf("with %d ends it when it is cancelled", status), func(ctx context.Context) {
			s := newServerSite(ctx, lagging)
			s.fault(createdAlthough(status))
			session := s.session(ctx, "session")
			Eventually(s.nps.Sessions).Should(HaveLen(1))
			cancel(ctx, session)
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
			Eventually(func() string { return s.nps.Sessions()[0].Status }).Should(Equal("Complete"))
			Expect(s.nps.Sessions()).To(HaveLen(1))
		})
	}

	It("is not asked for again because its lists are behind and somebody asks again", func(ctx context.Context) {
		s := newServerSite(ctx, lagging)
		s.fault(createdAlthough(400))
		session := s.session(ctx, "session")
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		request(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(s.nps.Faults().Count("POST", createPath)).To(Equal(1))
	})

	It("at a server that cuts notes is found by what is left of its note", func(ctx context.Context) {
		server := simnps.Options{}
		server.Switches.NoteMaxLength = 30
		s := newServerSite(ctx, server)
		first := s.activeSession(ctx, "first") // shows that notes are cut
		s.fault(createdAlthough(404))
		session := s.activeSession(ctx, "session")
		Expect(s.nps.Sessions()).To(HaveLen(2))
		for _, o := range []*pamv1alpha1.ActivitySession{first, session} {
			Expect(k8s.Delete(ctx, o)).To(Succeed())
			eventuallyGone(ctx, o)
		}
		for _, there := range s.nps.Sessions() {
			Expect(there.Status).To(Equal("Complete"))
		}
	})

	It("and truly refused, is asked for again when somebody asks, and not before", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Activity("Linux patching"))
		eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
		// The looks for a session of it end when the request has settled, a second after it was sent.
		Consistently(func() int { return s.nps.Faults().Count("POST", createPath) }, "3s").Should(Equal(1))
		Expect(ready(ctx, session)()).To(Equal("False Rejected"))
		request(ctx, session)
		Eventually(func() int { return s.nps.Faults().Count("POST", createPath) }).Should(Equal(2))
	})
})
