// SPDX-License-Identifier: Apache-2.0

package lane

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/panics"
)

// run runs the pass and reports the result to the queue, as a controller's worker does.
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

// reconcile runs the pass. A panic becomes an error, with the stack in the log.
func (p *pass) reconcile(ctx context.Context) (result reconcile.Result, err error) {
	defer func() {
		if stack := panics.StackOf(err); stack != nil {
			logf.FromContext(ctx).Info("a reconcile panicked: this is a bug in the operator, please report it",
				"cause", err.Error(), "stack", string(stack))
		}
	}()
	defer panics.Catch(&err)
	return p.lanes.inner.Reconcile(ctx, p.request)
}

// queue is a controller's queue in which an object is done when its pass is, not when the worker has handed it over.
type queue struct {
	priorityqueue.PriorityQueue[reconcile.Request]

	lanes *Lanes
}

// Done is called by the worker after it has handed an object over, which is too early.
func (q *queue) Done(reconcile.Request) {}

// Forget is called by the worker after it has handed an object over, when the failures that delay its retries still
// count.
func (q *queue) Forget(reconcile.Request) {}

// Add is called when an object has changed.
func (q *queue) Add(request reconcile.Request) {
	q.PriorityQueue.Add(request)
	q.lanes.promote(request)
}

// AddWithOpts is called when objects have changed or should be reconciled later.
func (q *queue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	q.PriorityQueue.AddWithOpts(o, requests...)
	if o.After <= 0 && !o.RateLimited {
		q.lanes.promote(requests...)
	}
}
