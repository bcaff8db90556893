// SPDX-License-Identifier: Apache-2.0

package release

import (
	"cmp"
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// CarryOut releases objects, and waits until the objects are gone: connections only after what goes through them.
func (p Plan) CarryOut(ctx context.Context, c *cluster.Client, dry frame.DryRun, tell func(gone, all int)) error {
	var connections, others []kinds.Object
	for _, o := range p.Objects {
		if isConnection(o) {
			connections = append(connections, o)
		} else {
			others = append(others, o)
		}
	}
	before := 0
	for _, part := range [][]kinds.Object{others, connections} {
		err := act.Each(ctx, part, func(ctx context.Context, o kinds.Object) error { return p.letGo(ctx, c, o, dry) })
		if err != nil {
			return err
		}
		if dry.Dry() || len(part) == 0 {
			continue
		}
		_, err = act.Settle(ctx, c, act.Refs(part), act.Wait{
			Settled: func(kinds.Object, state.State) bool { return false },
			Tell:    func(gone, _ int) { tell(before+gone, len(p.Objects)) },
		})
		if err != nil {
			return fmt.Errorf("wait until the objects are gone (kubectl pam status says what they wait for): %w", err)
		}
		before += len(part)
	}
	return nil
}

// letGo deletes an object without touching the appliance. One that somebody else deleted meanwhile is gone.
func (p Plan) letGo(ctx context.Context, c *cluster.Client, o kinds.Object, dry frame.DryRun) error {
	steps := []func() error{
		func() error { return p.keepIt(ctx, c, o, dry) },
		func() error { return remove(ctx, c, o, dry) },
	}
	if !p.Manager {
		steps = append(steps, func() error { return unhold(ctx, c, o, dry) })
	}
	for _, step := range steps {
		err := step()
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", cluster.RefOf(o), err)
		}
	}
	return nil
}

// keepIt says in the spec that the deletion must not touch the appliance.
func (p Plan) keepIt(ctx context.Context, c *cluster.Client, o kinds.Object, dry frame.DryRun) error {
	change := act.Spec(map[string]any{"deletionPolicy": pamv1alpha1.DeletionPolicyOrphan})
	if session, is := o.(*pamv1alpha1.ActivitySession); is {
		policy := pamv1alpha1.SessionDeletionPolicyEnd
		if p.Sessions == Keep {
			policy = pamv1alpha1.SessionDeletionPolicyKeep
		}
		if !isLive(session) || cmp.Or(session.Spec.DeletionPolicy, pamv1alpha1.SessionDeletionPolicyEnd) == policy {
			return nil
		}
		change = act.Spec(map[string]any{"deletionPolicy": policy})
	} else if _, is := o.(kinds.PolicyObject); !is {
		return nil
	}
	return act.Patch(ctx, c, o, change, dry)
}

func remove(ctx context.Context, c *cluster.Client, o kinds.Object, dry frame.DryRun) error {
	uid := o.GetUID()
	options := []client.DeleteOption{client.Preconditions{UID: &uid}, client.PropagationPolicy("Background")}
	if dry.Dry() {
		options = append(options, client.DryRunAll)
	}
	return c.Delete(ctx, o, options...)
}

// unhold takes our finalizer off, and nobody else's. If the object changes meanwhile, somebody is at it: a manager that
// came back, for example.
func unhold(ctx context.Context, c *cluster.Client, o kinds.Object, dry frame.DryRun) error {
	if dry.Dry() {
		return nil
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return err
	}
	kept := []string{}
	for _, finalizer := range o.GetFinalizers() {
		if finalizer != pamv1alpha1.Finalizer {
			kept = append(kept, finalizer)
		}
	}
	if len(kept) == len(o.GetFinalizers()) {
		return nil
	}
	change := act.Change{"metadata": map[string]any{"resourceVersion": o.GetResourceVersion(), "finalizers": kept}}
	return act.Patch(ctx, c, o, change, dry)
}
