// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watch passes all objects of a kind in the namespace of the objects to a handler, until the scenario ends.
func (d *bed) watch(ctx context.Context, kind client.Object, handler toolscache.ResourceEventHandler) error {
	watching, stop := context.WithCancel(ctx)
	c, err := cache.New(d.plane.Config, cache.Options{
		Scheme: scheme, DefaultNamespaces: map[string]cache.Config{namespace: {}},
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
	informer, err := c.GetInformer(watching, kind)
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(handler)
	return err
}

// until waits until n are counted, and reports progress. It counts again whenever something has changed.
func (d *bed) until(ctx context.Context, what string, n int, changed <-chan struct{}, count func() int) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	reported := count()
	for {
		have := count()
		if have >= n {
			d.say("%d %s", have, what)
			return nil
		}
		if have-reported >= max(1, n/5) {
			reported = have
			d.say("%d of %d %s", have, n, what)
		}
		select {
		case <-changed:
		case <-d.manager.process.Done():
			return d.manager.process.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%d of %d %s: %w", have, n, what, context.Cause(ctx))
		}
	}
}
