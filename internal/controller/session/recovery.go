// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file finds out what became of a request that was not answered.

// recover searches for the session of a request that was sent before. It continues if there is none: that is believed
// only after the recovery window, because the server may still be processing a request whose answer did not come.
func (r *requester) recover(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	if r.memory.of(s.UID).isUnsent() {
		return loop.Continue(), nil
	}
	if out := r.untilSearch(s); !out.Continues() {
		return out, r.memory.of(s.UID).search.undecided
	}
	began := r.now()
	if out, err := r.adopt(ctx, server, s); err != nil || !out.Continues() {
		return out, err
	}
	if loop.RequestID(s) == "" { // nothing says that anything was sent
		return loop.Continue(), nil
	}
	if f := r.memory.of(s.UID).refusal; f != nil {
		if out := r.afterRefusal(s, f, began); !out.Continues() {
			return out, nil
		}
	} else if next := r.untilNextSearch(s, began); next > 0 {
		r.memory.searched(s.UID, began, next)
		return stillUnanswered(next), nil
	}
	err := r.finder.undecided(ctx, server, s)
	if err != nil {
		r.memory.update(s.UID, func(known *memo) { known.search = vainSearch{began, undecidedRecheck, err} })
	}
	return loop.Continue(), err
}

func stillUnanswered(after time.Duration) loop.Outcome {
	return loop.Wait(pamv1alpha1.ReasonProgressing,
		"the request was not answered, and the server shows no session for it; searching again", after)
}

// untilSearch continues if the session of the request is to be searched for now. A search reads every list, so it is
// not made for whatever wakes a reconcile: only when it is due, or if somebody asks for it.
func (r *requester) untilSearch(s *pamv1alpha1.ActivitySession) loop.Outcome {
	known := r.memory.of(s.UID)
	left := known.search.left(r.now())
	switch {
	case left == 0 || r.isAsked(s):
		return loop.Continue()
	case known.refusal != nil:
		return stillRefused(s, left)
	}
	return stillUnanswered(left)
}

// isAsked reports whether somebody has asked for a look since the last reconcile: by a request to reconcile, or by a
// change of the spec, such as a cancel, or by the deletion.
func (r *requester) isAsked(s *pamv1alpha1.ActivitySession) bool {
	seen := s.Status.ObservedGeneration
	return r.Requests.Of(s).Open() || seen == nil || *seen != s.Generation
}

// untilLook is how long to wait before the next search for the session of a request that was sent that long ago; 0 if
// none is needed. The pauses double, and the last search is at the end of the recovery window.
func untilLook(elapsed, first, window time.Duration) time.Duration {
	if elapsed >= window {
		return 0
	}
	return min(max(elapsed, first), window-elapsed+time.Millisecond)
}

// adopt searches for the sessions of this request, and continues if there are none. The oldest one that is live becomes
// the object's, the others are ended.
func (r *requester) adopt(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	found, err := r.finder.search(ctx, server, s)
	if err != nil || len(found) == 0 {
		return loop.Continue(), err
	}
	if err := r.duplicates.endExtras(ctx, server, s, found[1:]); err != nil {
		return loop.Outcome{}, err
	}
	session, err := server.Read(ctx, found[0].ID)
	if err != nil {
		return loop.Outcome{}, err
	}
	r.claims.noted(server.Key(session.ID), s.UID)
	r.accepted(ctx, server, s, session.ID, audit.AdoptSession)
	r.StatusWriter().Event(s, corev1.EventTypeNormal, pamv1alpha1.ReasonProgressing,
		"adopted session "+session.ID+": it was requested before, and the answer was not seen")
	r.observer.observe(ctx, server, s, session)
	return nextPhase(), nil
}

// withdraw ends the session of a request whose namespace has lost its permission since. The session is not used, and
// the request is not sent again.
func (r *requester) withdraw(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, denial error,
) (loop.Outcome, error) {
	known, now := r.memory.of(s.UID), r.now()
	switch left := known.search.left(now); {
	case r.isAsked(s):
	case known.refusal != nil && (left > 0 || !known.refusal.open && r.untilNextSearch(s, now) == 0):
		return loop.Outcome{}, denial // which may be lifted
	case left > 0:
		return stillWithdrawn(denial, left), nil
	}
	return r.searchWithdrawn(ctx, server, s, denial)
}

func stillWithdrawn(denial error, after time.Duration) loop.Outcome {
	return loop.Wait(pamv1alpha1.ReasonConnectionNotPermitted, withdrawn(denial)+"; searching for its session", after)
}

func withdrawn(denial error) string {
	return "the request was withdrawn: " + loop.OutcomeOf(denial).Message
}

