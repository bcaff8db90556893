// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// observer brings a status up to date with what the server says about its session.
type observer struct {
	*base

	finder     *finder
	duplicates *duplicates
	secrets    *secretKeeper
}

// look reads the session, and continues unless that took it to another phase.
func (o *observer) look(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	phase := s.Status.Phase
	out, err := o.read(ctx, server, s)
	if err == nil && out.Continues() && s.Status.Phase != phase {
		return nextPhase(), nil
	}
	return out, err
}

// read reads the session, and continues if it has read or ended it. A session that the server does not know is over
// once the server has said so twice.
func (o *observer) read(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	if err := o.duplicates.endListed(ctx, server, s); err != nil {
		return loop.Outcome{}, err
	}
	session, whose, err := o.owned(ctx, server, s)
	switch {
	case rest.IsNotFound(err):
		return o.notFound(s), nil
	case err != nil:
		return loop.Outcome{}, err
	}
	o.memory.isPresent(s.UID)
	o.memory.update(s.UID, func(known *memo) { known.unproven = whose == ownershipOpen })
	switch whose {
	case ownershipForeign:
		return o.disown(ctx, server, s)
	case ownershipCertain: // earlier versions did not record it
		s.Status.Server = server.Address()
	}
	o.observe(ctx, server, s, session)
	return loop.Continue(), nil
}

// owned reads the session that the status names, and finds out whether it is the object's. If a list leaves that open,
// the session itself is read.
func (o *observer) owned(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (nps.Session, ownership, error) {
	session, err := o.seen(ctx, server, s)
	if err != nil {
		return session, ownershipOpen, err
	}
	if whose := o.finder.ownershipOf(server, s, session); whose == ownershipCertain {
		return session, whose, nil
	}
	if session, err = server.Read(ctx, s.Status.SessionID); err != nil {
		return session, ownershipOpen, err
	}
	return session, o.finder.ownershipOf(server, s, session), nil
}

// disown removes a session from the status that is not the object's, and what was created for it. The session is
// neither used nor ended.
func (o *observer) disown(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (loop.Outcome, error) {
	if err := o.secrets.remove(ctx, s); err != nil {
		return loop.Outcome{}, err
	}
	id := s.Status.SessionID
	const message = "the session that the status named is not of this request; it is left alone"
	o.audit(ctx, server, s, audit.AdoptSession, audit.Denied, message)
	o.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonConflict, message+": "+id)
	o.claims.forget(s.UID)
	o.startOver(s)
	return loop.Wait(pamv1alpha1.ReasonProgressing, message, o.SecondLook), nil
}

// notFound is the outcome for a session that the server does not know. It continues if the session is over.
func (o *observer) notFound(s *pamv1alpha1.ActivitySession) loop.Outcome {
	if !o.memory.isAbsent(s.UID, o.now(), o.SecondLook) {
		return loop.Wait(pamv1alpha1.ReasonProgressing,
			"the server does not know the session; checking once more", o.SecondLook)
	}
	o.memory.isPresent(s.UID)
	const message = "the server no longer knows the session"
	if rowOf(s.Status.Phase).endsUnseen {
		o.enter(s, endOf(s, nps.StatusComplete), message)
	} else {
		o.fail(s, pamv1alpha1.FailureSessionLost, message+", which never became active")
	}
	return loop.Continue()
}

// observe brings the status up to date with a session.
func (o *observer) observe(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, session nps.Session,
) {
	now := o.moment(ctx, s)
	observeSession(&s.Status, session)
	s.Status.ClockOffset = server.ClockOffset()
	o.memory.update(s.UID, func(known *memo) { known.cancelledBy = session.CancelledBy })
	if next := transitionOf(s, session, now.server()); later(s.Status.Phase, next.phase) {
		takeStep(s, session, next, now)
		if next.phase == pamv1alpha1.SessionFailed {
			o.addLog(ctx, server, s)
		}
	}
	if s.Status.Deadline == nil && !s.Status.Phase.Terminal() {
		s.Status.Deadline = deadline(s, now)
	}
}

// maxLogLines is how many lines of a session's log go into its status.
const maxLogLines = 20

// addLog adds the last error lines of the session's log to a failure. They are helpful, but nothing depends on them.
func (o *observer) addLog(ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession) {
	if s.Status.Failure == nil {
		return
	}
	lines, err := server.Client().Log(ctx, s.Status.SessionID, nps.LogLevelError, maxLogLines)
	if err == nil && len(lines) == 0 {
		lines, err = server.Client().Log(ctx, s.Status.SessionID, nps.LogLevelAny, maxLogLines)
	}
	if err == nil {
		s.Status.Failure.Log = logLines(lines)
	}
}
