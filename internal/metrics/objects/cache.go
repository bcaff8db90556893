// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Cache is the manager's cache as a source.
type Cache struct{ cache.Cache }

// stored is what an informer has if it is of one namespace, or of all.
type stored interface {
	GetStore() toolscache.Store
}

// Each visits the objects where the informer keeps them: a list of the cache would copy every one of them.
func (c Cache) Each(ctx context.Context, kind kinds.Kind, visit func(kinds.Object)) error {
	informer, err := c.GetInformer(ctx, kind.New())
	if err != nil {
		return fmt.Errorf("look up the informer of %s: %w", kind.Name, err)
	}
	if one, ok := informer.(stored); ok {
		for _, item := range one.GetStore().List() {
			if obj, ok := item.(kinds.Object); ok {
				visit(obj)
			}
		}
		return nil
	}
	list := kind.NewList() // the informers of several namespaces
	if err := c.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list %s: %w", kind.Name, err)
	}
	return meta.EachListItem(list, func(item runtime.Object) error {
		if obj, ok := item.(kinds.Object); ok {
			visit(obj)
		}
		return nil
	})
}
