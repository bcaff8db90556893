// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// This file is the mark of a request: what the cluster knows of it before it is sent. It is in the status, because
// users cannot write that; what they can write proves nothing.

// marker marks requests.
type marker struct{ *base }

// hinted reports whether the annotation has the object's own request id although the status does not: the status was
// lost, or the operator was stopped before it sent anything, or a user wrote the annotation. A session with the note of
// this request, which only the operator can have created, is then searched for before one is requested; nothing else
// follows from the annotation.
func hinted(s *pamv1alpha1.ActivitySession) bool {
	return loop.RequestID(s) == "" && s.Annotations[pamv1alpha1.AnnotationRequestID] == loop.NewRequestID(s)
}

// ensureFinalizer puts the finalizer and the request id on the object, under an optimistic lock.
func (m *marker) ensureFinalizer(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	err := loop.PatchMetadata(ctx, m.Client, s, func(o client.Object) {
		controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer)
		loop.SetAnnotation(o, pamv1alpha1.AnnotationRequestID, loop.NewRequestID(s))
	})
	if apierrors.IsConflict(err) {
		return loop.ErrStale
	}
	return err
}

// regain restores the finalizer of an object whose status says that a session was requested, if it was removed.
func (m *marker) regain(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	known := s.Status.SessionID != "" || s.Status.RequestID == loop.NewRequestID(s)
	if !known || loop.HasFinalizer(s) || s.Status.Phase.Terminal() {
		return nil
	}
	return m.ensureFinalizer(ctx, s)
}

// mark records that the request is about to be sent: first the finalizer and the annotation, then the status. Both
// patches are under an optimistic lock, so that only one of two managers continues.
func (m *marker) mark(ctx context.Context, s *pamv1alpha1.ActivitySession, server string) error {
	if err := m.ensureFinalizer(ctx, s); err != nil {
		return err
	}
	base, marked := s.DeepCopy(), s.DeepCopy()
	// Both are written with the mark, because they must be known before the request is sent.
	base.Status.BoundToUID, base.Status.Server = "", ""
	setMark(marked, m.now(), server)
	carryMark(s, marked)
	err := m.Client.Status().Patch(ctx, marked, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) {
		return loop.ErrStale
	}
	if err != nil {
		return fmt.Errorf("write the mark of the request: %w", err)
	}
	s.SetResourceVersion(marked.GetResourceVersion())
	m.memory.update(s.UID, func(known *memo) {
		known.hintFollowed, known.unansweredSince, known.search = false, m.now(), vainSearch{}
	})
	return nil
}

// setMark puts the mark of one more sending into the status.
func setMark(s *pamv1alpha1.ActivitySession, now time.Time, server string) {
	sent := metav1.NewMicroTime(now.Truncate(time.Microsecond))
	if s.Status.RequestID != loop.NewRequestID(s) {
		s.Status.FirstRequestSentTime, s.Status.RequestAttempts = nil, nil
	}
	if s.Status.FirstRequestSentTime == nil {
		s.Status.FirstRequestSentTime = &sent
	}
	s.Status.RequestID, s.Status.RequestSentTime, s.Status.Server = loop.NewRequestID(s), &sent, server
	s.Status.RequestAttempts = new(countOf(s.Status.RequestAttempts) + 1)
}

// carryMark copies the mark from one status to another.
func carryMark(to, from *pamv1alpha1.ActivitySession) {
	to.Status.RequestID, to.Status.RequestAttempts = from.Status.RequestID, from.Status.RequestAttempts
	to.Status.RequestSentTime = from.Status.RequestSentTime
	to.Status.FirstRequestSentTime = from.Status.FirstRequestSentTime
	to.Status.BoundToUID, to.Status.Server = from.Status.BoundToUID, from.Status.Server
}

// noteMark copies a mark that this reconcile has already written into the status from before the reconcile, which the
// patch at its end is based on.
func noteMark(before, s *pamv1alpha1.ActivitySession) {
	if s.Status.RequestSentTime == nil || before.Status.RequestSentTime.Equal(s.Status.RequestSentTime) {
		return
	}
	carryMark(before, s)
	if before.Status.ObservedGeneration == nil {
		before.Status.Observed(unobserved)
	}
}

// unobserved is the default of observedGeneration, which the API server sets before the first reconcile.
const unobserved = -1

// firstSent is when the request was first sent, or may have been; not before the object was created.
func firstSent(s *pamv1alpha1.ActivitySession) time.Time {
	if first := s.Status.FirstRequestSentTime; first != nil {
		return first.Time
	}
	return s.CreationTimestamp.Time
}

// inTime prevents a request from being sent long after its mark: by a manager that was paused while another one took
// over, for instance, or behind a sign-in that someone had to confirm. A manager that finds the mark counts from when
// it found it, so most of the recovery window is left to the server.
func (m *marker) inTime(ctx context.Context, s *pamv1alpha1.ActivitySession) context.Context {
	return nps.WithSendDeadline(ctx, s.Status.RequestSentTime.Add(m.RecoveryWindow/4))
}
