// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/changefeed"
)

// Feeds report changes to foreign objects that ours refer to. There is one for each kind, shared by all controllers.
type Feeds struct {
	Secrets, ConfigMaps *changefeed.Versioned
	Jobs, Pods          *changefeed.Feed
}

// AddFeeds adds the feeds to a manager.
func AddFeeds(mgr ctrl.Manager, namespaces []string) (Feeds, error) {
	c, err := changefeed.NewClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return Feeds{}, err
	}
	f := Feeds{
		Secrets:    changefeed.NewVersioned(c, corev1.SchemeGroupVersion.WithResource("secrets"), namespaces...),
		ConfigMaps: changefeed.NewVersioned(c, corev1.SchemeGroupVersion.WithResource("configmaps"), namespaces...),
		Jobs:       changefeed.New(c, batchv1.SchemeGroupVersion.WithResource("jobs"), namespaces...),
		Pods:       changefeed.New(c, corev1.SchemeGroupVersion.WithResource("pods"), namespaces...),
	}
	for _, feed := range []*changefeed.Feed{f.Secrets.Feed, f.ConfigMaps.Feed, f.Jobs, f.Pods} {
		if err := mgr.Add(feed); err != nil {
			return Feeds{}, err
		}
	}
	return f, nil
}

// anyName is in an index beside the names that an object refers to. It finds all objects that refer to anything, for a
// feed that has missed what changed.
const anyName = "*"

func orAny(names client.IndexerFunc) client.IndexerFunc {
	return func(obj client.Object) []string {
		out := names(obj)
		if len(out) > 0 {
			out = append(out, anyName)
		}
		return out
	}
}

// NameOrAny is the value to look up in an index; see changefeed.Feed.Source.
func NameOrAny(obj client.Object) string {
	if name := obj.GetName(); name != "" {
		return name
	}
	return anyName
}

// Referring returns a handler of what a feed reports: it wakes the objects in the same namespace whose index holds the
// name of what changed.
func (d Deps) Referring(list client.ObjectList, index string) handler.EventHandler {
	return d.Woken(list, func(obj client.Object) client.MatchingFields {
		return client.MatchingFields{index: NameOrAny(obj)}
	})
}

// Woken returns a handler of what a feed reports: it wakes the selected objects in the same namespace. Whoever may
// change a Secret or a Pod needs no right to use a connection, so that is paced as what RequestBook.Watch does.
func (d Deps) Woken(list client.ObjectList, selected func(client.Object) client.MatchingFields) handler.EventHandler {
	wake := func(ctx context.Context, obj client.Object, q queue, priority *int) {
		visit(ctx, d.Client, list, func(o client.Object) {
			enqueue(q, o, d.Requests.untilPass(o, time.Now()), priority)
		}, client.InNamespace(obj.GetNamespace()), selected(obj))
	}
	return handler.Funcs{
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) { wake(ctx, e.Object, q, nil) },
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { // what was missed is less urgent
			wake(ctx, e.Object, q, new(handler.LowPriority))
		},
	}
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// enqueue adds an object to the queue of its controller after a while.
func enqueue(q queue, obj client.Object, wait time.Duration, priority *int) {
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)}
	if prioritised, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		prioritised.AddWithOpts(priorityqueue.AddOpts{After: wait, Priority: priority}, request)
		return
	}
	q.AddAfter(request, wait)
}

// Unlisted names the resources that have not been listed yet, perhaps because a right is missing.
func (f Feeds) Unlisted() []string {
	var out []string
	for _, feed := range []*changefeed.Feed{f.Secrets.Feed, f.ConfigMaps.Feed, f.Jobs, f.Pods} {
		if !feed.Listed() {
			out = append(out, feed.String())
		}
	}
	return out
}
