// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file is the request to reconcile: an annotation whose value is new. Until the status shows the value, the
// request is open. It is handled once the appliance or the server was read after the request was seen, or if nothing is
// to be read for the object. While nothing can be read, because the connection does not work, it stays open: nothing is
// sent for it, and no log-in is tried.

// ReconcileRequest is a request to reconcile an object; its zero value is none.
type ReconcileRequest struct {
	// Value is what the status will show.
	Value string
	// Seen is since when this process has known of it. What was read before does not answer it.
	Seen time.Time
}

// Open reports whether there is a request that was not handled yet.
func (r ReconcileRequest) Open() bool { return r.Value != "" }

// Handle records in the status, in memory, that the request was handled.
func (r ReconcileRequest) Handle(obj Object) {
	if r.Open() {
		*obj.GetStatus().HandledRequest() = r.Value
	}
}

// requestedReconcile is the value of the annotation as far as a status can show it; empty if there is none.
func requestedReconcile(obj client.Object) string {
	return rest.Shorten(obj.GetAnnotations()[pamv1alpha1.AnnotationReconcileRequestedAt], MaxHandledRequest)
}

// RequestBook knows since when requests are open. The moment at which a request was seen, and not the beginning of its
// pass, decides which reads answer it: a thousand requests that were seen together are then answered by one read,
// however long their passes wait for a turn. A nil book knows nothing, so that every request counts as just seen.
type RequestBook struct {
	// pause is the shortest time between two passes over an object that nothing but its metadata asks for.
	pause time.Duration

	mu   sync.Mutex
	open map[types.UID]ReconcileRequest
	// passes are when the latest pass that metadata asked for is due, or was.
	passes map[types.UID]time.Time
	// wishes are since when the present spec of an object that manages nothing yet is known.
	wishes map[types.UID]time.Time
}

// NewRequestBook returns an empty book; see Options.RequestPause.
func NewRequestBook(pause time.Duration) *RequestBook {
	return &RequestBook{
		pause: pause, open: map[types.UID]ReconcileRequest{}, passes: map[types.UID]time.Time{},
		wishes: map[types.UID]time.Time{},
	}
}

// Of returns the open request of an object.
func (b *RequestBook) Of(obj Object) ReconcileRequest {
	wanted := requestedReconcile(obj)
	if wanted == *obj.GetStatus().HandledRequest() {
		wanted = ""
	}
	now := ReconcileRequest{Value: wanted, Seen: time.Now()}
	switch {
	case wanted == "":
		b.forget(obj.GetUID())
		return ReconcileRequest{}
	case b == nil:
		return now
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.open[obj.GetUID()]; known.Value == wanted {
		return known
	}
	b.open[obj.GetUID()] = now
	return now
}

func (b *RequestBook) forget(uid types.UID) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, uid)
}

// Watch returns a handler that notes requests as they come, and enqueues an object whose annotations or finalizers
// others have changed. That needs no right to use a connection, so however often it happens, a pass comes only once in
// a pause; the first one comes at once.
func (b *RequestBook) Watch() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	note := func(o client.Object) {
		if obj, ok := o.(Object); ok {
			b.Of(obj)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) {
			note(e.Object)
			b.noteWish(e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			note(e.ObjectNew)
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				b.noteWish(e.ObjectNew)
			}
			if !asksByMetadata(e) {
				return
			}
			q.AddAfter(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.ObjectNew)},
				b.untilPass(e.ObjectNew, time.Now()))
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) {
			b.forget(e.Object.GetUID())
			b.forgetTimes(e.Object.GetUID())
		},
	}
}

// refusedFactor is how much longer the pause of an object is that the appliance or server has refused: a pass over it
// opens a transaction or sends a request, while others only read.
const refusedFactor = 6

// isRefused reports whether the appliance or server has refused an object; a server refuses what it does not have.
func isRefused(obj client.Object) bool {
	o, ok := obj.(Object)
	if !ok {
		return false
	}
	_, session := obj.(*pamv1alpha1.ActivitySession)
	ready := ReadyOf(o)
	return ready != nil && (ready.Reason == pamv1alpha1.ReasonRejected ||
		session && ready.Reason == pamv1alpha1.ReasonReferenceNotFound)
}

// untilPass is how long to wait with a pass that metadata asks for. Whoever asks again while one is due waits for the
// same moment, and adds it to the queue again: whatever else wakes the object before takes the entry out of the queue.
func (b *RequestBook) untilPass(obj client.Object, now time.Time) time.Duration {
	pause := b.pause
	if isRefused(obj) {
		pause *= refusedFactor
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	last, known := b.passes[obj.GetUID()]
	if known && last.After(now) {
		return last.Sub(now)
	}
	due := now
	if next := last.Add(pause); known && next.After(now) {
		due = next
	}
	b.passes[obj.GetUID()] = due
	return due.Sub(now)
}

// noteWish notes when the spec of an object that manages nothing yet was first seen.
func (b *RequestBook) noteWish(obj client.Object) {
	if o, ok := obj.(kinds.PolicyObject); !ok || ManagedKey(o) != "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wishes[obj.GetUID()] = time.Now()
}

// WishedSince is since when the present spec of an object that manages nothing yet is known. What was read before says
// nothing about what may be adopted for it.
func (b *RequestBook) WishedSince(obj client.Object) time.Time {
	if b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if since, known := b.wishes[obj.GetUID()]; known {
			return since
		}
	}
	return time.Now()
}

// Adopted forgets the wish of an object that now manages what it names.
func (b *RequestBook) Adopted(obj client.Object) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.wishes, obj.GetUID())
}

func (b *RequestBook) forgetTimes(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.passes, uid)
	delete(b.wishes, uid)
}

// Unanswered reports whether a pass may have read nothing because its connection could not be used, or because it
// failed in another way and is repeated.
func (o Outcome) Unanswered() bool {
	return o.State == StateReconciling && (o.Err != nil ||
		o.Reason == pamv1alpha1.ReasonConnectionNotReady || o.Reason == pamv1alpha1.ReasonUnreachable)
}

// emitHandled emits an Event if the status cannot show a request as it was written: a client that waits for the
// same value would wait for ever.
func (w StatusWriter) emitHandled(before, obj Object) {
	shown := *obj.GetStatus().HandledRequest()
	if shown == *before.GetStatus().HandledRequest() || shown == "" ||
		shown == obj.GetAnnotations()[pamv1alpha1.AnnotationReconcileRequestedAt] {
		return
	}
	w.Event(obj, corev1.EventTypeWarning, pamv1alpha1.ReasonInvalidSpec, fmt.Sprintf(
		"the request in the annotation %s was handled, but status.handledReconcileRequest cannot show its value as it is: "+
			"use at most %d bytes of printable text without double spaces, such as the time",
		pamv1alpha1.AnnotationReconcileRequestedAt, MaxHandledRequest))
}

// maxSuspendReason bounds what a message shows of a reason, in bytes.
const maxSuspendReason = 256

// SuspendReason is why an object or a connection is suspended, in parentheses behind a blank; empty if nobody says.
func SuspendReason(obj client.Object) string {
	why := rest.Shorten(obj.GetAnnotations()[pamv1alpha1.AnnotationSuspendReason], maxSuspendReason)
	if why == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", why)
}
