// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilwait "k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// dependentsOn enqueues the objects, in the same namespace, whose index holds the name of what changed.
func dependentsOn(c client.Reader, list client.ObjectList, index string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		return requests(ctx, c, list, client.InNamespace(obj.GetNamespace()), client.MatchingFields{index: nameOrAny(obj)})
	})
}

// dependentsOfConnection enqueues the objects that go through the connection that changed.
func dependentsOfConnection(c client.Reader, list client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		return requests(ctx, c, list, client.MatchingFields{indexConnection: client.ObjectKeyFromObject(obj).String()})
	})
}

// dependentsIn enqueues the objects in the namespace that changed: its labels decide which connections they may use.
func dependentsIn(c client.Reader, list client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		return requests(ctx, c, list, client.InNamespace(obj.GetName()))
	})
}

// onRelabelled has a controller look again at the objects in a namespace whose labels have changed.
func (d deps) onRelabelled(b *builder.Builder, list client.ObjectList) *builder.Builder {
	dependents := dependentsIn(d.client, list)
	if d.relabelled == nil {
		return b.WatchesMetadata(&corev1.Namespace{}, dependents, onLabels())
	}
	return b.WatchesRawSource(source.Channel(d.relabelled.subscribe(), dependents))
}

// onLabels passes only that labels changed.
func onLabels() builder.WatchesOption {
	return builder.WithPredicates(predicate.And[client.Object](predicate.LabelChangedPredicate{}, predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}))
}

// connectionsOf enqueues the connection of the object that changed, once for all that change within a pause. The pause
// begins with the first of them, so that the last one waits no longer either.
func connectionsOf(pause time.Duration) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(obj client.Object, q queue) {
		if c, ok := obj.(connected); ok {
			q.AddAfter(reconcile.Request{NamespacedName: connection.Target(c.Connection(), obj.GetNamespace())}, pause)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { enqueue(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { enqueue(e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { enqueue(e.Object, q) },
	}
}

// namesakes enqueues the other objects of the kind that mean the same name on an appliance.
func namesakes(c client.Reader, list client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		p, ok := obj.(policyObject)
		if !ok {
			return nil
		}
		return requestsFor(ctx, c, list, func(o client.Object) bool {
			other, ok := o.(policyObject)
			return ok && sps.SameName(other.NameOnAppliance(), p.NameOnAppliance())
		}, meaning(p.NameOnAppliance()))
	})
}

func requests(
	ctx context.Context, c client.Reader, prototype client.ObjectList, options ...client.ListOption,
) []reconcile.Request {
	return requestsFor(ctx, c, prototype, func(client.Object) bool { return true }, options...)
}

func requestsFor(
	ctx context.Context, c client.Reader, prototype client.ObjectList, wanted func(client.Object) bool,
	options ...client.ListOption,
) []reconcile.Request {
	list := copyOf(prototype)
	// Only names are read, of what may be ten thousand objects.
	if err := c.List(ctx, list, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up dependents")
		return nil
	}
	var out []reconcile.Request
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if obj, ok := o.(client.Object); ok && wanted(obj) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
		}
		return nil
	})
	return out
}

// onReadiness passes what matters of a connection to its dependents: that it has been tried with its present spec, or
// Ready turning. A new spec by itself is not passed: until it has been tried, dependents could only wait.
func onReadiness() builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{UpdateFunc: readyTurned})
}

// onKeyOrReady passes what matters of a policy object to those that refer to it: its key, or Ready turning.
func onKeyOrReady() builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok1 := e.ObjectOld.(policyObject)
		is, ok2 := e.ObjectNew.(policyObject)
		return ok1 && ok2 && (was.PolicyStatus().Key != is.PolicyStatus().Key || readyTurned(e))
	}})
}

func readyTurned(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(object)
	is, ok2 := e.ObjectNew.(object)
	if !ok1 || !ok2 {
		return false
	}
	a, b := readyOf(was), readyOf(is)
	if a == nil || b == nil {
		return a != b
	}
	return a.Status != b.Status || a.ObservedGeneration != b.ObservedGeneration
}

// onSpec passes what an object's own controller has to look at: a new spec, a deletion, annotations of others, and a
// status that somebody else took away. Our own patches wake nobody.
func onSpec() builder.ForOption {
	return builder.WithPredicates(predicate.Or[client.Object](
		predicate.GenerationChangedPredicate{},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return !equality.Semantic.DeepEqual(e.ObjectOld.GetDeletionTimestamp(), e.ObjectNew.GetDeletionTimestamp()) ||
				lostStatus(e) ||
				!maps.Equal(annotationsOfOthers(e.ObjectOld), annotationsOfOthers(e.ObjectNew))
		}},
	))
}

