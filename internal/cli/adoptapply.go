// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

const (
	// adoptOwner owns the fields that `adopt -f` applies.
	adoptOwner = frame.FieldOwner + "-adopt"
	// applyAtOnce limits how many manifests are applied at the same time.
	applyAtOnce = 16
)

// adoption is a manifest on its way to an object that manages what it names.
type adoption struct {
	manifest *unstructured.Unstructured
	ref      cluster.Ref
	// managed says that the object managed what it names before.
	managed bool
	// observing is set until the operator has seen at the appliance what the object stands for. Until then it is applied
	// with managementPolicy: Observe, so that nothing is ever created.
	observing bool
	// generation is that of the object as it was applied.
	generation int64
	// refused is why the API server did not take the manifest; nil if it did.
	refused error
}

type adoptions []*adoption

// managed reports whether an object managed what it names before its manifest was applied.
func (a adoptions) managed(ref cluster.Ref) bool {
	return slices.ContainsFunc(a, func(each *adoption) bool { return each.managed && each.ref.ID() == ref.ID() })
}

func newAdoption(manifest *unstructured.Unstructured) *adoption {
	kind, _ := kinds.Named(manifest.GetKind())
	return &adoption{
		manifest: manifest, ref: cluster.Ref{Kind: kind, Namespace: manifest.GetNamespace(), Name: manifest.GetName()},
	}
}

func (a adoptions) refs() []cluster.Ref {
	refs := make([]cluster.Ref, 0, len(a))
	for _, each := range a {
		refs = append(refs, each.ref)
	}
	return refs
}

// apply applies the manifests by server-side apply.
func (o *adoptOptions) apply(ctx context.Context, c *cluster.Client) (adoptions, error) {
	all, err := o.read(c.Namespace)
	if err != nil {
		return nil, err
	}
	if err := o.Confirm(o.Yes || o.DryRun.Dry() || !slices.ContainsFunc(all, (*adoption).insists),
		"Some manifests have adoptionPolicy: Always, which changes the appliance. Go on?"); err != nil {
		return nil, err
	}
	if o.DryRun.Client() {
		return nil, o.wouldApply(all)
	}
	if o.DryRun.Dry() {
		var refused []error
		err := o.applyAll(ctx, c, all)
		for _, each := range all {
			if each.refused != nil {
				refused = append(refused, fmt.Errorf("%s: %w", each.ref, each.refused))
			}
		}
		if err := errors.Join(append(refused, err)...); err != nil {
			return nil, err
		}
		return nil, o.wouldApply(all)
	}
	if err := all.observeFirst(ctx, c); err != nil {
		return nil, err
	}
	return all, o.applyAll(ctx, c, all)
}

func (o *adoptOptions) wouldApply(all adoptions) error {
	results := make([]act.Result, 0, len(all))
	for _, each := range all {
		results = append(results, act.Result{
			Kind: each.ref.Kind.Name, Namespace: each.ref.Namespace, Name: each.ref.Name, Result: "Applied",
		})
	}
	return o.would("applied", results)
}

func (a *adoption) insists() bool {
	policy, _, _ := unstructured.NestedString(a.manifest.Object, "spec", "adoptionPolicy")
	return policy == string(pamv1alpha1.AdoptionPolicyAlways)
}

// observeFirst has what no object manages yet observed before it is managed.
func (a adoptions) observeFirst(ctx context.Context, c *cluster.Client) error {
	asked, managed := map[string]bool{}, map[cluster.ID]bool{}
	for _, each := range a {
		if place := each.ref.Namespace + "/" + each.ref.Kind.Name; !asked[place] {
			asked[place] = true
			objects, err := c.GetRefs(ctx, []cluster.Ref{{Kind: each.ref.Kind, Namespace: each.ref.Namespace}})
			if err != nil {
				return err
			}
			for _, o := range objects {
				policy, is := o.(kinds.PolicyObject)
				managed[cluster.IDOf(o)] = is && policy.PolicyStatus().Origin != ""
			}
		}
		observes, _, _ := unstructured.NestedString(each.manifest.Object, "spec", "managementPolicy")
		each.managed = managed[each.ref.ID()]
		each.observing = !each.managed && observes != string(pamv1alpha1.ManagementPolicyObserve)
	}
	return nil
}

// applyAll applies manifests. One that the API server refuses does not stop the others.
func (o *adoptOptions) applyAll(ctx context.Context, c *cluster.Client, all adoptions) error {
	options := []client.ApplyOption{client.FieldOwner(adoptOwner)}
	if o.DryRun.Dry() {
		options = append(options, client.DryRunAll)
	}
	if o.Force {
		options = append(options, client.ForceOwnership)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(applyAtOnce)
	for _, each := range all {
		group.Go(func() error { return each.apply(ctx, c, options) })
	}
	return group.Wait()
}

// apply keeps the manifest as it was written, so that no field is lost that this plugin does not know, or made up.
func (a *adoption) apply(ctx context.Context, c *cluster.Client, options []client.ApplyOption) error {
	applied := a.manifest.DeepCopy()
	if a.observing {
		if err := unstructured.SetNestedField(applied.Object, string(pamv1alpha1.ManagementPolicyObserve),
			"spec", "managementPolicy"); err != nil {
			return fmt.Errorf("%s: %w", a.ref, err)
		}
	}
	err := c.ApplyManifest(ctx, applied, options...)
	_, refused := errors.AsType[*cluster.RefusedError](err)
	switch {
	case apierrors.IsConflict(err):
		a.refused = fmt.Errorf("it is there already, and others applied fields of it: export with --unmanaged to leave it "+
			"out, or take these fields over with --force: %w", err)
	case refused:
		a.refused = err
	case err != nil:
		return fmt.Errorf("apply %s: %w", a.ref, err)
	}
	a.generation = applied.GetGeneration()
	return nil
}
