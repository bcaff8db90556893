// SPDX-License-Identifier: Apache-2.0

package changefeed

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
)

// Versioned is a feed that also knows which objects exist, and in which version.
type Versioned struct {
	*Feed

	seed maphash.Seed
}

// NewVersioned returns a feed of a resource in the given namespaces; none means all.
func NewVersioned(client metadata.Interface, resource schema.GroupVersionResource, namespaces ...string) *Versioned {
	seed := maphash.MakeSeed()
	kept := func() *versions { return &versions{seed: seed} }
	return &Versioned{Feed: newFeed(client, resource, kept, namespaces), seed: seed}
}

// Version returns an identifier of an object's current version, and whether the object exists. The identifier means
// nothing to another process. Version waits for the first list.
func (v *Versioned) Version(ctx context.Context, name types.NamespacedName) (version uint64, exists bool, err error) {
	s, err := v.in(name.Namespace)
	if err != nil {
		return 0, false, err
	}
	if err := s.waitForSync(ctx); err != nil {
		return 0, false, fmt.Errorf("wait for the %s: %w", v, err)
	}
	version, exists = s.versions.get(name)
	return version, exists, nil
}

// Of returns what Version returns while an object is as given.
func (v *Versioned) Of(obj metav1.Object) uint64 { return versionOf(v.seed, obj) }

func versionOf(seed maphash.Seed, obj metav1.Object) uint64 {
	return maphash.Comparable(seed, [2]string{string(obj.GetUID()), obj.GetResourceVersion()})
}

// versions maps hashes of names to hashes of versions. Each process uses a new seed, so that a name cannot be chosen to
// collide with another; the chance that two of 100,000 names collide is below one in a billion. A nil pointer keeps
// nothing.
type versions struct {
	seed maphash.Seed

	mu    sync.RWMutex
	known map[uint64]uint64
	// next is what the list in progress has found. Only the reflector's list uses it, and then its store.
	next map[uint64]uint64
}

func (v *versions) key(name types.NamespacedName) uint64 { return maphash.Comparable(v.seed, name) }

func nameOf(obj metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

func (v *versions) get(name types.NamespacedName) (uint64, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	version, ok := v.known[v.key(name)]
	return version, ok
}

func (v *versions) put(obj metav1.Object) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.known[v.key(nameOf(obj))] = versionOf(v.seed, obj)
}

func (v *versions) drop(obj metav1.Object) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.known, v.key(nameOf(obj)))
}

// list begins a new list, found adds to it, and listed replaces the old one with it.
func (v *versions) list() {
	if v != nil {
		v.next = map[uint64]uint64{}
	}
}

func (v *versions) found(obj metav1.Object) {
	if v != nil {
		v.next[v.key(nameOf(obj))] = versionOf(v.seed, obj)
	}
}

func (v *versions) listed() {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.known, v.next = v.next, nil
}
