// SPDX-License-Identifier: Apache-2.0

package act

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// parallel limits how many objects are changed at once.
const parallel = 16

// Change is a merge patch: what is in it is set, and nil removes.
type Change map[string]any

// Annotate sets annotations; nil removes one.
func Annotate(annotations map[string]any) Change {
	return Change{"metadata": map[string]any{"annotations": annotations}}
}

// Spec sets fields of the spec.
func Spec(fields map[string]any) Change { return Change{"spec": fields} }

// With adds another change; the two have no member in common.
func (c Change) With(other Change) Change {
	out := Change{}
	for _, each := range []Change{c, other} {
		for key, value := range each {
			out[key] = value
		}
	}
	return out
}

// Patch changes an object, which then is as the API server has it.
func Patch(ctx context.Context, c *cluster.Client, o client.Object, change Change, dry frame.DryRun) error {
	if dry.Client() {
		return nil
	}
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	return c.Patch(ctx, o, client.RawPatch(types.MergePatchType, body), dry.Patch()...)
}

// Each does something to many objects, several at a time, and stops at the first error.
func Each(ctx context.Context, objects []kinds.Object, do func(context.Context, kinds.Object) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, o := range objects {
		group.Go(func() error { return do(ctx, o) })
	}
	return group.Wait()
}

// Refs are the references to objects.
func Refs(objects []kinds.Object) []cluster.Ref {
	refs := make([]cluster.Ref, 0, len(objects))
	for _, o := range objects {
		refs = append(refs, cluster.RefOf(o))
	}
	return refs
}
