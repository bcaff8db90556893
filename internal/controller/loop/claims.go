// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"slices"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Claims knows which objects of appliances the policy objects of the cluster have found there, whatever they do about
// them: what is in a status was written by the operator, for an object that is permitted. A name in a spec claims
// nothing, or anybody could hide what is on an appliance. It follows the cache, so that nobody has to go through ten
// thousand objects to find what is claimed by none. It is safe for concurrent use.
type Claims struct {
	mu      sync.RWMutex
	version uint64
	// counts has the number of objects for each claim.
	counts map[claim]uint32
	// followed are the handlers of the caches.
	followed []toolscache.ResourceEventHandlerRegistration
}

// claim is a key at the canonical address of an appliance, or the name of what is being created there.
type claim struct{ kind, address, key, name string }

// NewClaims returns claims of nothing.
func NewClaims() *Claims { return &Claims{counts: map[claim]uint32{}} }

// Watch follows the policy objects of a cache.
func (c *Claims) Watch(ctx context.Context, informers cache.Informers) error {
	for _, kind := range kinds.Policies() {
		informer, err := informers.GetInformer(ctx, kind.New(), cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		registration, err := informer.AddEventHandler(c.handler(kind.Name))
		if err != nil {
			return err
		}
		c.followed = append(c.followed, registration)
	}
	return nil
}

// Complete reports whether all objects that existed at the start are known.
func (c *Claims) Complete() bool {
	return !slices.ContainsFunc(c.followed, func(r toolscache.ResourceEventHandlerRegistration) bool {
		return !r.HasSynced()
	})
}

func (c *Claims) handler(kind string) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { c.replace(kind, nil, obj) },
		UpdateFunc: func(was, is any) { c.replace(kind, was, is) },
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			c.replace(kind, obj, nil)
		},
	}
}

// replace replaces what an object claimed by what it claims now; nil claims nothing.
func (c *Claims) replace(kind string, was, is any) {
	before, after := claimOf(kind, was), claimOf(kind, is)
	if before == after {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	if before != (claim{}) {
		if c.counts[before]--; c.counts[before] == 0 {
			delete(c.counts, before)
		}
	}
	if after != (claim{}) {
		c.counts[after]++
	}
}

// claimOf is what an object claims; the zero value if nothing.
func claimOf(kind string, of any) claim {
	obj, ok := of.(kinds.PolicyObject)
	if !ok {
		return claim{}
	}
	switch status := obj.PolicyStatus(); {
	case status.Key != "":
		return claim{kind: kind, address: status.Appliance, key: status.Key}
	case status.PendingCreation != nil:
		p := status.PendingCreation
		return claim{kind: kind, address: p.Appliance, name: sps.CanonicalName(p.Name)}
	default:
		return claim{}
	}
}

// Version changes whenever a claim does.
func (c *Claims) Version() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

// Claimed reports whether an object of the cluster has found a record of the appliance at these addresses, or is
// creating it.
func (c *Claims) Claimed(kind kinds.Kind, addresses []string, record sps.Record) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	name := sps.CanonicalName(record.Name)
	return slices.ContainsFunc(addresses, func(address string) bool {
		return c.counts[claim{kind: kind.Name, address: address, key: record.Key}] > 0 ||
			c.counts[claim{kind: kind.Name, address: address, name: name}] > 0
	})
}
