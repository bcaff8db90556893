// SPDX-License-Identifier: Apache-2.0

// Package changefeed watches objects owned by others, without caching them.
//
// An informer holds the metadata of every object of its kind, so an operator pays for the size of the whole cluster
// although it uses a handful of objects. A Feed passes on that an object changed and forgets it. A Versioned feed keeps
// sixteen bytes per object, which tell its versions apart.
//
// With nothing cached, changes and deletions during a broken watch cannot be identified. After a relist a feed
// therefore reports once that anything may have changed, by an event without a name; see Feed.Source.
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

// Feed reports changes to the objects of one resource. It is a runnable; add it to a manager once, however many
// controllers use it as a source.
type Feed struct {
	resource schema.GroupVersionResource
	// spaces holds what is listed and watched, by namespace.
	spaces    map[string]*space
	listeners listeners
}

// New returns a feed of a resource in the given namespaces; none means all.
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

// Start lists and watches until the context ends. A failure, such as a missing permission, is logged and retried
// indefinitely, with the backoff of client-go's informers.
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

// NeedLeaderElection keeps the feed silent on a manager that does not lead, where nothing listens.
func (f *Feed) NeedLeaderElection() bool { return true }

// String names the feed in logs.
func (f *Feed) String() string { return "metadata of " + f.resource.GroupResource().String() }

// waitForSync waits for the first complete list.
func (f *Feed) waitForSync(ctx context.Context) error {
	for _, s := range f.spaces {
		if err := s.waitForSync(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Listed reports whether everything has been listed once.
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

// in returns the space that covers a namespace.
func (f *Feed) in(namespace string) (*space, error) {
	for _, name := range []string{namespace, metav1.NamespaceAll} {
		if s, ok := f.spaces[name]; ok {
			return s, nil
		}
	}
	return nil, fmt.Errorf("namespace %s is not watched", namespace)
}
