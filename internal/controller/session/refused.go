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
	// next is when the next search is due. A reconcile before that has another cause.
	next time.Time
	// asked says that someone wants the request to be sent again.
	asked bool
	// settled says that nothing was found although the recovery window has passed.
	settled bool
}

// step decides what is done with a request that was refused and whose session was not found: send it again, or search
// again after a while.
func (f *refusal) step(now, sent time.Time, first, window time.Duration) (again bool, after time.Duration) {
	f.asked = f.asked || now.Add(f.next.Sub(sent)/5).Before(f.next) // delays are jittered
	if next := untilLook(now.Sub(sent), first, window); next > 0 {
		f.next = now.Add(next)
		return false, next
	}
	if again = f.settled || f.asked; again {
		return true, 0
	}
	f.settled = true
	after = max(loop.StalledRecheck-now.Sub(sent), first)
	f.next = now.Add(after)
	return false, after
}

// refuses reports whether the server answers that it does not do what is requested (nps contract 4.2).
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
	r.quota.refused(s.UID, &refusal{next: now.Add(next), open: err != nil})
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
		f = &refusal{next: f.next, asked: f.asked}
		r.quota.refused(s.UID, f)
	}
	f.asked = f.asked || s.Cancelled() || !s.DeletionTimestamp.IsZero() || r.Requests.Of(s).Open()
	again, after := f.step(began, r.sentAt(s), r.SecondLook, r.RecoveryWindow)
	if again {
		return loop.Continue()
	}
	reason, message := pamv1alpha1.ReasonRejected, "the server has refused the request"
	if c := loop.ReadyOf(s); saysRefused(c) {
		reason, message = c.Reason, c.Message
	}
	out := loop.Stalled(reason, message)
	out.After = after
	return out
}