// annotationsOfOthers are an object's annotations without those that the controllers write themselves: a refused create
// writes and removes its mark in each pass, and would call for the next one.
func annotationsOfOthers(obj client.Object) map[string]string {
	out := maps.Clone(obj.GetAnnotations())
	delete(out, annotationCreating)
	delete(out, pamv1alpha1.AnnotationRequestID)
	delete(out, pamv1alpha1.AnnotationRequestedAt)
	return out
}

func lostStatus(e event.UpdateEvent) bool {
	if lostSession(e) {
		return true
	}
	was, ok1 := e.ObjectOld.(object)
	is, ok2 := e.ObjectNew.(object)
	return ok1 && ok2 && readyOf(was) != nil && readyOf(is) == nil
}

// lostSession says that a status no longer names the session that its object has, be it in a restore: nobody tells of a
// session that is not known.
func lostSession(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(*pamv1alpha1.ActivitySession)
	is, ok2 := e.ObjectNew.(*pamv1alpha1.ActivitySession)
	return ok1 && ok2 && (was.Status.SessionID != "" && is.Status.SessionID == "" ||
		was.Status.RequestID != "" && is.Status.RequestID == "")
}

// onDeletion passes only that an object is gone.
func onDeletion() builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	})
}

// builder is what the controllers of all policy objects have in common.
func (r *policyReconciler[T]) builder(
	mgr ctrl.Manager, name string, obj client.Object, list client.ObjectList,
) *builder.Builder {
	dependents := dependentsOfConnection(r.client, list)
	b := ctrl.NewControllerManagedBy(mgr).Named(name).
		For(obj, onSpec()).
		Watches(&pamv1alpha1.SPSConnection{}, dependents, onReadiness()).
		Watches(obj, namesakes(r.client, list), onDeletion()).
		WatchesRawSource(source.Channel(r.moved.subscribe(), dependents))
	return r.onRelabelled(b, list)
}

// complete adds the controller to the manager.
func (r *policyReconciler[T]) complete(mgr ctrl.Manager, name string, b *builder.Builder, empty func() T) error {
	return complete(mgr, b, reconcile.AsReconciler(r.client, r), lane.Options{
		Name:  name,
		Place: laneFor(r.client, empty, policyPlace[T]), Running: policyPasses, Reserved: reservedPasses,
		Aside: min(r.Concurrency, r.together),
	})
}

// Delays of retries: the first ones are quick, the later ones spare an appliance that is down.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 2 * time.Minute
)

// jittered spreads retries that began together.
type jittered struct {
	workqueue.TypedRateLimiter[reconcile.Request]
}

// When returns a delay that grows with the failures, and varies by half of it.
func (j jittered) When(request reconcile.Request) time.Duration {
	return utilwait.Jitter(j.TypedRateLimiter.When(request), 0.5)
}

// broadcast passes events on to every subscriber.
type broadcast struct {
	mu   sync.Mutex
	subs []chan event.GenericEvent
}

// subscribe returns a channel that receives every later event.
func (b *broadcast) subscribe() <-chan event.GenericEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan event.GenericEvent, broadcastBuffer)
	b.subs = append(b.subs, c)
	return c
}

// broadcastBuffer is enough for every connection to tell something before a controller has started to listen.
const broadcastBuffer = 1024

// send passes an event on, unless the context ends first.
func (b *broadcast) send(ctx context.Context, e event.GenericEvent) {
	b.mu.Lock()
	subs := slices.Clone(b.subs)
	b.mu.Unlock()
	for _, c := range subs {
		select {
		case c <- e:
		case <-ctx.Done():
			return
		}
	}
}

// notify returns a function that wakes an SPSConnection, because something happened on its appliance.
func notify(activity chan<- event.GenericEvent) func(types.NamespacedName) {
	return func(name types.NamespacedName) {
		c := &pamv1alpha1.SPSConnection{}
		c.Namespace, c.Name = name.Namespace, name.Name
		send(activity, c)
	}
}

// notifyServer returns a function that wakes an NPSConnection.
func notifyServer(servers chan<- event.GenericEvent) func(types.NamespacedName) {
	return func(name types.NamespacedName) {
		c := &pamv1alpha1.NPSConnection{}
		c.Namespace, c.Name = name.Namespace, name.Name
		send(servers, c)
	}
}

// send never blocks: when the channel is full, the periodic check of the connection has to do.
func send(to chan<- event.GenericEvent, obj client.Object) {
	select {
	case to <- event.GenericEvent{Object: obj}:
	default:
	}
}
