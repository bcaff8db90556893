// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// fasterAtLeast is how many times faster than the plain procedure a group commit must be.
const fasterAtLeast = 50

// defaultMaxHold is the default of a connection's maxHold.
const defaultMaxHold = time.Minute

func measureApply(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newBed(ctx, b.asConfigured)
	if err != nil {
		return nil, err
	}
	took, used, err := d.apply(ctx)
	if err != nil {
		return nil, err
	}
	b.oursEach = took.Seconds() / float64(b.policies)
	rows := []row{atMost(b, limit[time.Duration]{
		what:     fmt.Sprintf("%d new policies: from the first create until all are Ready", b.policies),
		measured: took, most: b.leastTime(), show: seconds,
	})}
	compared, err := d.comparePlain(ctx)
	if err != nil {
		return nil, err
	}
	holds, err := holdsOf(used.holds, used.calls)
	if err != nil {
		return nil, err
	}
	b.holds = append(b.holds, holds...)
	rows = append(rows, compared)
	rows = append(rows, b.holdRows(holds)...)
	rows = append(rows, b.longestHold(holds, defaultMaxHold))
	rows = append(rows, used.rows(b)...)
	now, err := d.manager.memory()
	return append(rows, b.unbudgeted("memory", "%s resident, %s peak", mebibytes(now.resident), mebibytes(now.peak))), err
}

// leastTime is the time budget for all policies: one transaction, and the overhead.
func (b *bench) leastTime() time.Duration {
	return time.Duration(overhead * float64(hold{writes: b.policies}.least(b.options)))
}

// apply applies the policies at once and waits until all are ready.
func (d *bed) apply(ctx context.Context) (time.Duration, spent, error) {
	if err := d.startReady(ctx); err != nil {
		return 0, spent{}, err
	}
	s, err := d.mark()
	if err != nil {
		return 0, spent{}, err
	}
	d.say("creating %d policies", d.bench.policies)
	if err := d.createAll(ctx, d.bench.policies, numberedPolicy); err != nil {
		return 0, spent{}, err
	}
	d.say("created; waiting until all are ready")
	at, err := d.await(ctx, pamv1alpha1.ReasonSynced, d.bench.policies)
	if err != nil {
		return 0, spent{}, err
	}
	if err := d.settled(ctx, d.bench.policies); err != nil {
		return 0, spent{}, err
	}
	used, err := s.end()
	return at.Sub(s.begun), used, err
}

// comparePlain runs the plain procedure for the same objects on another appliance with the same delays.
func (d *bed) comparePlain(ctx context.Context) (row, error) {
	made := d.appliance.Objects(policyCollection)
	if len(made) == 0 {
		return row{}, errors.New("no policy on the appliance")
	}
	other, err := startAppliance(ctx, d.bench, d.asConfigured)
	if err != nil {
		return row{}, err
	}
	d.say("the plain procedure creates %d identical objects", d.plain)
	took, err := plainRun(ctx, other, made[0].Body, d.plain)
	if err != nil {
		return row{}, err
	}
	d.plainEach = took.Seconds() / float64(d.plain)
	return d.faster(), nil
}

// faster compares both sides by the time per object.
func (b *bench) faster() row {
	ratio := b.plainEach / b.oursEach
	r := row{
		scenario: b.name, what: "faster than open, write, commit per object",
		budget: fmt.Sprintf("≥ %d ×", fasterAtLeast), ratio: fmt.Sprintf("%.0f ×", ratio), verdict: holds,
		measured: fmt.Sprintf("%.1f ms each for %d, plain %.0f ms each for %d",
			b.oursEach*1000, b.policies, b.plainEach*1000, b.plain),
	}
	if ratio < fasterAtLeast {
		r.verdict = missed
	}
	return r
}

// policyCollection is the path of RDP connection policies on the appliance.
const policyCollection = "rdp/connections"
