// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// countPause is the minimum interval between two writes of the number of live sessions while it changes.
const countPause = 3 * time.Second

// secretOverhead is how long the Secret of a session may take beyond the polling interval.
const secretOverhead = 500 * time.Millisecond

func measureSessions(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newSessionBed(ctx)
	if err != nil {
		return nil, err
	}
	var rows []row
	used := sessionUse{}
	for _, measure := range []func(context.Context, *sessionUse) ([]row, error){
		d.spreadRows, d.idleSessionRows, d.burstRows, d.endRows, d.scriptRows,
	} {
		more, err := measure(ctx, &used)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// sessionUse is what both sides are compared by.
type sessionUse struct {
	callsEach   float64 // until a session's connection data was available
	idleMinutes float64 // calls per session and minute
}

// spreadRows request the sessions one after the other, while the server starts the earlier ones.
func (d *sessionBed) spreadRows(ctx context.Context, use *sessionUse) ([]row, error) {
	t, err := d.tap()
	if err != nil {
		return nil, err
	}
	d.say("requesting %d sessions, %d a second", d.sessions, d.sessionRate)
	err = atRate(ctx, d.sessions, d.sessionRate, func(ctx context.Context, i int) error {
		return d.client.Create(ctx, session(spreadPrefix, i))
	})
	if err != nil {
		return nil, err
	}
	if err := d.allUsable(ctx, spreadPrefix, d.sessions); err != nil {
		return nil, err
	}
	took := time.Since(t.begun)
	used, err := t.counted()
	if err != nil {
		return nil, err
	}
	sessions := d.sessionsOf(spreadPrefix)
	if d.oursWaits, err = d.secrets.waits(sessions); err != nil {
		return nil, err
	}
	use.callsEach = float64(len(used.calls)) / float64(d.sessions)
	rounds := took.Seconds() / d.starting.Seconds()
	return []row{
		atMost(d.bench, limit[time.Duration]{
			what: fmt.Sprintf("%d a second: from Active on the server to the Secret, p99 (poll %s + %s)",
				d.sessionRate, d.starting, secretOverhead),
			measured: quantile(d.oursWaits, 0.99), most: d.starting + secretOverhead, show: seconds,
			detail: spread(d.oursWaits),
		}),
		atMost(d.bench, limit[int]{
			what:     fmt.Sprintf("sessions created by the server for %d objects", d.sessions),
			measured: len(sessions), most: d.sessions, show: number,
		}),
		d.unbudgeted("while they start: list calls per "+d.starting.String()+" and page, maximum", "%.2f",
			float64(pages(used.calls).most())/rounds),
		d.unbudgeted("while they start: server calls", "%s", tallyBy(used.calls, serverKindOf)),
		used.written(d.bench, "while they start: API server writes"),
		atMost(d.bench, limit[int]{
			what:     fmt.Sprintf("while they start: writes of the connection's status, one per %s", countPause),
			measured: used.work["patch npsconnections/status"], most: int(took/countPause) + 2, show: number,
		}),
	}, nil
}

// allUsable waits until n objects have their Secrets.
func (d *sessionBed) allUsable(ctx context.Context, prefix string, n int) error {
	return d.until(ctx, prefix+"sessions have a Secret", n, d.secrets.changed,
		func() int { return d.secrets.created(prefix) })
}

// spread describes a distribution of times.
func spread(times []time.Duration) string {
	return fmt.Sprintf("p50 %s, max %s", seconds(quantile(times, 0.5)), seconds(quantile(times, 1)))
}

// idleSessionRows watch the manager while no session changes. The window begins after a round, so that it holds no more
// rounds than intervals.
func (d *sessionBed) idleSessionRows(ctx context.Context, use *sessionUse) ([]row, error) {
	d.say("waiting until the manager is idle")
	if err := d.settledController(ctx, sessionController, d.sessions); err != nil {
		return nil, err
	}
	if err := d.pass(ctx, 2*countPause); err != nil { // until the last of them is counted
		return nil, err
	}
	if err := d.afterRound(ctx); err != nil {
		return nil, err
	}
	t, err := d.tap()
	if err != nil {
		return nil, err
	}
	d.say("all are active; watching for %d intervals of %s", d.intervals, d.active)
	window := time.Duration(d.intervals) * d.active
	if err := d.pass(ctx, window); err != nil {
		return nil, err
	}
	used, err := t.counted()
	if err != nil {
		return nil, err
	}
	now, err := d.manager.memory()
	use.idleMinutes = float64(len(used.calls)) / float64(d.sessions) / window.Minutes()
	read := pages(used.calls)
	return []row{
		atMost(d.bench, limit[float64]{
			what:     fmt.Sprintf("%d live sessions: list calls per %s and page, maximum", d.sessions, d.active),
			measured: float64(read.most()) / float64(d.intervals), most: 1,
			show:   func(x float64) string { return fmt.Sprintf("%.2f", x) },
			detail: fmt.Sprintf("%d pages in %d intervals: %s", len(read), d.intervals, tallyBy(used.calls, serverKindOf)),
		}),
		d.noWrites("live and idle: API server writes", used),
		d.unbudgeted("live and idle: memory resident (VmRSS)", "%s (%s peak, VmHWM)",
			mebibytes(now.resident), mebibytes(now.peak)),
	}, err
}

// burstRows let more sessions become active at the same moment.
func (d *sessionBed) burstRows(ctx context.Context, _ *sessionUse) ([]row, error) {
	d.say("%d more sessions, which become active at once", d.burst)
	d.server.held.Store(true)
	defer d.server.held.Store(false)
	if err := d.createAll(ctx, d.burst, func(i int) client.Object { return session(burstPrefix, i) }); err != nil {
		return nil, err
	}
	if err := d.requested(ctx, burstPrefix, d.burst); err != nil {
		return nil, err
	}
	for _, s := range d.sessionsOf(burstPrefix) {
		if err := d.server.SetStatus(s.ID, nps.Active); err != nil {
			return nil, err
		}
	}
	if err := d.allUsable(ctx, burstPrefix, d.burst); err != nil {
		return nil, err
	}
	waits, err := d.secrets.waits(d.sessionsOf(burstPrefix))
	return []row{d.unbudgeted(
		fmt.Sprintf("%d at once, %d requests per second: from Active on the server to the Secret, p99", d.burst, d.requests),
		"%s (%s)", seconds(quantile(waits, 0.99)), spread(waits))}, err
}

// endRows end some sessions on the server, one after the other.
func (d *sessionBed) endRows(ctx context.Context, _ *sessionUse) ([]row, error) {
	d.say("ending %d sessions on the server, %d a second", d.burst, d.sessionRate)
	sessions := d.sessionsOf(burstPrefix)
	ends := map[string]time.Time{}
	for _, s := range sessions {
		if err := d.pass(ctx, time.Second/time.Duration(d.sessionRate)); err != nil {
			return nil, err
		}
		ends[objectOf(s)] = time.Now()
		if err := d.server.End(s.ID); err != nil {
			return nil, err
		}
	}
	err := d.until(ctx, "of their Secrets are gone", len(sessions), d.secrets.changed,
		func() int { return d.secrets.deleted(burstPrefix) })
	if err != nil {
		return nil, err
	}
	waits := d.secrets.removals(ends)
	return []row{d.unbudgeted(
		fmt.Sprintf("%d a second: from the end on the server to the Secret gone, p99 (poll %s)", d.sessionRate, d.active),
		"%s (%s)", seconds(quantile(waits, 0.99)), spread(waits))}, nil
}
