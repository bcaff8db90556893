// SPDX-License-Identifier: Apache-2.0

// Package lane keeps the objects of one connection from waiting behind those of another one.
//
// A controller has a fixed number of workers. If a worker waits for an appliance, a thousand objects of one appliance
// that hangs occupy them all, and nobody else's objects are looked at. So the workers of a controller do nothing but
// hand each object to the lane of its connection. A lane runs a bounded number of passes at a time, in goroutines that
// exist only while they run, and its further objects wait in a list, which costs next to nothing. What is urgent
// overtakes the rest of its lane and has places of its own.
//
// Lanes is the reconciler that a controller is given, and it makes the queue of that controller: an object counts as
// being worked on until its pass is over, so the queue keeps two passes over one object apart as it always does.
package lane

import (
	"container/list"
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Place says where an object waits for its pass.
type Place struct {
	// Lane is the lane's name, such as that of a connection.
	Lane string
	// Urgent lets the object overtake the others of its lane, and use the places that are reserved.
	Urgent bool
	// Crowd makes the object one of those that share Options.Crowd places over all lanes.
	Crowd bool
}

// Options bound the lanes of one controller.
type Options struct {
	// Name is the controller's, for metrics.
	Name string
	// Place says where an object waits. It must not block.
	Place func(ctx context.Context, request reconcile.Request) Place
	// Running is how many passes of a lane run at the same time; those that stand aside do not count.
	Running int
	// Reserved is how many urgent ones may run beside them.
	Reserved int
	// Aside is how many passes of a lane may stand aside at the same time; see Aside.
	Aside int
	// Crowd is how many passes of objects of the crowd run at the same time, over all lanes; 0 does not bound them.
	Crowd int
}

// Lanes hands objects to lanes. It is safe for concurrent use.
type Lanes struct {
	inner   reconcile.Reconciler
	options Options

	mu      sync.Mutex
	queue   priorityqueue.PriorityQueue[reconcile.Request]
	lanes   map[string]*lane
	waiting map[reconcile.Request]*pass
	crowd   int
	// crowded are the lanes whose next pass waits for a place of the crowd, in the order in which they came.
	crowded *list.List
	stopped bool
	passes  sync.WaitGroup
}

// lane is what waits and runs for one name.
type lane struct {
	name           string
	urgent, normal *list.List // of *pass
	running, aside int
	crowded        bool
}

// pass is one object on its way through a lane.
type pass struct {
	lanes   *Lanes
	lane    *lane
	request reconcile.Request
	// ctx is that of the worker that handed the object over; it lives as long as the controller.
	ctx   context.Context
	place Place
	// element is the pass in a list of its lane; nil when it has begun.
	element *list.Element
	aside   bool
}

// New returns lanes for the passes of inner.
func New(inner reconcile.Reconciler, options Options) *Lanes {
	return &Lanes{
		inner: inner, options: options, lanes: map[string]*lane{}, waiting: map[reconcile.Request]*pass{},
		crowded: list.New(),
	}
}

// Reconcile hands an object to its lane, and returns at once. What the pass comes to goes to the queue that Queue made.
func (l *Lanes) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	place := l.options.Place(ctx, request)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return reconcile.Result{}, nil
	}
	at, ok := l.lanes[place.Lane]
	if !ok {
		at = &lane{name: place.Lane, urgent: list.New(), normal: list.New()}
		l.lanes[place.Lane] = at
	}
	p := &pass{lanes: l, lane: at, request: request, ctx: ctx, place: place}
	p.wait()
	l.waiting[request] = p
	l.moved("", stateWaiting)
	l.begin(at)
	return reconcile.Result{}, nil
}

// Start blocks until the context ends, and then until the passes that run are over: their contexts have ended, too. It
// makes Lanes a runnable of a manager.
func (l *Lanes) Start(ctx context.Context) error {
	<-ctx.Done()
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.passes.Wait()
	return nil
}

// NeedLeaderElection says that nothing runs on a manager that does not lead.
func (l *Lanes) NeedLeaderElection() bool { return true }