// searchWithdrawn searches for the sessions of a withdrawn request, and ends them.
func (r *requester) searchWithdrawn(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, denial error,
) (loop.Outcome, error) {
	why, began := withdrawn(denial), r.now()
	found, err := r.finder.search(ctx, server, s)
	if err != nil {
		return loop.Outcome{}, err
	}
	live := slices.DeleteFunc(found, func(x nps.Summary) bool { return x.Status.Terminal() })
	if len(live) > 0 {
		return r.endWithdrawn(ctx, server, s, live, why)
	}
	next := r.untilNextSearch(s, began)
	r.memory.searched(s.UID, began, next)
	switch {
	case r.memory.of(s.UID).refusal != nil:
		return loop.Outcome{}, denial
	case next > 0:
		return stillWithdrawn(denial, next), nil
	}
	if err := r.finder.undecided(ctx, server, s); err != nil {
		return loop.Outcome{}, err
	}
	r.fail(s, pamv1alpha1.FailureNotPermitted, why)
	return nextPhase(), nil
}

// endWithdrawn ends all sessions of a request, and follows the first one to its end.
func (r *requester) endWithdrawn(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, live []nps.Summary, why string,
) (loop.Outcome, error) {
	for _, x := range live {
		if err := server.Client().End(ctx, x.ID); err != nil {
			return loop.Outcome{}, err
		}
		r.auditSession(ctx, server, s, audit.Record{
			Action: audit.End, Result: audit.Succeeded, Session: x.ID, Reason: why,
		})
	}
	r.claims.noted(server.Key(live[0].ID), s.UID)
	s.Status.SessionID, s.Status.RequestTime = live[0].ID, &metav1.Time{Time: r.now()}
	s.Status.Failure = newFailure(pamv1alpha1.FailureNotPermitted, why)
	r.enter(s, pamv1alpha1.SessionEnding, why)
	s.Status.Deadline = deadline(s, r.moment(ctx, s))
	return nextPhase(), nil
}

const (
	// requestPatience is how long a request that was not sent waits for its connection, or for the session quota.
	requestPatience = 24 * time.Hour
	// refusalPatience is how long a request that was sent and led to nothing is retried. The cause may be fixed at the
	// server, but a privileged session must not open hours after it was requested.
	refusalPatience = time.Hour
)

// pendingDeadline is when a request that led to nothing is given up. It is never postponed.
func pendingDeadline(s *pamv1alpha1.ActivitySession, now time.Time) time.Time {
	end := now
	if s.Spec.StartTime != nil && s.Spec.StartTime.After(now) {
		end = s.Spec.StartTime.Time
	}
	end = end.Add(requestPatience)
	if loop.RequestID(s) != "" {
		end = now.Add(refusalPatience)
	}
	if known := s.Status.Deadline; known != nil && known.Time.Before(end) {
		end = known.Time
	}
	return end
}

// giveUp ends a request whose time is over, after a last search for its session.
func (r *requester) giveUp(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	reason, why := pamv1alpha1.FailureRequestTimeout, "the session could not be requested in time"
	if c := loop.ReadyOf(s); c != nil {
		why += ": " + c.Message
		if saysRefused(c) && loop.RequestID(s) != "" {
			reason = pamv1alpha1.FailureRejected
		}
	}
	if loop.RequestID(s) == "" || r.memory.of(s.UID).isUnsent() {
		r.fail(s, reason, why)
		return nextPhase(), nil
	}
	began := r.now()
	err := r.lastSearch(ctx, s)
	switch {
	case s.Status.Phase != pamv1alpha1.SessionPending:
	case err == nil && r.untilNextSearch(s, began) == 0, r.memory.of(s.UID).refusal != nil:
		r.fail(s, reason, why)
	default:
		r.fail(s, pamv1alpha1.FailureOutcomeUnknown, fmt.Sprintf(
			"it is not known whether the server has created a session: search its notes for %s. One that appears within "+
				"%s is ended. %s", loop.NewRequestID(s), watchFor, why))
	}
	return nextPhase(), nil
}

// lastSearch searches once more for the session of a request that is given up.
func (r *requester) lastSearch(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	_, denial := r.mayAsk(ctx, s)
	server, err := r.server(ctx, s)
	if err != nil {
		return err
	}
	if isDenied(denial) {
		_, err = r.searchWithdrawn(ctx, server, s, denial)
	} else {
		_, err = r.adopt(ctx, server, s)
	}
	if err != nil || s.Status.Phase != pamv1alpha1.SessionPending {
		return err
	}
	return r.finder.undecided(ctx, server, s)
}
