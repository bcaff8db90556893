// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// endUnread ends a session that should be over and cannot be read, because the server answers with an error or with
// what nobody understands: to end it, its id is enough. Whose it is must be known by something else then. What could
// not be read is still the outcome of the pass.
func (r *activitySessionReconciler) endUnread(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, cause error,
) error {
	if !answersOddly(cause) || s.Status.Phase == pamv1alpha1.SessionEnding {
		return cause
	}
	reason, why := reasonCancelled, "the ActivitySession was deleted"
	if s.DeletionTimestamp.IsZero() {
		var err error
		if reason, why, err = r.unwanted(ctx, s); err != nil || reason == "" {
			return cause
		}
	}
	mine, err := r.ownsUnread(ctx, server, s)
	if err != nil || !mine {
		return cause
	}
	if err := r.end(ctx, server, s, reason, why); err != nil {
		return err
	}
	return cause
}

// ownsUnread says that a session which cannot be read is the object's: the server has made it for its request, as this
// process has seen, or a list has it with the request's id.
func (r *activitySessionReconciler) ownsUnread(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (bool, error) {
	if r.claims.isMade(s.Status.SessionID, s.UID) {
		return true, nil
	}
	found, err := server.FindByNote(ctx, newRequestID(s))
	return slices.ContainsFunc(found, func(x nps.Summary) bool {
		return strings.EqualFold(x.ID, s.Status.SessionID)
	}), err
}

// answersOddly says that the server is there and does not give what was asked for, although it may have it.
func answersOddly(err error) bool {
	answer := rest.As(err)
	if answer == nil {
		return false
	}
	return answer.Status != 0 && !rest.IsUnauthorized(err) && !rest.IsNotFound(err)
}
