// SPDX-License-Identifier: Apache-2.0

package lane

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// run makes the pass and tells the queue what it came to, as a controller's worker does.
func (p *pass) run() {
	defer p.lanes.end(p)
	ctx, begun := context.WithValue(p.ctx, passKey{}, p), time.Now()
	result, err := p.reconcile(ctx)
	p.lanes.over(begun, err)
	queue := p.lanes.queue
	switch {
	case err != nil:
		logf.FromContext(ctx).Error(err, "Reconciler error")
		queue.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, p.request)
	case result.RequeueAfter > 0:
		queue.Forget(p.request)
		queue.AddWithOpts(priorityqueue.AddOpts{After: result.RequeueAfter}, p.request)
	default:
		queue.Forget(p.request)
	}
	queue.Done(p.request)
}

// reconcile makes the pass. A panic is an error of it, with the stack in the log.
func (p *pass) reconcile(ctx context.Context) (result reconcile.Result, err error) {
	defer func() {
		if value := recover(); value != nil {
			logf.FromContext(ctx).Info("a pass has panicked; this is a fault of the operator, please report it",
				"type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic with a value of type %T", value) // the value itself may hold a secret
		}
	}()
	return p.lanes.inner.Reconcile(ctx, p.request)
}

// queue is a controller's queue whose objects are done with when their passes are, and not when the worker has handed
// them over.
type queue struct {
	priorityqueue.PriorityQueue[reconcile.Request]

	lanes *Lanes
}

// Done is what the worker calls after it has handed an object over.
func (q *queue) Done(reconcile.Request) {}

// Forget is what the worker calls after it has handed an object over: the failures that delay its retries are still to
// be counted.
func (q *queue) Forget(reconcile.Request) {}

// Add is called when an object has changed.
func (q *queue) Add(request reconcile.Request) {
	q.PriorityQueue.Add(request)
	q.lanes.promote(request)
}

// AddWithOpts is called when objects have changed, or are to be looked at later.
func (q *queue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	q.PriorityQueue.AddWithOpts(o, requests...)
	if o.After <= 0 && !o.RateLimited {
		q.lanes.promote(requests...)
	}
}
