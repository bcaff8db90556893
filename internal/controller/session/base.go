// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// base is what every part of this controller works with: the dependencies, what this process knows beyond the statuses,
// and the clock. Its methods are the steps that any part may take.
type base struct {
	loop.Deps

	memory *memory
	claims *claims
	now    func() time.Time
}

func newBase(deps loop.Deps) *base {
	return &base{Deps: deps, memory: newMemory(), claims: newClaims(deps.Client), now: time.Now}
}

// moment is now, by our clock and by that of the session's server, which need not be reachable.
func (b *base) moment(ctx context.Context, s *pamv1alpha1.ActivitySession) moment {
	return momentAt(ctx, b.Deps, s, b.now())
}

// enter moves a session to a phase.
func (b *base) enter(s *pamv1alpha1.ActivitySession, phase pamv1alpha1.SessionPhase, message string) {
	enterPhase(s, phase, message, b.now())
}

// fail ends a session that the server does not have.
func (b *base) fail(s *pamv1alpha1.ActivitySession, reason, message string) {
	s.Status.Failure = newFailure(reason, message)
	b.enter(s, pamv1alpha1.SessionFailed, message)
}

// startOver takes an object back to Pending: nothing is known of its session, except that it may have been requested.
func (b *base) startOver(s *pamv1alpha1.ActivitySession) {
	old := s.DeepCopy()
	s.Status = pamv1alpha1.ActivitySessionStatus{
		Conditions: old.Status.Conditions, ObservedGeneration: old.Status.ObservedGeneration,
		ConnectionSecretRef: old.Status.ConnectionSecretRef,
	}
	carryMark(s, old)
	b.enter(s, pamv1alpha1.SessionPending, "")
	b.memory.searched(s.UID, time.Time{}, 0)
}

// sentAt is since when the outcome of the request is awaited, by the clock of this process: when this process marked
// the request, or first saw the mark of another one. A request leaves soon after its mark or not at all, and a mark is
// seen after it was made, so the clocks of two nodes are never compared.
func (b *base) sentAt(s *pamv1alpha1.ActivitySession) time.Time {
	return b.memory.unansweredSince(s.UID, b.now())
}

// untilNextSearch is how long to wait before the session of a request is searched for again, after a search that began
// at a time; 0 if it began once the recovery window had passed. A search that took longer may have missed what the
// server has finished since.
func (b *base) untilNextSearch(s *pamv1alpha1.ActivitySession, began time.Time) time.Duration {
	return untilLook(began.Sub(b.sentAt(s)), b.SecondLook, b.RecoveryWindow)
}
