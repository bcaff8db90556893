// SPDX-License-Identifier: Apache-2.0

package changefeed

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	toolscache "k8s.io/client-go/tools/cache"
)

// space is one namespace, or all of them. It is the store of a reflector, but one that keeps no objects.
type space struct {
	name      string
	objects   metadata.ResourceInterface
	versions  *versions // nil if no feed needs versions
	listeners *listeners
	// synced is closed after the first list.
	synced chan struct{}
}

var _ toolscache.ReflectorStore = &space{}

// Add is called by the reflector for a new object.
func (s *space) Add(obj any) error { return s.changed(obj, s.versions.put) }

// Update is called by the reflector for a changed object.
func (s *space) Update(obj any) error { return s.changed(obj, s.versions.put) }

// Delete is called by the reflector for a deleted object.
func (s *space) Delete(obj any) error { return s.changed(obj, s.versions.drop) }

func (s *space) changed(obj any, note func(metav1.Object)) error {
	o, err := meta.Accessor(obj)
	if err != nil {
		return err
	}
	note(o) // before the listeners run, because they will ask for it
	s.listeners.tell(nameOf(o))
	return nil
}

// Replace is called by the reflector after a list; list has already consumed the objects. The first list is not
// reported: a controller reconciles all its objects when its workers start, which is later. Every other list follows a
// lost watch, and what was missed is unknown.
func (s *space) Replace([]any, string) error {
	s.versions.listed()
	select {
	case <-s.synced:
		s.listeners.tellAll(s.name)
	default:
		close(s.synced)
	}
	return nil
}

// Resync does nothing: there is nothing to replay.
func (s *space) Resync() error { return nil }

func (s *space) waitForSync(ctx context.Context) error {
	select {
	case <-s.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *space) listerWatcher() toolscache.ListerWatcher {
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: s.list,
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return s.objects.Watch(ctx, options)
		},
	}, paged{})
}

// paged makes a reflector list rather than stream: it buffers a whole stream before passing it on.
type paged struct{}

// IsWatchListSemanticsUnSupported is the method that a reflector checks for.
func (paged) IsWatchListSemanticsUnSupported() bool { return true }

// list reads all objects, page by page, and returns the list without them. It requests the latest state, because only
// that is served in pages; it is never older than the state the reflector asks for. If the API server forgets that
// state half-way, the reflector begins anew.
func (s *space) list(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	var list metav1.PartialObjectMetadataList
	s.versions.list()
	next := metav1.ListOptions{Limit: maxPage}
	for {
		page, err := s.objects.List(ctx, next)
		if errors.Is(err, errPageTooLong) {
			next.Limit /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			s.versions.found(&page.Items[i])
		}
		if list.ResourceVersion == "" { // every page shows the state as of the first one
			list.ResourceVersion = page.ResourceVersion
		}
		if next.Continue = page.Continue; next.Continue == "" {
			return &list, nil
		}
		next.Limit = min(next.Limit+next.Limit/8+1, maxPage)
	}
}
