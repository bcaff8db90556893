// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/kinds"
)

// ID is an object of one of our kinds, whatever happens to it.
type ID struct {
	Kind string
	types.NamespacedName
}

// IDOf identifies an object.
func IDOf(o client.Object) ID { return ID{KindOf(o).Name, client.ObjectKeyFromObject(o)} }

// ID identifies what a reference names.
func (r Ref) ID() ID { return ID{r.Kind.Name, r.Key()} }

// Snapshot is what is known of the objects that are followed. One that was deleted is not in it.
type Snapshot map[ID]kinds.Object

const (
	// redraw is how often a snapshot is looked at: at most five times a second.
	redraw = 200 * time.Millisecond
	// retryAfter is how long a broken watch rests.
	retryAfter = time.Second
	// giveUpAfter is how long the API server may be away.
	giveUpAfter = time.Minute
)

// change is news of one selection: the whole list, one object, or an error that ends everything.
type change struct {
	selection int
	all       []kinds.Object
	whole     bool
	object    kinds.Object
	gone      bool
	err       error
}

// Follow lists and watches what the references name, and calls look once all of it was listed, and after changes, until
// it is done. It returns as soon as a right is missing. A connection that breaks is made anew, for a minute; so is one
// over which an API server that just starts, or one of several that is ill, refuses credentials or does not know us.
func (c *Client) Follow(
	ctx context.Context, refs []Ref, look func(Snapshot) (done bool, err error),
) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	selections := selectionsOf(refs)
	changes := make(chan change)
	for i, selection := range selections {
		go c.feed(following, i, selection, changes)
	}
	f := &follower{selections: selections, listed: map[int]bool{}, objects: Snapshot{}}
	return f.run(ctx, changes, look)
}

type follower struct {
	selections []selection
	listed     map[int]bool
	objects    Snapshot
}

func (f *follower) run(ctx context.Context, changes <-chan change, look func(Snapshot) (bool, error)) error {
	var soon <-chan time.Time
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case news := <-changes:
			if news.err != nil {
				return news.err
			}
			f.take(news)
			if soon == nil && len(f.listed) == len(f.selections) {
				soon = time.After(max(0, redraw-time.Since(last)))
			}
		case <-soon:
			soon, last = nil, time.Now()
			if done, err := look(f.objects); done || err != nil {
				return err
			}
		}
	}
}

// take notes a change.
func (f *follower) take(news change) {
	if news.whole {
		f.listed[news.selection] = true
		for id := range f.objects {
			if f.selections[news.selection].has(id) {
				delete(f.objects, id)
			}
		}
		for _, o := range news.all {
			if id := IDOf(o); f.selections[news.selection].has(id) {
				f.objects[id] = o
			}
		}
		return
	}
	id := IDOf(news.object)
	if !f.selections[news.selection].has(id) {
		return
	}
	if news.gone {
		delete(f.objects, id)
		return
	}
	f.objects[id] = news.object
}

// feed sends what happens to the objects of a selection, until ctx ends or there is no use in going on.
func (c *Client) feed(ctx context.Context, number int, s selection, changes chan<- change) {
	send := func(news change) {
		news.selection = number
		select {
		case changes <- news:
		case <-ctx.Done():
		}
	}
	listed, failingSince := false, time.Time{}
	for ctx.Err() == nil {
		err := c.feedOnce(ctx, s, func(news change) {
			listed, failingSince = true, time.Time{}
			send(news)
		})
		switch {
		case err == nil: // the API server ends a watch now and then
			failingSince = time.Time{}
		case failingSince.IsZero():
			failingSince = time.Now()
		}
		// An API server that is away from the start is an error at once.
		if IsForbidden(err) || err != nil && (!listed || time.Since(failingSince) > giveUpAfter) {
			send(change{err: err})
			return
		}
		wait(ctx, retryAfter)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// feedOnce lists and then watches, until the watch ends.
func (c *Client) feedOnce(ctx context.Context, s selection, send func(change)) error {
	list := s.kind.NewList()
	if err := c.List(ctx, list, s.options()...); err != nil {
		return err
	}
	objects, err := itemsOf(list)
	if err != nil {
		return err
	}
	send(change{all: objects, whole: true})
	since := &client.ListOptions{}
	since.ApplyOptions(s.options())
	since.Raw = metav1ListOptions(list.GetResourceVersion())
	w, err := c.Watch(ctx, s.kind.NewList(), since)
	if err != nil {
		return err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		switch event.Type {
		case watch.Error:
			return apierrors.FromObject(event.Object) // usually: too old, list again
		case watch.Bookmark:
			continue
		case watch.Added, watch.Modified, watch.Deleted:
		}
		o, is := event.Object.(kinds.Object)
		if !is {
			return errors.New("the API server sent an object of another kind")
		}
		send(change{object: o, gone: event.Type == watch.Deleted})
	}
	return nil
}
