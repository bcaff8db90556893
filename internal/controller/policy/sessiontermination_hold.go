// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"strings"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/internal/gitops"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// This file holds back a request that a GitOps tool makes by creating an object again: it would close sessions that
// have begun since.

// hold is why nothing may be closed for an object until its author acts. It continues if nothing holds it back.
func (r *sessionTerminationReconciler) hold(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (loop.Outcome, error) {
	owner := gitops.OwnerOf(t)
	switch {
	case owner == "", isFinished(t), t.Status.StartTime != nil:
		return loop.Continue(), nil
	case t.Spec.TTLSecondsAfterFinished != nil:
		return loop.Stalled(pamv1alpha1.ReasonInvalidSpec, loop.TTLRefused(owner)), nil
	}
	earlier, err := r.spent.By(ctx, spentTermination(t))
	if err != nil || earlier == nil {
		return loop.Continue(), err
	}
	return loop.Stalled(pamv1alpha1.ReasonInvalidSpec, fmt.Sprintf(
		"%s has created this object again: sessions were closed with the same name, spec and runID by object %s, at %s; "+
			"nothing has been sent. To close sessions again, change spec.runID there",
		owner, earlier.UID, earlier.Made.UTC().Format(time.RFC3339))), nil
}

// remember records that sessions are about to be closed for an object, or were, if a tool will create it again.
func (r *sessionTerminationReconciler) remember(ctx context.Context, t *pamv1alpha1.SessionTermination) error {
	if gitops.OwnerOf(t) == "" {
		return nil
	}
	return r.spent.Record(ctx, spentTermination(t))
}

// spentTermination is what is remembered of the request of an object. What may change meanwhile is not part of it.
func spentTermination(t *pamv1alpha1.SessionTermination) spent.Request {
	spec := t.Spec.DeepCopy()
	spec.ActiveDeadlineSeconds, spec.TTLSecondsAfterFinished, spec.Suspend = nil, nil, nil
	return spent.Request{Namespace: t.Namespace, Kind: kinds.SessionTermination, Name: t.Name, UID: t.UID, Content: spec}
}

// rememberAgain is how often it is recorded that an object which is done still exists. It has no finalizer, so its
// deletion cannot be waited for.
const rememberAgain = 24 * time.Hour

// kept has a finished object that a tool owns remembered for as long as it exists, and never deletes it.
func (r *sessionTerminationReconciler) kept(
	ctx context.Context, t *pamv1alpha1.SessionTermination, owner string, out loop.Outcome,
) (loop.Outcome, error) {
	if ignored := loop.TTLIgnored(owner); t.Spec.TTLSecondsAfterFinished != nil {
		out.Message = strings.TrimSuffix(out.Message, ignored) + ignored
	}
	out.After = rememberAgain
	if t.Status.StartTime == nil { // nothing was ever sent
		return out, nil
	}
	return out, r.remember(ctx, t)
}
