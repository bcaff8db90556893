// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/internal/gitops"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file holds back requests that nobody has made: of objects that a tool has restored, copied or created again.

// hold is why nothing may be requested for an object until its author acts. It continues if nothing holds it back.
func (r *requester) hold(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	if id := s.Annotations[pamv1alpha1.AnnotationRequestID]; id != "" && id != loop.NewRequestID(s) {
		return loop.Stalled(pamv1alpha1.ReasonInvalidSpec, copiedMessage(id)), nil
	}
	owner := gitops.OwnerOf(s)
	switch {
	case owner == "":
		return loop.Continue(), nil
	case s.Spec.TTLSecondsAfterFinished != nil:
		return loop.Stalled(pamv1alpha1.ReasonInvalidSpec, loop.TTLRefused(owner)), nil
	}
	earlier, err := r.spent.By(ctx, spentRequest(s))
	if err != nil || earlier == nil {
		return loop.Continue(), err
	}
	return loop.Stalled(pamv1alpha1.ReasonInvalidSpec, fmt.Sprintf(
		"%s has created this object again: a session with the same name, spec and runID was requested by object %s, of "+
			"%s; nothing has been sent. To request another session, change spec.runID there",
		owner, earlier.UID, earlier.Made.UTC().Format(time.RFC3339))), nil
}

// copiedMessage is the message about an object that has the request id of another one.
func copiedMessage(id string) string {
	const maxShown = 64
	of := fmt.Sprintf("has the value %q, which is of another object", rest.Shorten(id, maxShown))
	if parts := strings.Split(id, "/"); len(parts) == 3 && rest.IsIdentifier(parts[1], maxShown) {
		of = "is of object " + parts[1]
	}
	return "the annotation " + pamv1alpha1.AnnotationRequestID + " " + of + ", so this object is a copy of that one or " +
		"was restored from a backup; nothing has been sent. To request a session of its own, remove the annotation"
}

// spentRequest is what is remembered of the request of an object: all that it asks for. What may change meanwhile is
// not part of it.
func spentRequest(s *pamv1alpha1.ActivitySession) spent.Request {
	spec := s.Spec.DeepCopy()
	spec.Cancel, spec.Suspend, spec.Duration, spec.TTLSecondsAfterFinished = nil, nil, nil, nil
	spec.DeletionPolicy = ""
	return spent.Request{Namespace: s.Namespace, Kind: kinds.ActivitySession, Name: s.Name, UID: s.UID, Content: spec}
}

// mayHaveHadSession reports whether a session was created for an object, or may have been.
func mayHaveHadSession(s *pamv1alpha1.ActivitySession) bool {
	unknown := s.Status.Failure != nil && s.Status.Failure.Reason == pamv1alpha1.FailureOutcomeUnknown
	return s.Status.SessionID != "" || loop.RequestID(s) != "" && (unknown || !s.Status.Phase.Terminal())
}

// remember records that an object which is about to go had a session, if a tool will create it again. An error is
// transient: the object must not be released yet.
func (r *remover) remember(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	if gitops.OwnerOf(s) == "" || !mayHaveHadSession(s) {
		return nil
	}
	err := r.spent.Record(ctx, spentRequest(s))
	_, own := errors.AsType[*loop.Problem](err)
	if err != nil && (own || loop.IsLasting(err) || r.untilDeadline(s) <= 0) {
		r.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked,
			"another session will be requested if this object is created again, because it cannot be remembered: "+err.Error())
		return nil
	}
	return err
}
