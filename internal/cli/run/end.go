// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
)

// ender ends sessions.
type ender struct {
	*frame.Frame

	client *cluster.Client
	// keep leaves the object as a record.
	keep bool
	// within is how long the end may take.
	within time.Duration
}

// end ends a session, and returns when it is over. It tries until the time limit, whatever the API server answers: one
// that restarts, or has lost its storage or its rules, refuses credentials, rights and kinds that it knows a moment
// later, and the session must not be left behind for that.
func (e *ender) end(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	ctx, cancel := context.WithTimeout(ctx, e.within)
	defer cancel()
	for {
		err := e.letGo(ctx, s)
		if err == nil || cluster.IsGone(err) {
			return e.confirm(ctx, s)
		}
		rest(ctx, retryAfter)
		if ctx.Err() != nil {
			return fmt.Errorf("the API server does not take the order: %w", err)
		}
	}
}

// letGo has the session ended: by deletion, or by cancelling it if it is to be kept as a record, may not be deleted, or
// would outlive its object.
func (e *ender) letGo(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	if e.keep || s.Keeps() {
		if err := e.cancel(ctx, s); err != nil || e.keep {
			return err
		}
	}
	var options []client.DeleteOption
	if s.UID != "" {
		options = append(options, client.Preconditions{UID: &s.UID})
	}
	err := e.client.Delete(ctx, s, options...)
	if cluster.IsForbidden(err) && e.cancel(ctx, s) == nil {
		return nil
	}
	return err
}

func (e *ender) cancel(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	return act.Patch(ctx, e.client, s.DeepCopy(), act.Spec(map[string]any{"cancel": true}), frame.DryRunNone)
}

// confirm waits until the session is over.
func (e *ender) confirm(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	var why error
	updates := follow(following, e.client, s)
	for {
		select {
		case n := <-updates:
			switch {
			case n.gone || n.session != nil && n.session.Status.Phase.Terminal():
				return nil
			case n.trouble != nil:
				why = fmt.Errorf("it was told to end, but whether it has cannot be seen: %w", n.trouble)
			default:
				why = fmt.Errorf("it was told to end, and the operator has not ended it within %s", e.within)
			}
		case <-ctx.Done():
			if why == nil {
				why = fmt.Errorf("it was told to end, and there was no news of it within %s", e.within)
			}
			return why
		}
	}
}

// shout says that a session may live on, until when, and how to end it.
func (e *ender) shout(s *pamv1alpha1.ActivitySession, why error) {
	ends, known := state.Ends(s)
	e.Note(printer.MarkFailed, "THE SESSION MAY STILL BE LIVE: %v", why)
	switch {
	case s.Spec.BoundTo != nil:
		e.Note(printer.MarkNone, "  it ends with the %s %s at the latest", s.Spec.BoundTo.Kind, s.Spec.BoundTo.Name)
	case known:
		e.Note(printer.MarkNone, "  it ends by itself at %s", ends.UTC().Format(time.RFC3339))
	case s.Spec.Duration != nil:
		e.Note(printer.MarkNone, "  it ends by itself %s after its start", s.Spec.Duration.Duration)
	}
	e.Note(printer.MarkNone, "  to end it: kubectl pam session cancel %s -n %s", s.Name, s.Namespace)
}
