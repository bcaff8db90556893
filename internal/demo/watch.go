// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/pam-operator/pam-operator/internal/kinds"
)

// watch reports every object of our kinds, now and whenever it changes, until ctx ends.
func watch(ctx context.Context, config *rest.Config) (<-chan observation, error) {
	informers, err := cache.New(config, cache.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make a watch: %w", err)
	}
	reporter := reporter{updates: make(chan observation), end: ctx.Done()}
	for _, kind := range kinds.All() {
		informer, err := informers.GetInformer(ctx, kind.New(), cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", kind.Name, err)
		}
		if _, err := informer.AddEventHandler(reporter); err != nil {
			return nil, fmt.Errorf("watch %s: %w", kind.Name, err)
		}
	}
	go func() { _ = informers.Start(ctx) }() // ends with ctx, and has no other error
	return reporter.updates, nil
}

// reporter turns the events of informers into observations.
type reporter struct {
	updates chan observation
	end     <-chan struct{}
}

func (r reporter) OnAdd(o any, _ bool) { r.report(o, false) }
func (r reporter) OnUpdate(_, o any)   { r.report(o, false) }

func (r reporter) OnDelete(o any) {
	if missed, isTombstone := o.(toolscache.DeletedFinalStateUnknown); isTombstone {
		o = missed.Obj
	}
	r.report(o, true)
}

func (r reporter) report(value any, gone bool) {
	o, isOurs := value.(kinds.Object)
	if !isOurs {
		return
	}
	seen := observe(kindOf(o), o)
	seen.gone = gone
	select {
	case r.updates <- seen:
	case <-r.end:
	}
}
