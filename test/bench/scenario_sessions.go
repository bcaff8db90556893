// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	sessionRate  = 10 // requested per second
	aloneTakes   = 20
	pollStarting = 2 * time.Second
	pollActive   = 15 * time.Second
	// slowestStart is how long the server takes at most to start a session; the least is a fifth of it.
	slowestStart = 25 * time.Second
	// countPause is the least interval between two counts of live sessions in the connection's status.
	countPause = 3 * time.Second
	// crowding is how much longer a session may wait for its Secret among many.
	crowding = 1.5

	sessionController = "activitysession"
)

type sessionBed struct {
	*bed
	server     *nps.Server
	connection client.Object
}

func measureSessions(ctx context.Context, b *bench) ([]row, error) {
	s, n := nps.New(nps.Options{}), b.of(1000)
	created := atomic.Int64{}
	s.Faults().OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == strings.TrimSuffix(listPath, "/MySummaryByStatus/") {
			delay := startDelay(int(created.Add(1)))
			s.SetSwitches(func(w *nps.Switches) { w.ProvisioningDelay = nps.Duration(delay) })
		}
	})
	cluster, err := b.newBed(ctx, simulator.Listener{Name: builder.DefaultNPSConnection, Handler: s.Handler()})
	if err != nil {
		return nil, err
	}
	d := &sessionBed{bed: cluster, server: s}
	d.connection = d.toServer(builder.DefaultNPSConnection, builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling = &pamv1alpha1.NPSPolling{
			Starting: &metav1.Duration{Duration: pollStarting}, Active: &metav1.Duration{Duration: pollActive},
		}
		c.Spec.Limits = &pamv1alpha1.NPSLimits{
			ActiveSessions:    new(int32(n + aloneTakes)), //nolint:gosec // G115: a number of objects
			RequestsPerSecond: new(int32(100)),
		}
	}))
	if err := d.begin(ctx, d.connection); err != nil {
		return nil, err
	}
	rows, err := d.startRows(ctx, n)
	if err != nil {
		return rows, err
	}
	more, err := d.liveRows(ctx, n+aloneTakes)
	return append(rows, more...), err
}

// startDelay is how long the nth session takes to start: spread evenly, and the same in each run (multiples of the
// golden ratio leave no gap).
func startDelay(n int) time.Duration {
	const least = slowestStart / 5
	_, part := math.Modf(float64(n) * math.Phi)
	return least + time.Duration(part*float64(slowestStart-least))
}

// startRows compare a few sessions with many that are requested at the same rate.
func (d *sessionBed) startRows(ctx context.Context, n int) ([]row, error) {
	alone, err := d.request(ctx, "alone-", aloneTakes)
	if err != nil {
		return nil, err
	}
	d.say("requesting %d sessions, %d a second", n, sessionRate)
	many, err := d.request(ctx, "many-", n)
	if err != nil {
		return nil, err
	}
	return []row{
		d.times(fmt.Sprintf("%d sessions: from Active on the server to the Secret, p99", n), quantile(many, 0.99),
			quantile(alone, 1), crowding),
		d.judge("sessions that the server created", float64(len(d.server.Sessions())), float64(n+aloneTakes), plain,
			"one per object", ""),
	}, nil
}

// request requests sessions, and returns how long each waited for its Secret once it was active.
func (d *sessionBed) request(ctx context.Context, prefix string, n int) ([]time.Duration, error) {
	kinds := [][2]string{ // SSH and RDP
		{builder.DefaultActivity, builder.DefaultResource}, {"Windows admin", "win1.payments.example.com"},
	}
	err := atRate(ctx, n, sessionRate, func(ctx context.Context, i int) error {
		of := kinds[i%len(kinds)]
		name := fmt.Sprintf("%s%05d", prefix, i)
		return d.client.Create(ctx, session(name, builder.Activity(of[0]), builder.Resource(of[1])))
	})
	if err != nil {
		return nil, err
	}
	like := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: prefix}}
	if _, err := d.awaitAll(ctx, n, like, stateThere); err != nil {
		return nil, err
	}
	var waits []time.Duration
	for _, s := range d.server.Sessions() {
		like.Name = objectOf(s)
		if at, ok := d.seen.at(keyOf(like), stateThere); ok && strings.HasPrefix(like.Name, prefix) {
			waits = append(waits, at.Sub(s.Started))
		}
	}
	if len(waits) != n {
		return nil, fmt.Errorf("%d of %d sessions were found by their notes", len(waits), n)
	}
	return waits, nil
}

// objectOf returns the object behind a session: its note quotes the name, or begins with it.
func objectOf(s nps.Session) string {
	if _, quoted, ok := strings.Cut(s.Note, `"`); ok {
		name, _, _ := strings.Cut(quoted, `"`)
		return name
	}
	name, _, _ := strings.Cut(s.Note, " ")
	return name
}

// liveRows watch the manager while no session changes. The window begins after a round of lists.
func (d *sessionBed) liveRows(ctx context.Context, n int) ([]row, error) {
	if err := d.settled(ctx, sessionController, n); err != nil {
		return nil, err
	}
	if err := d.pass(ctx, 2*countPause); err != nil { // until the last of them is counted
		return nil, err
	}
	if err := d.afterRound(ctx); err != nil {
		return nil, err
	}
	calls := len(d.server.Faults().Calls())
	d.say("all are active; watching for %d intervals of %s", intervals, pollActive)
	rows, err := d.quietRows(ctx, "live", func(ctx context.Context) error { return d.pass(ctx, intervals*pollActive) })
	if err != nil {
		return nil, err
	}
	pages := tallyBy(d.server.Faults().Calls()[calls:], page)
	return append(rows, d.judge(fmt.Sprintf("%d live sessions: calls per page and interval", n),
		float64(pages.most())/intervals, 1, plain, "one", fmt.Sprintf("%d pages", len(pages)))), nil
}

// afterRound waits until the lists have been read and no read is in progress.
func (d *sessionBed) afterRound(ctx context.Context) error {
	const quiet = 500 * time.Millisecond
	before := d.server.Stats().Lists
	if err := d.until(ctx, "a round", func() bool { return d.server.Stats().Lists > before }); err != nil {
		return err
	}
	for before = -1; d.server.Stats().Lists != before; {
		before = d.server.Stats().Lists
		if err := d.pass(ctx, quiet); err != nil {
			return err
		}
	}
	return nil
}
