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

// Versioned is a feed that also knows which objects there are, and in which version.
type Versioned struct {
	*Feed

	seed maphash.Seed
}

// NewVersioned returns a feed of a resource in some namespaces; none means all.
func NewVersioned(client metadata.Interface, resource schema.GroupVersionResource, namespaces ...string) *Versioned {
	seed := maphash.MakeSeed()
	kept := func() *versions { return &versions{seed: seed} }
	return &Versioned{Feed: newFeed(client, resource, kept, namespaces), seed: seed}
}

// Version identifies the present version of an object, and says whether there is one. It means nothing to another
// process. It waits for the first list.
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

// Of is what Version returns while an object is as it is here.
func (v *Versioned) Of(obj metav1.Object) uint64 { return versionOf(v.seed, obj) }

func versionOf(seed maphash.Seed, obj metav1.Object) uint64 {
	return maphash.Comparable(seed, [2]string{string(obj.GetUID()), obj.GetResourceVersion()})
}

// versions maps hashes of names to hashes of versions. They are seeded anew in each process, so that nobody can choose
// a name that hides another one; that two of 100,000 names meet by chance has a probability below one in a billion. A
// nil pointer keeps nothing.
type versions struct {
	seed maphash.Seed

	mu    sync.RWMutex
	known map[uint64]uint64
	// next is what a list that is under way has found. Only the reflector's list touches it, and then its store.
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

// list begins a new list, found adds to it, and listed makes it the known one. Until then the old one stays.
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
