// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// This file finds out what became of a request whose answer never came.

// requestSettle is how long a session may take to show up whose request got no answer: the client gives up after 30 s,
// and the server may be as long again at what it has begun, or behind in its lists.
const requestSettle = time.Minute

// recover finds out what became of a request that was sent before. That nothing came of it is believed after a while:
// the server may still be at it although the answer did not come in time.
func (r *activitySessionReconciler) recover(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (out outcome, found bool, err error) {
	if r.places.isUnsent(s.UID) {
		return outcome{}, false, nil
	}
	if found, err = r.adopt(ctx, server, s); err != nil || found {
		return outcome{}, found, err
	}
	if requestID(s) == "" { // nothing says that anything was sent
		return outcome{}, false, nil
	}
	if f := r.places.refusal(s.UID); f != nil {
		return r.lookBehind(s, f), false, nil
	}
	if next := untilLook(r.now().Sub(r.sentAt(s)), r.SecondLook, r.Settle); next > 0 {
		return wait(pamv1alpha1.ReasonProgressing,
			"the request got no answer, and the server shows no session of it; looking again", next), false, nil
	}
	return outcome{}, false, nil
}

// untilLook is how long to wait before the next look for a request that was sent so long ago; 0 if there is no need for
// another one. The pauses double, and the last look is when the request has settled.
func untilLook(elapsed, first, settle time.Duration) time.Duration {
	if elapsed >= settle {
		return 0
	}
	return min(max(elapsed, first), settle-elapsed+time.Millisecond)
}

// adopt looks for sessions of this request. The oldest one that is not over is ours; any further one is ended.
func (r *activitySessionReconciler) adopt(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (bool, error) {
	found, err := r.search(ctx, server, s)
	if err != nil || len(found) == 0 {
		return false, err
	}
	if err := r.endExtras(ctx, server, s, found[1:]); err != nil {
		return false, err
	}
	return true, r.takeOver(ctx, server, s, found[0].ID)
}

// search returns the sessions of this request, the oldest one that lives first: those with its note, or, at a server
// that is known to lose notes, the one that is concluded to be of it.
func (r *activitySessionReconciler) search(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) ([]nps.Summary, error) {
	found, err := server.FindByNote(ctx, newRequestID(s))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, oldestLiveFirst)
	if len(found) > 0 || requestID(s) == "" || !server.LosesNotes(newRequestID(s)) {
		return found, nil
	}
	return r.searchUnnamed(ctx, server, s)
}

func (r *activitySessionReconciler) takeOver(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, id string,
) error {
	session, err := server.Read(ctx, id)
	if err != nil {
		return err
	}
	r.accepted(ctx, server, s, session.ID, audit.AdoptSession)
	r.statusWriter().event(s, corev1.EventTypeNormal, pamv1alpha1.ReasonProgressing,
		"took session "+session.ID+" over, which was asked for before without an answer that was seen")
	r.observe(ctx, server, s, session)
	return nil
}

// withdraw ends what came of a request whose namespace has lost its permission since. Nothing of it is taken into use,
// and nothing is sent again.
func (r *activitySessionReconciler) withdraw(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, denial error,
) (outcome, error) {
	found, err := r.search(ctx, server, s)
	if err != nil {
		return outcome{}, err
	}
	why := "the request was withdrawn: " + outcomeOf(denial).message
	live := slices.DeleteFunc(found, func(x nps.Summary) bool { return x.Status.Terminal() })
	if len(live) == 0 {
		if r.places.refusal(s.UID) != nil { // the permission may come back
			return outcome{}, denial
		}
		if next := untilLook(r.now().Sub(r.sentAt(s)), r.SecondLook, r.Settle); next > 0 {
			return wait(pamv1alpha1.ReasonConnectionNotPermitted, why+"; looking for what came of it", next), nil
		}
		r.fail(s, reasonNotPermitted, why)
		return outcome{}, nil
	}
	for _, x := range live {
		if err := server.Client().End(ctx, x.ID); err != nil {
			return outcome{}, err
		}
		r.auditSession(ctx, server, s, audit.Record{
			Action: audit.End, Result: audit.Succeeded, Session: x.ID, Reason: why,
		})
	}
	r.claims.is(live[0].ID, s.UID)
	s.Status.SessionID, s.Status.RequestTime = live[0].ID, &metav1.Time{Time: r.now()}
	s.Status.Failure = &pamv1alpha1.SessionFailure{Reason: reasonNotPermitted, Message: shorten(why, maxConditionMessage)}
	r.enter(s, pamv1alpha1.SessionEnding, why)
	s.Status.Deadline = deadline(s, r.moment(ctx, s))
	return outcome{}, nil
}

const (
	// requestPatience is how long a request that was not sent waits for its connection, or for a place.
	requestPatience = 24 * time.Hour
	// refusalPatience is how long a request is tried again, slowly, that was sent and came to nothing that is known: the
	// cause may be mended at the server, but nobody wants a privileged session to open hours after it was asked for.
	refusalPatience = time.Hour
)

// pendingDeadline is when a request that came to nothing is given up. It never moves away.
func pendingDeadline(s *pamv1alpha1.ActivitySession, now time.Time) time.Time {
	end := now
	if s.Spec.StartTime != nil && s.Spec.StartTime.After(now) {
		end = s.Spec.StartTime.Time
	}
	end = end.Add(requestPatience)
	if requestID(s) != "" {
		end = now.Add(refusalPatience)
	}
	if known := s.Status.Deadline; known != nil && known.Time.Before(end) {
		end = known.Time
	}
	return end
}

// giveUp ends a request whose time is over, after a last look for what may have come of it.
func (r *activitySessionReconciler) giveUp(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (outcome, error) {
	reason, why := "RequestTimeout", "the session could not be asked for in time"
	if c := readyOf(s); c != nil {
		why += ": " + c.Message
		if c.Reason == pamv1alpha1.ReasonRejected {
			reason = reasonRejected
		}
	}
	if requestID(s) == "" || r.places.isUnsent(s.UID) {
		r.fail(s, reason, why)
		return outcome{}, nil
	}
	found, err := r.lastLook(ctx, s)
	switch {
	case found && err == nil, s.Status.Phase != pamv1alpha1.SessionPending:
	case err == nil && untilLook(r.now().Sub(r.sentAt(s)), r.SecondLook, r.Settle) == 0,
		r.places.refusal(s.UID) != nil:
		r.fail(s, reason, why)
	default:
		r.fail(s, reasonOutcomeUnknown, fmt.Sprintf("it is not known whether the server has made a session: look for %s "+
			"there. One that shows up within %s is ended. %s", newRequestID(s), watchFor, why))
	}
	return outcome{}, nil
}

// lastLook looks once more for what came of a request that is given up.
func (r *activitySessionReconciler) lastLook(ctx context.Context, s *pamv1alpha1.ActivitySession) (bool, error) {
	_, denial := r.mayAsk(ctx, s)
	_, server, err := r.pool.Following(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return false, err
	}
	if isDenied(denial) {
		_, err := r.withdraw(ctx, server, s, denial)
		return false, err
	}
	return r.adopt(ctx, server, s)
}

// oldestLiveFirst orders sessions of the same request: those that live before those that are over, then by age.
func oldestLiveFirst(a, b nps.Summary) int {
	if a.Status.Terminal() != b.Status.Terminal() {
		if a.Status.Terminal() {
			return 1
		}
		return -1
	}
	return a.CreatedAt.Compare(b.CreatedAt.Time)
}
