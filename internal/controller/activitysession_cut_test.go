// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// cuts are lengths to which a server may cut notes: none, within each part of a request id, around its end, and two
// that nobody chose.
func cuts() []int {
	const length = len("pam-operator/0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01/1")
	random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 0)) //nolint:gosec // a choice, not a secret
	return []int{0, 1, 3, 12, 13, 14, 20, 21, 22, 35, 49, 50, length, 1 + random.IntN(length), 1 + random.IntN(length)}
}

var _ = Describe("Two ActivitySessions whose requests were not answered, at a server that cuts notes", func() {
	const enough = len("pam-operator/0b5e1c5c")
	for i, cut := range cuts() {
		It(fmt.Sprintf("to %d characters (%d), never have more than one session each, or that of the other", cut, i),
			func(ctx context.Context) {
				server := unanswered(2, simnps.CreateSwitches{NoteMaxLength: cut, NotesDropped: cut == 0})
				s := newServerSite(ctx, server)
				both := []*pamv1alpha1.ActivitySession{s.session(ctx, "first"), s.session(ctx, "second")}
				for _, session := range both {
					if cut < enough {
						eventuallyReason(ctx, session, pamv1alpha1.ReasonConflict)
						Expect(session.Status.SessionID).To(BeEmpty())
						continue
					}
					eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
					Expect(requestIDOf(session)).To(HavePrefix(s.atServer(session).Note))
				}
				Expect(s.nps.Stats().Creates).To(Equal(2))
				for _, session := range both {
					Expect(k8s.Delete(ctx, session)).To(Succeed())
				}
				for _, session := range both {
					eventuallyGone(ctx, session)
				}
				if cut >= enough {
					Eventually(s.liveThere).Should(BeEmpty(), "a session was left")
					return
				}
				for _, id := range s.liveThere() {
					eventuallyEvent(ctx, s.namespace, pamv1alpha1.ReasonDeletionBlocked, id)
					Expect(s.nps.End(id)).To(Succeed()) // as the message demands
				}
			})
	}
})
