// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Claims knows which objects of appliances the policy objects of the cluster name, whatever they do about them. It
// follows the cache, so that nobody has to go through ten thousand objects to find the ones that are named by none. It
// is safe for concurrent use.
type Claims struct {
	mu      sync.RWMutex
	version uint64
	// names counts the objects by what they name, and keys by what they have found.
	names map[nameClaim]uint32
	keys  map[keyClaim]uint32
	// followed are the handlers of the caches.
	followed []toolscache.ResourceEventHandlerRegistration
}

// nameClaim is a name on the appliance that a connection leads to, in its canonical form.
type nameClaim struct {
	kind    string
	through types.NamespacedName
	name    string
}

// keyClaim is a key at the canonical address of an appliance.
type keyClaim struct{ kind, address, key string }

// NewClaims returns claims of nothing.
func NewClaims() *Claims {
	return &Claims{names: map[nameClaim]uint32{}, keys: map[keyClaim]uint32{}}
}

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
	oldName, oldKey := claimsOf(kind, was)
	newName, newKey := claimsOf(kind, is)
	if oldName == newName && oldKey == newKey {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	count(c.names, oldName, newName)
	count(c.keys, oldKey, newKey)
}

// count takes one claim away and adds another one. Empty claims do not count.
func count[K comparable](claims map[K]uint32, was, is K) {
	var none K
	if was != none {
		if claims[was]--; claims[was] == 0 {
			delete(claims, was)
		}
	}
	if is != none {
		claims[is]++
	}
}

func claimsOf(kind string, of any) (name nameClaim, key keyClaim) {
	obj, ok := of.(kinds.PolicyObject)
	if !ok {
		return name, key
	}
	name = nameClaim{
		kind: kind, through: connection.Target(obj.Connection(), obj.GetNamespace()),
		name: sps.CanonicalName(obj.NameOnAppliance()),
	}
	if status := obj.PolicyStatus(); status.Key != "" {
		key = keyClaim{kind: kind, address: status.Appliance, key: status.Key}
	}
	return name, key
}

// Version changes whenever a claim does.
func (c *Claims) Version() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

// Claimed reports whether an object of the cluster names a record of an appliance.
func (c *Claims) Claimed(kind kinds.Kind, of connection.Approaches, record sps.Record) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if slices.ContainsFunc(of.Addresses, func(address string) bool {
		return c.keys[keyClaim{kind.Name, address, record.Key}] > 0
	}) {
		return true
	}
	name := sps.CanonicalName(record.Name)
	return slices.ContainsFunc(of.Connections, func(through types.NamespacedName) bool {
		return c.names[nameClaim{kind.Name, through, name}] > 0
	})
}
