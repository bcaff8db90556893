// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/kinds"
)

// ListKinds lists the objects of kinds in a namespace, all kinds at once; an empty namespace means all. Kinds that the
// cluster does not know are left out, because an older operator has fewer; it is an error if it knows none of them.
func (c *Client) ListKinds(ctx context.Context, wanted []kinds.Kind, namespace string) ([]kinds.Object, error) {
	unknown := make([]error, len(wanted))
	all, err := gather(len(wanted), func(i int) (found []kinds.Object, err error) {
		if found, err = c.listKind(ctx, wanted[i], client.InNamespace(namespace)); NotInstalled(err) {
			unknown[i], err = err, nil
		}
		return found, err
	})
	if err != nil {
		return nil, err
	}
	return all, noneKnown(unknown)
}

// ListVisible is ListKinds without the kinds that the caller may not list. hidden is the missing right, nil if there is
// none; where nothing may be listed, it is the error.
func (c *Client) ListVisible(
	ctx context.Context, wanted []kinds.Kind, namespace string,
) (objects []kinds.Object, hidden, err error) {
	left := make([]error, len(wanted))
	objects, err = gather(len(wanted), func(i int) (found []kinds.Object, err error) {
		found, err = c.listKind(ctx, wanted[i], client.InNamespace(namespace))
		if NotInstalled(err) || IsForbidden(err) {
			left[i], err = err, nil
		}
		return found, err
	})
	if err == nil {
		err = noneKnown(left)
	}
	if err != nil {
		return nil, nil, err
	}
	return objects, forbidden(left), nil
}

// forbidden puts missing rights together that differ in their resource.
func forbidden(errs []error) error {
	var all *ForbiddenError
	for _, err := range errs {
		missing, is := errors.AsType[*ForbiddenError](err)
		switch {
		case is && all == nil:
			one := *missing
			all = &one
		case is:
			all.Resource += ", " + missing.Resource
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// gather makes calls, several at a time, and joins what they return. Of several errors it returns that of the first
// call, so that the same is said every time.
func gather(calls int, call func(i int) ([]kinds.Object, error)) ([]kinds.Object, error) {
	found, errs := make([][]kinds.Object, calls), make([]error, calls)
	var group errgroup.Group
	group.SetLimit(parallel)
	for i := range calls {
		group.Go(func() error {
			found[i], errs[i] = call(i)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(found...), nil
}

// noneKnown is the error of the first kind if all have one.
func noneKnown(unknown []error) error {
	for _, err := range unknown {
		if err == nil {
			return nil
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return unknown[0]
}

func (c *Client) listKind(ctx context.Context, kind kinds.Kind, opts ...client.ListOption) ([]kinds.Object, error) {
	list := kind.NewList()
	if err := c.List(ctx, list, opts...); err != nil {
		return nil, err
	}
	return itemsOf(list)
}

// GetRefs reads objects. A reference without a name means all objects of its kind.
func (c *Client) GetRefs(ctx context.Context, refs []Ref) ([]kinds.Object, error) {
	return gather(len(refs), func(i int) ([]kinds.Object, error) {
		ref := refs[i]
		if ref.Name == "" {
			return c.listKind(ctx, ref.Kind, client.InNamespace(ref.Namespace))
		}
		o := ref.Kind.New()
		return []kinds.Object{o}, c.Get(ctx, ref.Key(), o)
	})
}

// parallel limits how many calls run at the same time.
const parallel = 16
