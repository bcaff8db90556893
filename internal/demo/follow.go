// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// awaitReady shows each transition until all samples are ready at the same time.
func (d *demo) awaitReady(ctx context.Context) error {
	deadline := time.NewTimer(d.Timeout)
	defer deadline.Stop()
	return d.follow(ctx, deadline.C, func() bool { return len(d.board.pending()) == 0 })
}

// stay shows what to try, and then transitions until ctx ends.
func (d *demo) stay(ctx context.Context) error {
	if d.Once {
		return nil
	}
	if err := d.showGuide(ctx); err != nil {
		return err
	}
	err := d.follow(ctx, nil, func() bool { return false })
	if errors.Is(err, context.Canceled) {
		return nil // that is how it is meant to end
	}
	return err
}

// follow shows transitions until enough returns true. The end of ctx, a time-out and the end of a process are errors.
func (d *demo) follow(ctx context.Context, deadline <-chan time.Time, enough func() bool) error {
	for !enough() {
		select {
		case o := <-d.updates:
			if d.board.note(o) {
				d.showTransition(o)
			}
		case <-deadline:
			return d.late()
		case <-d.manager.Done():
			return d.manager.Failure()
		case <-d.simulator.Done():
			return d.simulator.Failure()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *demo) showTransition(o observation) {
	mark := bad
	if o.ready {
		mark = good
	}
	d.screen.timed(plain, fmt.Sprintf("  %-20s %-28s %s",
		o.kind, o.namespace+"/"+o.name, d.screen.paint(mark, o.summary())))
}

// late lists what is not ready in time.
func (d *demo) late() error {
	var text strings.Builder
	for _, o := range d.board.pending() {
		fmt.Fprintf(&text, "\n  %s %s/%s: %s: %s", o.kind, o.namespace, o.name, o.reason, rest.Shorten(o.message, 1000))
	}
	return fmt.Errorf("not ready after %s:%s", d.Timeout, text.String())
}
