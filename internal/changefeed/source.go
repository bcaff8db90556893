// SPDX-License-Identifier: Apache-2.0

package changefeed

import (
	"context"
	"errors"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Source returns the feed as a source for a controller. The handler receives objects with only a namespace and a name:
// a generic event for each object that was created, updated or deleted; and, after a lost watch, an initial-list event
// for an object without a name, which stands for every object in its namespace, or everywhere if it has no namespace
// either.
func (f *Feed) Source(h handler.EventHandler) source.SyncingSource {
	return &feedSource{feed: f, handler: h}
}

type feedSource struct {
	feed    *Feed
	handler handler.EventHandler
}

// Start subscribes the controller's queue to every later change.
func (s *feedSource) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.feed.listeners.add(listener{
		changed: func(e event.GenericEvent) { s.handler.Generic(ctx, e, queue) },
		listed:  func(e event.CreateEvent) { s.handler.Create(ctx, e, queue) },
	})
	return nil
}

// WaitForSync waits for the first list, as long as the controller allows its sources. Stopping the controller meanwhile
// is not an error.
func (s *feedSource) WaitForSync(ctx context.Context) error {
	err := s.feed.waitForSync(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// String names the source in logs.
func (s *feedSource) String() string { return s.feed.String() }

// listener is one controller. Its handler runs in the reflector's goroutine and does no more than look up an index.
type listener struct {
	changed func(event.GenericEvent)
	listed  func(event.CreateEvent)
}

type listeners struct {
	mu  sync.RWMutex
	all []listener
}

func (l *listeners) add(one listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(slices.Clip(l.all), one)
}

// present returns the current listeners, so that they can be called without holding the lock.
func (l *listeners) present() []listener {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.all
}

func (l *listeners) tell(name types.NamespacedName) {
	obj := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	for _, one := range l.present() {
		one.changed(event.GenericEvent{Object: obj})
	}
}

// tellAll notifies the controllers with initial-list events, which have a lower priority than the events of known
// changes.
func (l *listeners) tellAll(namespace string) {
	obj := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
	for _, one := range l.present() {
		one.listed(event.CreateEvent{Object: obj, IsInInitialList: true})
	}
}
