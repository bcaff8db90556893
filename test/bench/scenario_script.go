// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// scriptRun is the result of running the script.
type scriptRun struct {
	mu sync.Mutex
	// waits are how long active sessions went without their connection data, lives how long each took in total.
	waits, lives []time.Duration
}

// runScripts runs the script for as many sessions as there are objects, at the same rate, on a server of their own
// whose sessions take as long to start.
func (b *bench) runScripts(ctx context.Context, s *server) (*scriptRun, error) {
	transport := scriptTransport(s.pool)
	defer transport.CloseIdleConnections()
	result := &scriptRun{}
	return result, atRate(ctx, b.sessions, b.sessionRate, func(ctx context.Context, i int) error {
		run, err := newScript(transport, s.url, b.scriptInterval)
		if err != nil {
			return err
		}
		r := requestOf(i)
		id, at, err := run.run(ctx, nps.DefaultUserNoMFA, nps.DefaultPassword, r.activity, r.resource)
		if err != nil {
			return err
		}
		x, _ := s.Session(id)
		result.mu.Lock()
		defer result.mu.Unlock()
		result.waits, result.lives = append(result.waits, at.Sub(x.Started)), append(result.lives, at.Sub(x.Created))
		return nil
	})
}

// scriptRows compare with the script.
func (d *sessionBed) scriptRows(ctx context.Context, use *sessionUse) ([]row, error) {
	s, err := startServer(ctx, d.bench)
	if err != nil {
		return nil, err
	}
	d.say("the vendor's script opens %d sessions, %d a second", d.sessions, d.sessionRate)
	result, err := d.runScripts(ctx, s)
	if err != nil {
		return nil, err
	}
	d.scriptWaits = result.waits
	calls := tallyBy(s.Faults().Calls(), serverKindOf)
	minutes := 0.0
	for _, life := range result.lives {
		minutes += life.Minutes()
	}
	each, eachMinute := float64(calls.total())/float64(d.sessions), float64(calls[callGet])/minutes
	p99 := quantile(result.waits, 0.99)
	return []row{
		d.compared("the script: from Active on the server to its connection data, p99",
			fmt.Sprintf("%s (%s)", seconds(p99), spread(result.waits)),
			p99.Seconds()/quantile(d.oursWaits, 0.99).Seconds()),
		d.compared("server calls per session until its connection data is available",
			fmt.Sprintf("%.1f, the script %.1f", use.callsEach, each), each/use.callsEach),
		d.compared("server calls per session and minute",
			fmt.Sprintf("%.3f while active, the script %.2f while waiting", use.idleMinutes, eachMinute),
			eachMinute/use.idleMinutes),
	}, nil
}

// compared creates a row with the ratio between the operator and something else.
func (b *bench) compared(what, measured string, times float64) row {
	r := b.unbudgeted(what, "%s", measured)
	r.ratio = fmt.Sprintf("%.1f ×", times)
	return r
}
