// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file is how a session learns of its changes. No session asks the server by itself: the connection's poller lists
// the sessions of all objects and notifies those whose session has changed, whose reconcile then goes by what the lists
// said. The server itself is asked if a decision depends on it.

const (
	// sessionRecheck is when a session is reconciled although nothing has changed. It costs the server nothing.
	sessionRecheck = 10 * time.Minute
	// freshFor is how old a reading may be that decides on the end of a session.
	freshFor = 2 * time.Second
)

// server is the server of a session that was requested, which is followed from now on.
func (f *follower) server(ctx context.Context, s *pamv1alpha1.ActivitySession) (*sessions.Server, error) {
	server, err := f.base.server(ctx, s)
	if err == nil {
		f.follow(ctx, s)
	}
	return server, err
}

// follow makes the poller follow a session while it lives, and while duplicates of it may appear.
func (f *follower) follow(ctx context.Context, s *pamv1alpha1.ActivitySession) {
	name, now := client.ObjectKeyFromObject(s), f.moment(ctx, s)
	if !loop.Lives(s) && !watched(s, now) || f.isElsewhere(ctx, s) {
		f.Pool.Unfollow(s.Spec.ConnectionRef, name)
		return
	}
	followed := sessions.Followed{
		Object: name, RequestID: loop.NewRequestID(s), SessionID: s.Status.SessionID,
		Status: rowOf(s.Status.Phase).listedAs(), FastFrom: changesFrom(s, now),
	}
	if s.Status.Phase.Terminal() {
		followed.Over, followed.Pressing = true, uncertain(s)
		followed.Until = endedAt(s, now).Add(watchFor)
	}
	f.Pool.Follow(s.Spec.ConnectionRef, followed)
}

// seen is the session as it is: as the lists show it, or read from the server if they do not, or if this reconcile
// decides something that cannot be undone.
func (b *base) seen(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (nps.Session, error) {
	if decides(s, b.moment(ctx, s)) {
		return server.Read(ctx, s.Status.SessionID)
	}
	seen, ok, err := b.sighting(ctx, server, s)
	if err != nil {
		return nps.Session{}, err
	}
	if !ok || needsReading(s, seen, b.moment(ctx, s)) {
		return server.Read(ctx, s.Status.SessionID)
	}
	return seen.Session, nil
}

// sighting is what the lists show of a session: those that were requested after somebody asked for a look.
func (b *base) sighting(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (sessions.Sighting, bool, error) {
	if request := b.Requests.Of(s); request.Open() {
		return server.SightingSince(ctx, s.Status.SessionID, request.Seen)
	}
	return server.Sighting(ctx, s.Status.SessionID)
}

// needsReading reports whether a sighting is not enough. The step to another phase requires the session itself, because
// a list may lag; except the step to Active, for which a summary has all that is needed.
func needsReading(s *pamv1alpha1.ActivitySession, seen sessions.Sighting, now moment) bool {
	if seen.Whole && now.local.Sub(seen.At) < freshFor {
		return false
	}
	if seen.Guessed {
		return true
	}
	phase := transitionOf(s, seen.Session, now.server()).phase
	if rowOf(phase).usable && later(s.Status.Phase, phase) {
		return seen.Session.PlatformID() == ""
	}
	return phase != s.Status.Phase
}

// watchFor is how long duplicates of a session are looked for after it was over, or after its request was given up
// without knowing its outcome.
const watchFor = 24 * time.Hour

// watched reports whether a session that nothing waits for may yet appear: whenever a request was sent.
func watched(s *pamv1alpha1.ActivitySession, now moment) bool {
	end := endedAt(s, now)
	return s.Status.Phase.Terminal() && loop.RequestID(s) != "" && (end.IsZero() || now.local.Sub(end) < watchFor)
}

// uncertain reports whether the request may have led to more sessions than the one that is known: it was sent more than
// once, or its outcome is not known.
func uncertain(s *pamv1alpha1.ActivitySession) bool {
	return countOf(s.Status.RequestAttempts) > 1 || s.Status.SessionID == ""
}

// sessionOutcome is loop.OutcomeOf in words for the author of a session, and without a retry for trouble whose end the
// poller reports.
func sessionOutcome(s *pamv1alpha1.ActivitySession, err error) loop.Outcome {
	out := loop.OutcomeOf(err)
	switch {
	case out.Reason == pamv1alpha1.ReasonUnreachable && loop.IsSilence(err):
		out.Message = fmt.Sprintf("the server gave no answer and is asked again; if this lasts, ask the owner of connection "+
			"%s to find out why", connection.Target(s.Spec.ConnectionRef, s.Namespace))
	case out.Message == err.Error():
		out.Message = inWords(err)
	}
	out = out.ForUser(s)
	if sessions.IsTrouble(err) {
		out.Err, out.After = nil, loop.Soonest(out.After, sessionRecheck)
	}
	return out
}
