// SPDX-License-Identifier: Apache-2.0

// Package changefeed watches objects that belong to others, and keeps none of them.
//
// An informer holds the metadata of every object of its kind, so that an operator pays for the size of a cluster of
// which it looks at a handful of objects. A Feed passes on that an object changed and forgets it. A Versioned feed
// keeps of each object sixteen bytes that tell two of its versions apart.
//
// Since nothing is kept, nobody can tell what changed or went while a watch was broken. So after a new list a feed says
// that anything may have changed, once, by an event without a name; see Feed.Source.
package changefeed

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"
	toolscache "k8s.io/client-go/tools/cache"
)

// Feed tells of changes to the objects of one resource. It is a runnable of a manager, and is to be added to it once,
// however many controllers take it as a source.
type Feed struct {
	resource schema.GroupVersionResource
	// spaces are what is listed and watched, by namespace.
	spaces    map[string]*space
	listeners listeners
}

// New returns a feed of a resource in some namespaces; none means all.
func New(client metadata.Interface, resource schema.GroupVersionResource, namespaces ...string) *Feed {
	return newFeed(client, resource, func() *versions { return nil }, namespaces)
}

func newFeed(
	client metadata.Interface, resource schema.GroupVersionResource, kept func() *versions, namespaces []string,
) *Feed {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	f := &Feed{resource: resource, spaces: map[string]*space{}}
	for _, name := range namespaces {
		f.spaces[name] = &space{
			name: name, objects: client.Resource(resource).Namespace(name), versions: kept(), listeners: &f.listeners,
			synced: make(chan struct{}),
		}
	}
	return f
}

// Start lists and watches until the context ends. What cannot be read, be it for want of a right, is logged and tried
// again for as long as it takes, with the delays of client-go's informers.
func (f *Feed) Start(ctx context.Context) error {
	var running wait.Group
	for _, s := range f.spaces {
		reflector := toolscache.NewReflectorWithOptions(s.listerWatcher(), &metav1.PartialObjectMetadata{}, s,
			toolscache.ReflectorOptions{Name: "changefeed", TypeDescription: f.String()})
		running.StartWithContext(ctx, reflector.RunWithContext)
	}
	running.Wait()
	return nil
}

// NeedLeaderElection keeps the feed of a manager that does not lead silent: nobody listens there.
func (f *Feed) NeedLeaderElection() bool { return true }

// String names the feed in logs.
func (f *Feed) String() string { return "metadata of " + f.resource.GroupResource().String() }

// waitForSync waits until everything has been listed once.
func (f *Feed) waitForSync(ctx context.Context) error {
	for _, s := range f.spaces {
		if err := s.waitForSync(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Listed says that everything has been listed once.
func (f *Feed) Listed() bool {
	for _, s := range f.spaces {
		select {
		case <-s.synced:
		default:
			return false
		}
	}
	return true
}

// in is where the objects of a namespace are watched.
func (f *Feed) in(namespace string) (*space, error) {
	for _, name := range []string{namespace, metav1.NamespaceAll} {
		if s, ok := f.spaces[name]; ok {
			return s, nil
		}
	}
	return nil, fmt.Errorf("namespace %s is not watched", namespace)
}
