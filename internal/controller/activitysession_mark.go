// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// This file is the mark of a request: what the cluster knows of it before it is sent. It is in the status, because
// users cannot write that; what they can write proves nothing.

// requestID is the id of the request that was sent for this object, or may have been; empty if none was. Only the
// status says so, and only of an object that is held: one that could go at any time leaves a session behind.
func requestID(s *pamv1alpha1.ActivitySession) string {
	if id := newRequestID(s); s.Status.RequestID == id && holdsFinalizer(s) {
		return id
	}
	return ""
}

// hinted says that the annotation has the object's own request id, but the status does not: it was lost, or the
// operator was stopped before it sent anything, or a user wrote the annotation. Then a session with the note of this
// request is looked for before one is asked for, which nobody but the operator can have made; nothing more follows.
func hinted(s *pamv1alpha1.ActivitySession) bool {
	return requestID(s) == "" && s.Annotations[pamv1alpha1.AnnotationRequestID] == newRequestID(s)
}

// hold puts the finalizer and the request id on the object, under an optimistic lock.
func (r *activitySessionReconciler) hold(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	err := patchMetadata(ctx, r.client, s, func(o client.Object) {
		controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer)
		setAnnotation(o, pamv1alpha1.AnnotationRequestID, newRequestID(s))
	})
	if apierrors.IsConflict(err) {
		return errStale
	}
	return err
}

// regain holds an object again whose status says that something was asked for, and whose finalizer somebody has taken
// away.
func (r *activitySessionReconciler) regain(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	known := s.Status.SessionID != "" || s.Status.RequestID == newRequestID(s)
	if !known || holdsFinalizer(s) || s.Status.Phase.Terminal() {
		return nil
	}
	return r.hold(ctx, s)
}

// mark writes down that the request is about to be sent: first the finalizer and the annotation, then the status. Both
// patches are under an optimistic lock, so that of two managers only one goes on.
func (r *activitySessionReconciler) mark(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	if err := r.hold(ctx, s); err != nil {
		return err
	}
	now := metav1.NewMicroTime(r.now().Truncate(time.Microsecond))
	base, marked := s.DeepCopy(), s.DeepCopy()
	base.Status.BoundToUID = "" // goes along: what was seen must be known before anything is asked for
	if marked.Status.RequestID != newRequestID(s) {
		marked.Status.FirstRequestSentTime, marked.Status.RequestAttempts = nil, nil
	}
	if marked.Status.FirstRequestSentTime == nil {
		marked.Status.FirstRequestSentTime = &now
	}
	marked.Status.RequestID, marked.Status.RequestSentTime = newRequestID(s), &now
	marked.Status.RequestAttempts = new(countOf(marked.Status.RequestAttempts) + 1)
	carryMark(s, marked)
	err := r.client.Status().Patch(ctx, marked, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) {
		return errStale
	}
	if err != nil {
		return fmt.Errorf("write the mark of the request: %w", err)
	}
	s.SetResourceVersion(marked.GetResourceVersion())
	r.hints.Delete(s.UID)
	r.unanswered.forget(s.UID)
	r.unanswered.firstSeen(s.UID, r.now())
	return nil
}

// carryMark takes the mark over from one status to another.
func carryMark(to, from *pamv1alpha1.ActivitySession) {
	to.Status.RequestID, to.Status.RequestAttempts = from.Status.RequestID, from.Status.RequestAttempts
	to.Status.RequestSentTime = from.Status.RequestSentTime
	to.Status.FirstRequestSentTime = from.Status.FirstRequestSentTime
	to.Status.BoundToUID = from.Status.BoundToUID
}

// noteMark takes a mark that this pass has written already over into the status as it was before the pass, from which
// the patch at the end of the pass is made.
func noteMark(before, s *pamv1alpha1.ActivitySession) {
	if before.Status.RequestSentTime.Equal(s.Status.RequestSentTime) {
		return
	}
	carryMark(before, s)
	if before.Status.ObservedGeneration == nil {
		before.Status.Observed(unobserved)
	}
}

// unobserved is what the API server puts in the place of a generation that was not observed yet.
const unobserved = -1

// sentAt is from when on it is waited for what became of the request, by the clock of this process: when this process
// marked it, or has first seen the mark of another one. A request leaves soon after its mark or not at all, and a mark
// is seen after it was made, so the clocks of two nodes are never compared.
func (r *activitySessionReconciler) sentAt(s *pamv1alpha1.ActivitySession) time.Time {
	return r.unanswered.firstSeen(s.UID, r.now())
}

// firstSent is when the request was first sent, or may have been; nothing was asked for before there was the object.
func firstSent(s *pamv1alpha1.ActivitySession) time.Time {
	if first := s.Status.FirstRequestSentTime; first != nil {
		return first.Time
	}
	return s.CreationTimestamp.Time
}

// inTime keeps a request from being sent long after it was marked: by a manager that stood still, say, while another
// one took over, or behind a sign-in that somebody had to confirm. Whoever finds the mark counts from when he found it,
// so most of that time is left to the server.
func (r *activitySessionReconciler) inTime(ctx context.Context, s *pamv1alpha1.ActivitySession) context.Context {
	return nps.LeaveBefore(ctx, s.Status.RequestSentTime.Add(r.Settle/4))
}