// wait puts the pass into the list in which it waits. The caller holds the mutex.
func (p *pass) wait() {
	waiting := p.lane.normal
	if p.place.Urgent {
		waiting = p.lane.urgent
	}
	p.element = waiting.PushBack(p)
}

// begin begins as many passes of a lane as there is room for. The caller holds the mutex.
func (l *Lanes) begin(at *lane) {
	for p := l.next(at); p != nil; p = l.next(at) {
		delete(l.waiting, p.request)
		p.element = nil
		at.running++
		l.moved(stateWaiting, stateRunning)
		if p.place.Crowd {
			l.crowd++
		}
		l.passes.Go(p.run)
	}
	if at.running == 0 && at.aside == 0 && at.urgent.Len() == 0 && at.normal.Len() == 0 {
		delete(l.lanes, at.name)
	}
}

// next takes the pass that may begin now out of its list; nil if there is none.
func (l *Lanes) next(at *lane) *pass {
	if l.stopped {
		return nil
	}
	if at.running < l.options.Running+l.options.Reserved {
		if p := l.take(at, at.urgent); p != nil {
			return p
		}
	}
	if at.running < l.options.Running {
		return l.take(at, at.normal)
	}
	return nil
}

func (l *Lanes) take(at *lane, waiting *list.List) *pass {
	first := waiting.Front()
	if first == nil {
		return nil
	}
	p, _ := first.Value.(*pass)
	if p.place.Crowd && l.options.Crowd > 0 && l.crowd >= l.options.Crowd {
		if !at.crowded {
			at.crowded = true
			l.crowded.PushBack(at)
		}
		return nil
	}
	waiting.Remove(first)
	return p
}

// end frees the place of a pass that is over.
func (l *Lanes) end(p *pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.aside {
		p.lane.aside--
		l.moved(stateAside, "")
	} else {
		l.leave(p)
		l.moved(stateRunning, "")
	}
	l.begin(p.lane)
}

// leave frees the place that a pass runs in. The caller holds the mutex, and begins what the place is for.
func (l *Lanes) leave(p *pass) {
	p.lane.running--
	if !p.place.Crowd {
		return
	}
	l.crowd--
	if first := l.crowded.Front(); first != nil {
		l.crowded.Remove(first)
		at, _ := first.Value.(*lane)
		at.crowded = false
		l.begin(at)
	}
}

// promote looks again at where an object waits that has changed: it may have become urgent.
func (l *Lanes) promote(requests ...reconcile.Request) {
	for _, request := range requests {
		l.mu.Lock()
		p := l.waiting[request]
		l.mu.Unlock()
		if p == nil || p.place.Urgent || !l.options.Place(p.ctx, request).Urgent {
			continue
		}
		l.mu.Lock()
		if p.element != nil && !p.place.Urgent {
			p.lane.normal.Remove(p.element)
			p.place.Urgent = true
			p.wait()
			l.begin(p.lane)
		}
		l.mu.Unlock()
	}
}

type passKey struct{}

// Aside does what may take long because of others, such as waiting for a commit that is shared, while the other objects
// of the lane go on. From then on the pass does not count as running. Where too many stand aside already, or ctx is not
// that of a pass, it just does it.
func Aside(ctx context.Context, do func() error) error {
	if p, ok := ctx.Value(passKey{}).(*pass); ok {
		p.lanes.standAside(p)
	}
	return do()
}

func (l *Lanes) standAside(p *pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.aside || p.lane.aside >= l.options.Aside {
		return
	}
	p.aside = true
	p.lane.aside++
	l.moved(stateRunning, stateAside)
	l.leave(p)
	l.begin(p.lane)
}

// Queue makes the queue of the controller that was given the lanes; it is what the controller's option NewQueue wants.
func (l *Lanes) Queue(
	name string, limiter workqueue.TypedRateLimiter[reconcile.Request],
) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	inner := priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = inner
	return &queue{PriorityQueue: inner, lanes: l}
}
