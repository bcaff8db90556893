// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file is about requests that the server has refused. A refusal is not proof that there is no session: a server
// may fail after it has made one, and what stands before it may answer in its place. So a session of the request is
// looked for like one whose answer never came, until the request has settled; only the place of the request is given
// back, and the refusal is what people see.

// refusal is what is known of a request that came to nothing.
type refusal struct {
	// unsent says that the request never got to the server: there is nothing to be found.
	unsent bool
	// open says that it was not looked for a session of it yet: its place is kept. It does not change.
	open bool
	// next is when the next look is due. A pass before that was asked for.
	next time.Time
	// asked says that somebody wants the request to be sent again.
	asked bool
	// settled says that nothing was found although the request has settled.
	settled bool
}

// step says what a pass does with a request that was refused and of which no session was found: send it again, or look
// once more after a while.
func (f *refusal) step(now, sent time.Time, first, settle time.Duration) (again bool, after time.Duration) {
	f.asked = f.asked || now.Add(f.next.Sub(sent)/5).Before(f.next) // delays are jittered
	if next := untilLook(now.Sub(sent), first, settle); next > 0 {
		f.next = now.Add(next)
		return false, next
	}
	if again = f.settled || f.asked; again {
		return true, 0
	}
	f.settled = true
	after = max(stalledRecheck-now.Sub(sent), first)
	f.next = now.Add(after)
	return false, after
}

// refused says that the server answers that it does not do what the request asks for (nps contract 4.2).
func refused(err error) bool {
	return rest.IsRejected(err) || rest.IsForbidden(err) || rest.IsNotFound(err) || rest.IsConflict(err)
}

// refuse is what a pass comes to whose request was refused: the session that came of it nevertheless, or the refusal,
// which is asked again slowly before it is given up.
func (r *activitySessionReconciler) refuse(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, err error,
) (outcome, error) {
	found, unlooked := r.adopt(ctx, server, s)
	if unlooked == nil && found {
		return outcome{}, nil
	}
	now, next := r.now(), untilLook(0, r.SecondLook, r.Settle)
	r.places.refused(s.UID, &refusal{next: now.Add(next), open: unlooked != nil})
	s.Status.Deadline = at(pendingDeadline(s, now))
	out := stalled(pamv1alpha1.ReasonRejected, err.Error()+"; asked again until "+
		s.Status.Deadline.UTC().Format(time.RFC3339))
	out.after = next
	return out, nil
}

// lookBehind goes on with a request that was refused, and of which a look has found nothing. A reason in the outcome
// says that it is not to be sent now.
func (r *activitySessionReconciler) lookBehind(s *pamv1alpha1.ActivitySession, f *refusal) outcome {
	if f.open {
		f = &refusal{next: f.next, asked: f.asked}
		r.places.refused(s.UID, f)
	}
	f.asked = f.asked || s.Cancelled() || !s.DeletionTimestamp.IsZero()
	again, after := f.step(r.now(), r.sentAt(s), r.SecondLook, r.Settle)
	if again {
		return outcome{}
	}
	message := "the server has refused the request"
	if c := readyOf(s); c != nil && c.Reason == pamv1alpha1.ReasonRejected {
		message = c.Message
	}
	out := stalled(pamv1alpha1.ReasonRejected, message)
	out.after = after
	return out
}
