// SPDX-License-Identifier: Apache-2.0

package lane_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/lane"
)

// bed runs lanes as a controller does. An object named "a/x" belongs to lane a; its pass waits for a signal to end.
type bed struct {
	lanes *lane.Lanes
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]

	mu      sync.Mutex
	urgent  map[string]bool
	running []string
	most    map[string]int
	begun   []string
	finish  map[string]chan error
	aside   map[string]bool
	// shared says that all objects belong to one lane, and their first part is only their namespace.
	shared bool
	// alone says that each object has a lane of its own.
	alone bool
}

func newBed(t *testing.T, o lane.Options) *bed {
	t.Helper()
	b := &bed{urgent: map[string]bool{}, most: map[string]int{}, finish: map[string]chan error{}, aside: map[string]bool{}}
	o.Place = func(_ context.Context, r reconcile.Request) lane.Place {
		b.mu.Lock()
		defer b.mu.Unlock()
		at := r.Namespace
		switch {
		case b.shared:
			at = "shared"
		case b.alone:
			at = name(r)
		}
		return lane.Place{Lane: at, Urgent: b.urgent[name(r)], Crowd: o.Crowd > 0}
	}
	b.lanes = lane.New(reconcile.Func(b.pass), o)
	b.queue = b.lanes.Queue("test", workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
		time.Second, time.Minute))
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		_ = b.lanes.Start(ctx)
		close(stopped)
	}()
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		for {
			r, shutdown := b.queue.Get()
			if shutdown {
				return
			}
			result, err := b.lanes.Reconcile(ctx, r)
			if err != nil || result != (reconcile.Result{}) {
				t.Error("the worker got more to do than to hand the object over", result, err)
			}
			b.queue.Forget(r)
			b.queue.Done(r)
		}
	}()
	t.Cleanup(func() {
		stop()
		b.queue.ShutDown()
		<-stopped
		<-worked
	})
	return b
}

func name(r reconcile.Request) string { return r.Namespace + "/" + r.Name }

func request(name string) reconcile.Request {
	namespace, object, _ := strings.Cut(name, "/")
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: object}}
}

func (b *bed) pass(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
	n := name(r)
	b.mu.Lock()
	b.running, b.begun = append(b.running, n), append(b.begun, n)
	count := 0
	for _, other := range b.running {
		if strings.HasPrefix(other, r.Namespace+"/") {
			count++
		}
	}
	b.most[r.Namespace] = max(b.most[r.Namespace], count)
	finish, ok := b.finish[n]
	if !ok {
		finish = make(chan error, 100)
		b.finish[n] = finish
	}
	aside := b.aside[n]
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		i := slices.Index(b.running, n)
		b.running = slices.Delete(b.running, i, i+1)
	}()
	wait := func() error {
		select {
		case err := <-finish:
			if err != nil && err.Error() == "panic" {
				panic("a value that must not be shown")
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if aside {
		return reconcile.Result{}, lane.Aside(ctx, wait)
	}
	return reconcile.Result{}, wait()
}

func (b *bed) add(names ...string) {
	for _, n := range names {
		b.queue.Add(request(n))
		synctest.Wait()
	}
}

func (b *bed) end(t *testing.T, name string, err error) {
	t.Helper()
	b.mu.Lock()
	finish := b.finish[name]
	b.mu.Unlock()
	if finish == nil {
		t.Fatal(name + " has not begun")
	}
	finish <- err
	synctest.Wait()
}

// now returns the running passes, sorted.
func (b *bed) now() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(b.running)), " ")
}

func (b *bed) want(t *testing.T, running string) {
	t.Helper()
	if got := b.now(); got != running {
		t.Errorf("running are %q, want %q", got, running)
	}
}

func (b *bed) setUrgent(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.urgent[name] = true
}

func TestALaneThatHangsKeepsNobodyElseWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 2})
		b.add("a/1", "a/2", "a/3", "a/4", "b/1")
		b.want(t, "a/1 a/2 b/1")
		b.end(t, "b/1", nil)
		b.add("b/2", "b/3", "b/4")
		b.want(t, "a/1 a/2 b/2 b/3")
		b.end(t, "a/1", nil)
		b.want(t, "a/2 a/3 b/2 b/3")
	})
}

func TestWhatIsUrgentOvertakesItsLaneAndHasPlacesOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1, Reserved: 1})
		b.setUrgent("a/9")
		b.setUrgent("a/8")
		b.add("a/1", "a/2", "a/9", "a/8")
		b.want(t, "a/1 a/9")
		b.end(t, "a/1", nil)
		b.want(t, "a/8 a/9")
	})
}

