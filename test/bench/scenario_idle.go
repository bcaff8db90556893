// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// Sizes of what exists besides the policies.
const (
	memoryBudget     = 150 << 20 // bytes
	foreignSpaces    = 30
	foreignSecretLen = 1024
	wave             = 500
)

func measureIdle(ctx context.Context, b *bench) ([]row, error) {
	quick := func(s *sps.Switches) { s.WriteDelay, s.CommitDelay = 0, 0 } // only what follows is measured
	d, err := b.newBed(ctx, quick, driftCheck(b.interval))
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{d.foreignSecrets, d.startReady, d.manyPolicies} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	rows, err := d.idleRows(ctx)
	if err != nil {
		return nil, err
	}
	more, err := d.restartRows(ctx)
	return append(rows, more...), err
}

func driftCheck(interval time.Duration) builder.Option {
	return builder.With(func(c *pamv1alpha1.SPSConnection) {
		c.Spec.DriftCheckInterval = &metav1.Duration{Duration: interval}
	})
}

// foreignSecrets fills the cluster with objects of others.
func (d *bed) foreignSecrets(ctx context.Context) error {
	d.say("creating %d foreign Secrets", d.secrets)
	for i := range foreignSpaces {
		if err := d.client.Create(ctx, builder.Namespace(fmt.Sprintf("foreign-%02d", i))); err != nil {
			return err
		}
	}
	content := map[string]string{"value": strings.Repeat("x", foreignSecretLen)}
	return d.createAll(ctx, d.secrets, func(i int) client.Object {
		space := builder.InNamespace(fmt.Sprintf("foreign-%02d", i%foreignSpaces))
		return builder.Secret(fmt.Sprintf("secret-%05d", i), content, space)
	})
}

// manyPolicies creates the policies in waves that a small machine can handle, because none of this is measured.
func (d *bed) manyPolicies(ctx context.Context) error {
	d.say("creating %d policies", d.idle)
	for made := 0; made < d.idle; {
		n, from := min(wave, d.idle-made), made
		if err := d.createAll(ctx, n, func(i int) client.Object { return numberedPolicy(from + i) }); err != nil {
			return err
		}
		made += n
		if _, err := d.await(ctx, pamv1alpha1.ReasonSynced, made); err != nil {
			return err
		}
	}
	d.say("waiting until the manager is idle")
	return d.settled(ctx, d.idle)
}

// idleRows watch the manager while nothing changes. The window begins with a drift check, so that it holds as many
// drift checks as intervals.
func (d *bed) idleRows(ctx context.Context) ([]row, error) {
	if err := d.nextDriftCheck(ctx); err != nil {
		return nil, err
	}
	s, err := d.mark()
	if err != nil {
		return nil, err
	}
	for i := range d.intervals {
		if err := d.pass(ctx, d.interval); err != nil {
			return nil, err
		}
		now, err := d.manager.memory()
		if err != nil {
			return nil, err
		}
		d.say("interval %d of %d: %s resident, %s peak", i+1, d.intervals, mebibytes(now.resident), mebibytes(now.peak))
	}
	used, err := s.end()
	if err != nil {
		return nil, err
	}
	rows := []row{
		atMost(d.bench, limit[float64]{
			what:     fmt.Sprintf("%d idle policies: appliance calls per interval of %s", d.idle, d.interval),
			measured: float64(len(used.calls)) / float64(d.intervals), most: 1,
			show:   func(x float64) string { return fmt.Sprintf("%.2f", x) },
			detail: fmt.Sprintf("in %d intervals: %s", d.intervals, tallyOf(used.calls)),
		}),
		d.noWrites("idle: API server writes", used.counted),
	}
	return d.withMemory(rows, fmt.Sprintf("idle: memory resident, among %d foreign Secrets", d.secrets))
}

// noWrites is the budget of zero writes.
func (b *bench) noWrites(what string, used counted) row {
	return atMost(b, limit[int]{
		what: what, measured: used.work.total(), most: 0, show: number,
		detail: strings.TrimPrefix(fmt.Sprintf("%s; and %d of leader election", used.work, used.elections), "; "),
	})
}

func (d *bed) withMemory(rows []row, what string) ([]row, error) {
	now, err := d.manager.memory()
	return append(rows, atMost(d.bench, limit[float64]{
		what: what + " (VmRSS)", measured: now.resident, most: memoryBudget, show: mebibytes,
		detail: mebibytes(now.peak) + " peak, VmHWM",
	})), err
}

// nextDriftCheck waits until the appliance is asked for its config_hash.
func (d *bed) nextDriftCheck(ctx context.Context) error {
	for {
		before := tallyOf(d.appliance.Faults().Calls())[callInfo]
		if err := d.pass(ctx, pollInterval); err != nil {
			return err
		}
		if tallyOf(d.appliance.Faults().Calls())[callInfo] > before {
			return nil
		}
	}
}

// pass lets time pass; the time is the measurement, not a wait for something.
func (d *bed) pass(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.manager.process.Done():
		return d.manager.process.Failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}
