// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/gitops"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// follower takes a session that the server has from phase to phase: it is the handler of all phases but Pending.
type follower struct {
	*base

	observer   *observer
	duplicates *duplicates
	secrets    *secretKeeper
	workloads  *workloads
	extender   *extender
}

// await is the handler of the phases that wait for approvers, for a time, or for the server.
func (f *follower) await(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	server, err := f.server(ctx, s)
	if err != nil {
		return loop.Outcome{}, err
	}
	out, err := f.observer.look(ctx, server, s)
	if err != nil {
		return loop.Outcome{}, f.endUnread(ctx, server, s, err)
	}
	if !out.Continues() {
		return out, nil
	}
	workload, out, err := f.endUnwanted(ctx, server, s)
	if err != nil || !out.Continues() {
		return out, err
	}
	out = rowOf(s.Status.Phase).waiting(s)
	out.After = loop.Soonest(workload.left, sessionRecheck)
	return out, nil
}

// unknown is the handler of a phase that this version does not know. The session takes the phase that its state at the
// server means. If the status has no session id, it cannot be told whether a session was requested, so none is.
func (f *follower) unknown(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	if s.Status.SessionID == "" {
		return loop.Stalled(pamv1alpha1.ReasonFailed, fmt.Sprintf(
			"this version of the operator does not know the phase %s, and the status names no session; "+
				"upgrade the operator, or create a new ActivitySession", s.Status.Phase)), nil
	}
	server, err := f.server(ctx, s)
	if err != nil {
		return loop.Outcome{}, err
	}
	return f.observer.look(ctx, server, s)
}

// active is the handler of Active.
func (f *follower) active(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	server, err := f.server(ctx, s)
	if err != nil {
		return f.unseen(ctx, s, err)
	}
	out, err := f.observer.look(ctx, server, s)
	if err != nil {
		if err := f.endUnread(ctx, server, s, err); s.Status.Phase != pamv1alpha1.SessionActive {
			return loop.Outcome{}, err
		}
		return f.unseen(ctx, s, err)
	}
	if !out.Continues() {
		return out, nil
	}
	workload, out, err := f.endUnwanted(ctx, server, s)
	if err != nil || !out.Continues() {
		return out, err
	}
	out = f.serve(nps.Unhurried(ctx), server, s, workload)
	out.After = loop.Soonest(out.After, workload.left, sessionRecheck)
	return out, nil
}

// unseen is the outcome for an active session whose server cannot be reached. Its Secret is removed in time all the
// same; what became of the session is seen when the server is back.
func (f *follower) unseen(
	ctx context.Context, s *pamv1alpha1.ActivitySession, cause error,
) (loop.Outcome, error) {
	out := sessionOutcome(s, cause)
	if s.Status.ExpiresAt == nil {
		return out, nil
	}
	left := f.moment(ctx, s).left(s.Status.ExpiresAt)
	switch {
	case left <= 0:
		if err := f.secrets.remove(ctx, s); err != nil {
			return sessionOutcome(s, err), nil
		}
	case out.Err == nil:
		out.After = loop.Soonest(out.After, left)
	case left < loop.LastRetry: // a growing delay would miss it
		out.After, out.Err = loop.Soonest(left, loop.UnseenRetry), nil
	}
	return out, nil
}

// serve provides the consumer of an active session with what it needs, for as long as it needs it. A failure is
// reported, and does not prevent the session from being followed.
func (f *follower) serve(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, workload boundWorkload,
) loop.Outcome {
	if f.memory.of(s.UID).unproven {
		return unproven(s)
	}
	refresh, err := f.secrets.ensure(ctx, server, s)
	if err != nil {
		return sessionOutcome(s, err)
	}
	end := expiresAt(s)
	note, err := f.extender.extend(ctx, server, s, workload)
	if err == nil && expiresAt(s) != end {
		refresh, err = f.secrets.ensure(ctx, server, s)
	}
	if err != nil {
		return sessionOutcome(s, err)
	}
	out := loop.Done(pamv1alpha1.ReasonActive, usableUntil(s)+note)
	out.After = refresh
	return out
}

func usableUntil(s *pamv1alpha1.ActivitySession) string {
	if s.Status.ExpiresAt == nil {
		return "the session can be used; the server reports no end time"
	}
	return atTime("the session can be used until ", s.Status.ExpiresAt)
}

// ending is the handler of Ending: the server takes its time. It was told already, so the Secret is removed first; if
// that fails, the session is followed all the same.
func (f *follower) ending(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	untidy := f.secrets.remove(ctx, s)
	out, err := f.awaitEnd(ctx, s)
	if err == nil && untidy != nil && s.Status.Phase == pamv1alpha1.SessionEnding {
		return sessionOutcome(s, untidy), nil
	}
	return out, err
}

func (f *follower) awaitEnd(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	server, err := f.server(ctx, s)
	if err != nil {
		return loop.Outcome{}, err
	}
	if out, err := f.observer.look(ctx, server, s); err != nil || !out.Continues() {
		return out, err
	}
	if again, err := f.endAgain(ctx, server, s); err != nil || !again {
		out := rowOf(s.Status.Phase).waiting(s)
		out.After = sessionRecheck
		return out, err
	}
	return loop.Wait(pamv1alpha1.ReasonProgressing,
		"the server has not ended the session yet, and was told again; look at it there", sessionRecheck), nil
}

// finished is the handler of the final phases. It continues if the object was deleted because of its TTL.
func (f *follower) finished(ctx context.Context, s *pamv1alpha1.ActivitySession) (loop.Outcome, error) {
	now := f.moment(ctx, s)
	s.Status.Deadline = nil
	if s.Status.EndTime == nil {
		s.Status.EndTime = assumedEnd(s, now)
	}
	f.noteTooEarly(ctx, s)
	untidy := f.secrets.remove(ctx, s)
	if watched(s, now) {
		if err := f.watch(ctx, s); err != nil {
			return loop.Outcome{}, err
		}
	}
	out := finalOutcome(s)
	if untidy != nil {
		out = sessionOutcome(s, untidy)
	}
	ttl := s.Spec.TTLSecondsAfterFinished
	if ttl == nil {
		return out, nil
	}
	if owner := gitops.OwnerOf(s); owner != "" {
		out.Message += loop.TTLIgnored(owner)
		return out, nil
	}
	left := endedAt(s, now).Add(time.Duration(*ttl) * time.Second).Sub(now.local)
	if left > 0 || loop.ReadyOf(s) == nil {
		out.After = loop.Soonest(out.After, max(left, time.Second))
		return out, nil
	}
	return loop.Continue(), client.IgnoreNotFound(f.Client.Delete(ctx, s,
		client.Preconditions{UID: &s.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

// watch ends sessions that appear after the object's session was over.
func (f *follower) watch(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	server, err := f.server(ctx, s)
	if err != nil {
		return nil //nolint:nilerr // without its connection nothing can be seen, and a watch notices when it is back
	}
	return f.duplicates.endListed(ctx, server, s)
}
