// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file is how an object goes without its session. It sends nothing, so it works without a connection.

// isKept reports whether the session of an object that is being deleted lives on without it: that is wanted and
// allowed, something was requested, and nothing else demands that the session ends. Without its connection it could not
// be ended anyway.
func (r *remover) isKept(ctx context.Context, s *pamv1alpha1.ActivitySession) (bool, error) {
	if !s.Keeps() || s.Status.Phase.Terminal() || s.Status.SessionID == "" && loop.RequestID(s) == "" {
		return false, nil
	}
	if err := r.mayKeep(ctx, s); err != nil && !connection.IsMissing(err) {
		if isDenied(err) {
			err = nil
		}
		return false, err
	}
	workload, err := r.follower.workloads.bound(ctx, s)
	return err == nil && !workload.over, err
}

// keep releases an object and leaves its session at the server. The connection Secret goes: the object owns it, and
// nobody would delete it at the end of the session.
func (r *remover) keep(ctx context.Context, s *pamv1alpha1.ActivitySession) loop.Outcome {
	if untidy := r.secrets.remove(ctx, s); untidy != nil && r.untilDeadline(s) > 0 {
		return r.releaseTidy(ctx, s, untidy)
	}
	message := keptMessage(s)
	r.StatusWriter().Event(s, corev1.EventTypeNormal, pamv1alpha1.ReasonCompleted, message)
	r.audit(ctx, nil, s, audit.Abandon, audit.Succeeded, message)
	return r.release(ctx, s)
}

// endDeleted ends the session of an object that is being deleted. Authors who wanted to keep it are told why it ends.
func (r *remover) endDeleted(ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession) error {
	end, denial := objectDeleted, error(nil)
	if s.Keeps() {
		denial = r.mayKeep(ctx, s)
	}
	if isDenied(denial) {
		end.why += ", and its session may not outlive it: " + loop.OutcomeOf(denial).Message
	}
	err := r.follower.end(ctx, server, s, end)
	if err == nil && isDenied(denial) {
		r.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonConnectionNotPermitted,
			"the session is ended: "+end.why)
	}
	return err
}

// keptMessage says what is left at the server.
func keptMessage(s *pamv1alpha1.ActivitySession) string {
	switch {
	case s.Status.SessionID == "":
		return fmt.Sprintf("released, because deletionPolicy is Keep; it is not known whether request %s led to a session",
			loop.NewRequestID(s))
	case s.Status.Phase == pamv1alpha1.SessionEnding:
		return fmt.Sprintf("released, because deletionPolicy is Keep; the server was told to end session %s",
			s.Status.SessionID)
	}
	return fmt.Sprintf("session %s stays at the server%s, because deletionPolicy is Keep; the operator no longer follows "+
		"it", s.Status.SessionID, atTime(" until ", s.Status.ExpiresAt))
}
