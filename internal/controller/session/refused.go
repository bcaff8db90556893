// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file is about requests that the server has refused. A refusal is not proof that there is no session: a server
// may fail after it has created one, and a proxy may answer in its place. So the session of the request is searched for
// like that of an unanswered one, until the end of the recovery window; only the place in the session quota is
// released, and the refusal is what users see.

// refusal is what is known of a request that led to nothing.
type refusal struct {
	// unsent says that the request never reached the server, so that there is nothing to search for.
	unsent bool
	// open says that its session was not searched for yet, so that it keeps its place in the quota. It does not change.
	open bool
	// asked says that someone wants the request to be sent again.
	asked bool
	// settled says that nothing was found although the recovery window has passed.
	settled bool
}

// step decides what is done with a request that was refused and whose session was not found: send it again, or search
// again after a while.
func (f *refusal) step(now, sent time.Time, first, window time.Duration) (again bool, after time.Duration) {
	if next := untilLook(now.Sub(sent), first, window); next > 0 {
		return false, next
	}
	if again = f.settled || f.asked; again {
		return true, 0
	}
	f.settled = true
	return false, max(loop.StalledRecheck-now.Sub(sent), first)
}

// refuses reports whether the server answers that it does not do what is requested (docs/vendors/nps.md 4.2).
func refuses(err error) bool {
	return rest.IsRejected(err) || rest.IsForbidden(err) || rest.IsNotFound(err) || rest.IsConflict(err)
}

// saysRefused reports whether a Ready condition is about a refusal.
func saysRefused(c *metav1.Condition) bool {
	return c != nil && (c.Reason == pamv1alpha1.ReasonRejected || c.Reason == pamv1alpha1.ReasonReferenceNotFound)
}

// refused is the outcome of a request that the server has refused: the session that was created nevertheless, or the
// refusal. The request is retried at long intervals before it is given up.
func (r *requester) refused(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, cause error,
) (loop.Outcome, error) {
	out, err := r.adopt(ctx, server, s)
	if err == nil && !out.Continues() {
		return out, nil
	}
	now, next := r.now(), untilLook(0, r.SecondLook, r.RecoveryWindow)
	r.quota.refused(s.UID, &refusal{open: err != nil})
	r.memory.searched(s.UID, now, next)
	s.Status.Deadline = at(pendingDeadline(s, now))
	reason, message := r.explain(ctx, server, s, cause)
	out = loop.Stalled(reason, message+atTime("; retried until ", s.Status.Deadline))
	out.After = next
	return out, nil
}

// afterRefusal continues if a request that was refused, and whose session was searched for in vain, in a search that
// began at a time, is to be sent again.
func (r *requester) afterRefusal(s *pamv1alpha1.ActivitySession, f *refusal, began time.Time) loop.Outcome {
	if f.open {
		f = &refusal{asked: f.asked}
		r.quota.refused(s.UID, f)
	}
	f.asked = f.asked || s.Cancelled() || !s.DeletionTimestamp.IsZero() || r.isAsked(s)
	again, after := f.step(began, r.sentAt(s), r.SecondLook, r.RecoveryWindow)
	if f.settled { // nothing is left there, so it may be sent elsewhere
		s.Status.Server = ""
	}
	if again {
		return loop.Continue()
	}
	r.memory.searched(s.UID, began, after)
	return stillRefused(s, after)
}

// stillRefused is the outcome of a request that was refused and is not sent again yet.
func stillRefused(s *pamv1alpha1.ActivitySession, after time.Duration) loop.Outcome {
	reason, message := pamv1alpha1.ReasonRejected, "the server has refused the request"
	if c := loop.ReadyOf(s); saysRefused(c) {
		reason, message = c.Reason, c.Message
	}
	out := loop.Stalled(reason, message)
	out.After = after
	return out
}

// wasRefused reports whether nothing can come of the only request of an object: it never reached the server, or was
// refused, and its session searched for in vain.
func (b *base) wasRefused(s *pamv1alpha1.ActivitySession) bool {
	if s.Status.SessionID != "" || countOf(s.Status.RequestAttempts) > 1 {
		return false
	}
	known := b.memory.of(s.UID)
	rejected := s.Status.Failure != nil && s.Status.Failure.Reason == pamv1alpha1.FailureRejected
	inVain := known.refusal != nil && !known.refusal.open && b.untilNextSearch(s, b.now()) == 0
	return known.isUnsent() || rejected || inVain
}
