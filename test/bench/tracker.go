// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// States besides the reasons of Ready.
const (
	stateNew   = "" // no condition, or one of an earlier generation
	stateThere = "there"
)

// key identifies an object.
type key struct{ kind, namespace, name string }

func keyOf(o client.Object) key { return key{fmt.Sprintf("%T", o), o.GetNamespace(), o.GetName()} }

// tracker knows from a watch what state each object is in, and since when it first was.
type tracker struct {
	mu    sync.Mutex
	state map[key]string
	first map[key]map[string]time.Time
}

func newTracker() *tracker {
	return &tracker{state: map[key]string{}, first: map[key]map[string]time.Time{}}
}

// watch tracks our objects and the Secrets of sessions, in all namespaces, until the scenario ends.
func (d *bed) watch(ctx context.Context) error {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	secret := fields.OneTermEqualSelector("type", string(pamv1alpha1.SecretTypeConnection))
	c, err := cache.New(d.plane.Config, cache.Options{
		Scheme: scheme, ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {Field: secret}},
	})
	if err != nil {
		stop()
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Start(watching) // ends with watching, its only error
	}()
	d.atEnd(func() error { stop(); <-ended; return nil })
	handler := toolscache.ResourceEventHandlerFuncs{
		AddFunc: d.seen.note, UpdateFunc: func(_, now any) { d.seen.note(now) },
	}
	for _, kind := range []client.Object{
		&pamv1alpha1.SPSConnection{}, &pamv1alpha1.NPSConnection{}, &pamv1alpha1.RDPConnectionPolicy{},
		&pamv1alpha1.ActivitySession{}, &corev1.Secret{},
	} {
		informer, err := c.GetInformer(watching, kind)
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	return nil
}

func (t *tracker) note(object any) {
	o, ok := object.(client.Object)
	if !ok {
		return
	}
	k, state := keyOf(o), stateOf(o)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state[k] = state
	if t.first[k] == nil {
		t.first[k] = map[string]time.Time{}
	}
	if _, known := t.first[k][state]; !known {
		t.first[k][state] = time.Now()
	}
}

// stateOf is the reason of Ready for the present generation.
func stateOf(object client.Object) string {
	o, ok := object.(interface {
		GetStatus() pamv1alpha1.ObjectStatus
	})
	if !ok {
		return stateThere
	}
	c := meta.FindStatusCondition(*o.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
	if c == nil || c.ObservedGeneration != object.GetGeneration() {
		return stateNew
	}
	return c.Reason
}

// at returns when an object first was in a state.
func (t *tracker) at(k key, state string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.first[k][state]
	return at, ok
}

// count returns how many objects, whose names begin like that of like, are in a state, and when the last came to it.
func (t *tracker) count(like key, state string) (n int, last time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, now := range t.state {
		if now != state || k.kind != like.kind || k.namespace != like.namespace || !strings.HasPrefix(k.name, like.name) {
			continue
		}
		n++
		if at := t.first[k][state]; at.After(last) {
			last = at
		}
	}
	return n, last
}

// until waits for a condition on what was seen.
func (d *bed) until(ctx context.Context, what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-d.manager.process.Done():
			return d.manager.process.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
	return nil
}

// await waits until an object has been in a state, and returns when that was.
func (d *bed) await(ctx context.Context, o client.Object, state string) (at time.Time, err error) {
	k := keyOf(o)
	err = d.until(ctx, k.name+" "+state, func() (ok bool) { at, ok = d.seen.at(k, state); return ok })
	return at, err
}

// awaitVerdict waits until an object has had any reason.
func (d *bed) awaitVerdict(ctx context.Context, o client.Object) error {
	k := keyOf(o)
	if _, ok := o.(interface {
		GetStatus() pamv1alpha1.ObjectStatus
	}); !ok {
		return nil
	}
	return d.until(ctx, k.name+" judged", func() bool {
		d.seen.mu.Lock()
		defer d.seen.mu.Unlock()
		state, ok := d.seen.state[k]
		return ok && state != stateNew
	})
}

// awaitAll waits until n objects, whose names begin like that of like, are in a state, and returns when that was.
func (d *bed) awaitAll(ctx context.Context, n int, like client.Object, state string) (last time.Time, err error) {
	reported := time.Now()
	err = d.until(ctx, fmt.Sprintf("%d of %s %s", n, like.GetName(), state), func() bool {
		var have int
		have, last = d.seen.count(keyOf(like), state)
		if time.Since(reported) > 10*time.Second {
			reported = time.Now()
			d.say("%d of %d are %s", have, n, state)
		}
		return have >= n
	})
	return last, err
}
