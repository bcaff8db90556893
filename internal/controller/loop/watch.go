// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// DependentsOn enqueues the objects in the same namespace whose index holds the name of what changed.
func DependentsOn(c client.Reader, list client.ObjectList, index string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		return Requests(ctx, c, list, client.InNamespace(obj.GetNamespace()), client.MatchingFields{index: NameOrAny(obj)})
	})
}

// DependentsOfConnection enqueues the objects that go through the connection that changed.
func DependentsOfConnection(c client.Reader, list client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		return Requests(ctx, c, list, client.MatchingFields{IndexConnection: client.ObjectKeyFromObject(obj).String()})
	})
}

// dependentsIn enqueues the objects in the namespace that changed: its labels decide which connections they may use.
func dependentsIn(c client.Reader, list client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		return Requests(ctx, c, list, client.InNamespace(obj.GetName()))
	})
}

// OnRelabelled has a controller look again at the objects in a namespace whose labels have changed.
func (d Deps) OnRelabelled(b *builder.Builder, list client.ObjectList) *builder.Builder {
	dependents := dependentsIn(d.Client, list)
	if d.Relabelled == nil {
		return b.WatchesMetadata(&corev1.Namespace{}, dependents, onLabels())
	}
	return b.WatchesRawSource(source.Channel(d.Relabelled.Subscribe(), dependents))
}

// onLabels passes only changes of labels.
func onLabels() builder.WatchesOption {
	return builder.WithPredicates(predicate.And[client.Object](predicate.LabelChangedPredicate{}, predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}))
}

// Requests lists objects of a kind and returns a request for each.
func Requests(
	ctx context.Context, c client.Reader, prototype client.ObjectList, options ...client.ListOption,
) []reconcile.Request {
	return RequestsFor(ctx, c, prototype, func(client.Object) bool { return true }, options...)
}

// RequestsFor is Requests for the objects that are wanted.
func RequestsFor(
	ctx context.Context, c client.Reader, prototype client.ObjectList, wanted func(client.Object) bool,
	options ...client.ListOption,
) []reconcile.Request {
	var out []reconcile.Request
	visit(ctx, c, prototype, func(obj client.Object) {
		if wanted(obj) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
		}
	}, options...)
	return out
}

// visit lists objects of a kind and calls a function with each, which must not change it.
func visit(
	ctx context.Context, c client.Reader, prototype client.ObjectList, do func(client.Object),
	options ...client.ListOption,
) {
	list := CopyOf(prototype)
	// Only a little is read, of what may be ten thousand objects.
	if err := c.List(ctx, list, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up dependents")
		return
	}
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if obj, ok := o.(client.Object); ok {
			do(obj)
		}
		return nil
	})
}

// OnReadiness passes the changes of a connection that matter to its dependents: that its present spec has been tried,
// and Ready. A new spec alone is not passed: until it has been tried, dependents could only wait.
func OnReadiness() builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{UpdateFunc: ReadyTurned})
}

// ReadyTurned reports whether Ready, or the generation that it is about, has changed. A connection that is suspended is
// not ready, and can be read through.
func ReadyTurned(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(Object)
	is, ok2 := e.ObjectNew.(Object)
	if !ok1 || !ok2 {
		return false
	}
	a, b := ReadyOf(was), ReadyOf(is)
	if a == nil || b == nil {
		return a != b
	}
	suspended := a.Reason == pamv1alpha1.ReasonSuspended
	return a.Status != b.Status || a.ObservedGeneration != b.ObservedGeneration ||
		suspended != (b.Reason == pamv1alpha1.ReasonSuspended)
}

// OnSpec passes the changes of an object that its own controller has to look at without delay: its spec, its deletion,
// and the loss of its status. Our own patches trigger no pass. For changes of the metadata see RequestBook.Watch.
func OnSpec() builder.ForOption {
	return builder.WithPredicates(predicate.Or[client.Object](
		predicate.GenerationChangedPredicate{},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return !equality.Semantic.DeepEqual(e.ObjectOld.GetDeletionTimestamp(), e.ObjectNew.GetDeletionTimestamp()) ||
				lostStatus(e) || takesStatus(e)
		}},
	))
}

// asksByMetadata reports whether annotations that others write have changed, or our finalizer was removed.
func asksByMetadata(e event.UpdateEvent) bool {
	return lostFinalizer(e) || !maps.Equal(annotationsOfOthers(e.ObjectOld), annotationsOfOthers(e.ObjectNew))
}

// lostFinalizer reports whether our finalizer was removed from an object that is not being deleted. Until it is back, a
// deletion would leave behind what the object stands for.
func lostFinalizer(e event.UpdateEvent) bool {
	return HasFinalizer(e.ObjectOld) && !HasFinalizer(e.ObjectNew) && e.ObjectNew.GetDeletionTimestamp().IsZero()
}

// annotationsOfOthers are an object's annotations without those that the controllers write themselves, each of which
// would trigger another pass.
func annotationsOfOthers(obj client.Object) map[string]string {
	out := maps.Clone(obj.GetAnnotations())
	delete(out, AnnotationCreating)
	if s, ok := obj.(*pamv1alpha1.ActivitySession); ok && out[pamv1alpha1.AnnotationRequestID] == NewRequestID(s) {
		delete(out, pamv1alpha1.AnnotationRequestID)
	}
	delete(out, pamv1alpha1.AnnotationRequestedAt)
	return out
}

func lostStatus(e event.UpdateEvent) bool {
	if lostSession(e) {
		return true
	}
	was, ok1 := e.ObjectOld.(Object)
	is, ok2 := e.ObjectNew.(Object)
	return ok1 && ok2 && ReadyOf(was) != nil && ReadyOf(is) == nil
}

// lostSession reports whether a status no longer names the session of its object, for instance after a restore. The
// poller does not report a session that it does not know.
func lostSession(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(*pamv1alpha1.ActivitySession)
	is, ok2 := e.ObjectNew.(*pamv1alpha1.ActivitySession)
	return ok1 && ok2 && (was.Status.SessionID != "" && is.Status.SessionID == "" ||
		was.Status.RequestID != "" && is.Status.RequestID == "")
}

// takesStatus reports whether a status has become that of another object, for instance in a restore.
func takesStatus(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(*pamv1alpha1.ActivitySession)
	is, ok2 := e.ObjectNew.(*pamv1alpha1.ActivitySession)
	return ok1 && ok2 && NamesAnother(is) && !NamesAnother(was)
}

// OnDeletion passes only the deletion of an object.
func OnDeletion() builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	})
}

// Broadcast passes events on to every subscriber.
type Broadcast struct {
	mu   sync.Mutex
	subs []chan event.GenericEvent
}

// Subscribe returns a channel that receives every later event.
func (b *Broadcast) Subscribe() <-chan event.GenericEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan event.GenericEvent, broadcastBuffer)
	b.subs = append(b.subs, c)
	return c
}

// broadcastBuffer is enough for one event of every connection before a controller has started to listen.
const broadcastBuffer = 1024

// Send passes an event on, unless the context ends first.
func (b *Broadcast) Send(ctx context.Context, e event.GenericEvent) {
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
