// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"
)

// restartRows stop the manager, start another one, and wait until it has reconciled every policy and made one more
// drift check.
func (d *bed) restartRows(ctx context.Context) ([]row, error) {
	d.say("restarting the manager")
	if err := d.manager.process.Stop(); err != nil {
		return nil, err
	}
	s, err := d.mark()
	if err != nil {
		return nil, err
	}
	if err := d.startManager(ctx); err != nil {
		return nil, err
	}
	if err := d.settled(ctx, d.idle); err != nil {
		return nil, err
	}
	took := time.Since(s.begun)
	d.say("settled after %s", seconds(took))
	if err := d.pass(ctx, d.interval+d.interval/2); err != nil {
		return nil, err
	}
	used, err := s.end()
	if err != nil {
		return nil, err
	}
	read := lists(used.calls)
	rows := []row{
		atMost(d.bench, limit[int]{
			what: "restart: lists of any one collection", measured: read.most(), most: 1, show: number,
			detail: read.String(),
		}),
		atMost(d.bench, limit[int]{what: "restart: transactions", measured: used.opened, most: 0, show: number}),
		d.noWrites("restart: API server writes", used.counted),
		d.unbudgeted("restart: until all are reconciled", "%s", seconds(took)),
		d.unbudgeted("restart: appliance calls", "%d: %s", len(used.calls), tallyOf(used.calls)),
	}
	return d.withMemory(rows, fmt.Sprintf("restart: memory resident, %d policies", d.idle))
}
