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

// Source is the feed as a source of a controller. The handler gets objects that have a namespace and a name only: a
// generic event for one that was created, updated or deleted; and, after a watch was lost, an event as of an initial
// list for an object without a name, which stands for every object in its namespace, or everywhere if it has none.
func (f *Feed) Source(h handler.EventHandler) source.SyncingSource {
	return &feedSource{feed: f, handler: h}
}

type feedSource struct {
	feed    *Feed
	handler handler.EventHandler
}

// Start has the controller's queue hear of every later change.
func (s *feedSource) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.feed.listeners.add(listener{
		changed: func(e event.GenericEvent) { s.handler.Generic(ctx, e, queue) },
		listed:  func(e event.CreateEvent) { s.handler.Create(ctx, e, queue) },
	})
	return nil
}

// WaitForSync waits until the feed has been listed, for as long as the controller has its sources wait. That the
// controller is stopped meanwhile is no error.
func (s *feedSource) WaitForSync(ctx context.Context) error {
	err := s.feed.waitForSync(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// String names the source in logs.
func (s *feedSource) String() string { return s.feed.String() }

// listener is one controller. It is told in the reflector's goroutine: what a handler does is to look up an index.
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

// present are those whom something is told now; it is told without the lock.
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

// tellAll has controllers look at what may have changed after what has: events of an initial list yield to others.
func (l *listeners) tellAll(namespace string) {
	obj := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
	for _, one := range l.present() {
		one.listed(event.CreateEvent{Object: obj, IsInInitialList: true})
	}
}
