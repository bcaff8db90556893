// SPDX-License-Identifier: Apache-2.0

// Package lane keeps the objects of one connection from waiting behind those of another.
//
// A controller has a fixed number of workers. If workers waited for appliances, a thousand objects of one hanging
// appliance would occupy them all and starve the objects of every other appliance. So the workers only hand each object
// to the lane of its connection. A lane runs a limited number of passes at a time, in goroutines that exist only while
// they run; its other objects wait in a queue, which costs next to nothing. Urgent objects overtake the rest of their
// lane and have reserved capacity. Namespaces take turns: whoever shares a connection with others waits for one pass of
// each of them, however many objects they have.
//
// Lanes is the reconciler given to a controller, and creates that controller's queue: an object counts as in progress
// until its pass ends, so the queue keeps two passes over one object apart as usual.
package lane

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/fair"
)

// Place is where an object waits for its pass.
type Place struct {
	// Lane is the lane's name, such as that of a connection.
	Lane string
	// Urgent lets the object overtake the rest of its lane and use the reserved capacity.
	Urgent bool
	// Crowd makes the object share Options.Crowd across all lanes.
	Crowd bool
}

// Options limit the lanes of one controller.
type Options struct {
	// Name is the controller's.
	Name string
	// Place returns where an object waits. It must not block.
	Place func(ctx context.Context, request reconcile.Request) Place
	// Running is how many passes of a lane run at the same time, those that stand aside not counted.
	Running int
	// Reserved is how many urgent passes may run in addition.
	Reserved int
	// Aside is how many passes of a lane may stand aside at the same time; see Aside.
	Aside int
	// Crowd is how many passes with Place.Crowd run at the same time across all lanes; 0 means no limit.
	Crowd int
	// Moved is told when a pass changes its state, and Over when it is finished and how long it took; an empty state means
	// none. Both must return quickly; nil is told nothing.
	Moved func(from, to State)
	Over  func(took time.Duration, err error)
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
	// crowded holds the lanes whose next pass waits for capacity of the crowd.
	crowded fair.Queue[*lane]
	stopped bool
	passes  sync.WaitGroup
}

// lane holds the waiting and running passes of one name.
type lane struct {
	name           string
	urgent, normal fair.Queue[*pass]
	running, aside int
	crowded        bool
}

// pass is one object on its way through a lane.
type pass struct {
	lanes   *Lanes
	lane    *lane
	request reconcile.Request
	// ctx is the context of the worker that handed the object over; it lives as long as the controller.
	ctx   context.Context
	place Place
	// waits says that the pass is in a queue of its lane.
	waits bool
	aside bool
}

// New returns lanes that run the passes of inner.
func New(inner reconcile.Reconciler, options Options) *Lanes {
	return &Lanes{
		inner: inner, options: options, lanes: map[string]*lane{}, waiting: map[reconcile.Request]*pass{},
	}
}

// Reconcile hands an object to its lane and returns at once. The result of the pass goes to the queue that Queue
// created.
func (l *Lanes) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	place := l.options.Place(ctx, request)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return reconcile.Result{}, nil
	}
	at, ok := l.lanes[place.Lane]
	if !ok {
		at = &lane{name: place.Lane}
		l.lanes[place.Lane] = at
	}
	p := &pass{lanes: l, lane: at, request: request, ctx: ctx, place: place}
	p.wait()
	l.waiting[request] = p
	l.moved("", Waiting)
	l.begin(at)
	return reconcile.Result{}, nil
}

// Start blocks until the context ends and the running passes, whose contexts end too, have returned. It makes Lanes a
// runnable of a manager.
func (l *Lanes) Start(ctx context.Context) error {
	<-ctx.Done()
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.passes.Wait()
	return nil
}

// NeedLeaderElection keeps lanes from running on a manager that does not lead.
func (l *Lanes) NeedLeaderElection() bool { return true }

// wait puts the pass into its queue. The caller holds the mutex.
func (p *pass) wait() {
	waiting := &p.lane.normal
	if p.place.Urgent {
		waiting = &p.lane.urgent
	}
	waiting.Push(p.request.Namespace, p)
	p.waits = true
}

// begin starts as many passes of a lane as there is capacity for. The caller holds the mutex.
func (l *Lanes) begin(at *lane) {
	for p := l.next(at); p != nil; p = l.next(at) {
		delete(l.waiting, p.request)
		p.waits = false
		at.running++
		l.moved(Waiting, Running)
		if p.place.Crowd {
			l.crowd++
		}
		l.passes.Go(p.run)
	}
	if at.running == 0 && at.aside == 0 && at.urgent.Empty() && at.normal.Empty() {
		delete(l.lanes, at.name)
	}
}

// next removes the pass that may begin now from its queue; nil if there is none.
func (l *Lanes) next(at *lane) *pass {
	if l.stopped {
		return nil
	}
	if at.running < l.options.Running+l.options.Reserved {
		if p := l.take(at, &at.urgent); p != nil {
			return p
		}
	}
	if at.running < l.options.Running {
		return l.take(at, &at.normal)
	}
	return nil
}

func (l *Lanes) take(at *lane, waiting *fair.Queue[*pass]) *pass {
	p, ok := waiting.First()
	if !ok {
		return nil
	}
	if p.place.Crowd && l.options.Crowd > 0 && l.crowd >= l.options.Crowd {
		if !at.crowded {
			at.crowded = true
			l.crowded.Push(p.request.Namespace, at)
		}
		return nil
	}
	waiting.Pop()
	return p
}

// end releases the capacity of a finished pass.
func (l *Lanes) end(p *pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.aside {
		p.lane.aside--
		l.moved(StandingAside, "")
	} else {
		l.leave(p)
		l.moved(Running, "")
	}
	l.begin(p.lane)
}

// leave releases the capacity that a pass uses. The caller holds the mutex, and starts the passes that fit in now.
func (l *Lanes) leave(p *pass) {
	p.lane.running--
	if !p.place.Crowd {
		return
	}
	l.crowd--
	if at, ok := l.crowded.Pop(); ok {
		at.crowded = false
		l.begin(at)
	}
}

// promote places a changed object anew: it may have become urgent.
func (l *Lanes) promote(requests ...reconcile.Request) {
	for _, request := range requests {
		l.mu.Lock()
		p := l.waiting[request]
		l.mu.Unlock()
		if p == nil || p.place.Urgent || !l.options.Place(p.ctx, request).Urgent {
			continue
		}
		l.mu.Lock()
		if p.waits && !p.place.Urgent {
			p.lane.normal.Remove(p.request.Namespace, p)
			p.place.Urgent = true
			p.wait()
			l.begin(p.lane)
		}
		l.mu.Unlock()
	}
}

type passKey struct{}

// Aside runs do, which may take long for reasons outside the lane, such as waiting for a shared commit, while the rest
// of the lane goes on. Meanwhile the pass does not count as running. If too many passes already stand aside, or ctx
// does not belong to a pass, Aside just runs do.
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
	l.moved(Running, StandingAside)
	l.leave(p)
	l.begin(p.lane)
}

// Queue creates the queue of the controller that uses the lanes; it is the function for the controller's option
// NewQueue.
func (l *Lanes) Queue(
	name string, limiter workqueue.TypedRateLimiter[reconcile.Request],
) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	inner := priorityqueue.New(name, func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = inner
	return &queue{PriorityQueue: inner, lanes: l}
}