func TestNamespacesTakeTurnsInALane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 2})
		b.shared = true
		b.add("a/1", "a/2", "a/3", "a/4", "a/5", "b/1", "b/2")
		b.want(t, "a/1 a/2")
		b.end(t, "a/1", nil)
		b.end(t, "a/2", nil)
		b.want(t, "a/3 b/1")
		b.end(t, "b/1", nil)
		b.end(t, "a/3", nil)
		b.want(t, "a/4 b/2")
	})
}

func TestWhatIsUrgentWaitsForOnePassOfAnotherNamespaceThatIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1, Reserved: 1})
		b.shared = true
		for _, n := range []string{"a/2", "a/3", "a/4", "a/5", "b/1"} {
			b.setUrgent(n)
		}
		b.add("a/1", "a/2", "a/3", "a/4", "a/5", "b/1")
		b.want(t, "a/1 a/2")
		b.end(t, "a/2", nil)
		b.end(t, "a/3", nil)
		b.want(t, "a/1 b/1")
	})
}

func TestACrowdOfOneNamespaceLeavesPlacesToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1, Crowd: 1})
		b.alone = true
		b.add("a/1", "a/2", "a/3", "a/4", "b/1")
		b.want(t, "a/1")
		b.end(t, "a/1", nil)
		b.end(t, "a/2", nil)
		b.want(t, "b/1")
	})
}

func TestAnObjectThatBecomesUrgentWhileItWaitsOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1, Reserved: 1})
		b.add("a/1", "a/2", "a/3")
		b.want(t, "a/1")
		b.setUrgent("a/3")
		b.add("a/3") // the event of the change
		b.want(t, "a/1 a/3")
		b.end(t, "a/3", nil)
		b.want(t, "a/1 a/3") // the change came during the wait, so the object is reconciled once more
	})
}

func TestAnObjectIsNeverInTwoPassesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 5, Reserved: 5})
		b.add("a/1", "a/1")
		b.setUrgent("a/1")
		b.add("a/1")
		b.want(t, "a/1")
		b.end(t, "a/1", nil)
		b.want(t, "a/1")
		b.end(t, "a/1", nil)
		b.want(t, "")
	})
}

func TestWhoStandsAsideGivesItsPlaceAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1, Aside: 2})
		b.aside["a/1"], b.aside["a/2"], b.aside["a/3"] = true, true, true
		b.add("a/1", "a/2", "a/3", "a/4")
		b.want(t, "a/1 a/2 a/3") // the third may not stand aside, so it counts as running
		b.end(t, "a/1", nil)
		b.want(t, "a/2 a/3")
		b.end(t, "a/3", nil)
		b.want(t, "a/2 a/4")
	})
}

func TestACrowdSharesItsPlacesOverAllLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1, Crowd: 2})
		b.add("a/1", "b/1", "c/1", "d/1", "a/2")
		b.want(t, "a/1 b/1")
		b.end(t, "b/1", nil)
		b.want(t, "a/1 c/1")
		b.end(t, "a/1", nil)
		b.want(t, "c/1 d/1")
		b.end(t, "d/1", nil)
		b.want(t, "a/2 c/1")
	})
}

func TestFailuresDelayTheNextPassEverMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1})
		b.add("a/1")
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			b.end(t, "a/1", errors.New("not yet"))
			time.Sleep(pause - time.Millisecond) //nolint:forbidigo // virtual time
			synctest.Wait()
			b.want(t, "")
			time.Sleep(2 * time.Millisecond) //nolint:forbidigo // virtual time
			synctest.Wait()
			b.want(t, "a/1")
		}
	})
}

func TestAPanicFailsItsPassAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, lane.Options{Running: 1})
		b.add("a/1", "a/2")
		b.end(t, "a/1", errors.New("panic"))
		b.want(t, "a/2")
	})
}

func TestNothingBeginsAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lanes := lane.New(reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
			<-ctx.Done()
			return reconcile.Result{}, nil
		}), lane.Options{Running: 1, Place: func(context.Context, reconcile.Request) lane.Place { return lane.Place{} }})
		queue := lanes.Queue("test", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		defer queue.ShutDown()
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			_ = lanes.Start(ctx)
			close(over)
		}()
		_, _ = lanes.Reconcile(ctx, request("a/1"))
		_, _ = lanes.Reconcile(ctx, request("a/2"))
		stop()
		<-over
		if _, err := lanes.Reconcile(ctx, request("a/3")); err != nil {
			t.Error(err)
		}
	})
}
