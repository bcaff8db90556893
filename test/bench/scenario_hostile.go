// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	hostileMemory = 300 << 20 // bytes
	portsMemory   = 150 << 20
	// hostileConnections is how many connections of a kind are hostile, hostilePolicies how many policies each has.
	hostileConnections = 3
	hostilePolicies    = 10
	// hostileWatch is how long the manager is watched once every object has its verdict.
	hostileWatch = 15 * time.Second
	// besideHostile is how much longer a policy of another connection may take meanwhile.
	besideHostile = 3
)

// measureHostile measures the manager's peak memory in new processes; hostile answers all reach the same one.
func measureHostile(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	for _, measure := range []func(context.Context, *bench) ([]row, error){
		halfOpenRows, answerRows,
		func(ctx context.Context, b *bench) ([]row, error) { return heavyRows(ctx, b, hugeMaps) },
		func(ctx context.Context, b *bench) ([]row, error) { return heavyRows(ctx, b, usableMaps) },
		annotationRows, crowdRows,
	} {
		more, err := b.within(ctx, measure)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// peak is the row of the manager's peak memory.
func (d *bed) peak(what string, limit float64) ([]row, error) {
	resident, peak, err := d.manager.memory()
	if err != nil {
		return nil, err
	}
	return []row{d.judge(what+": peak memory", peak, limit, mebibytes, "", "now "+mebibytes(resident))}, nil
}

// newQuickBed starts a bed with a fast appliance, and further servers.
func (b *bench) newQuickBed(ctx context.Context, servers ...simulator.Listener) (*bed, error) {
	return b.newBed(ctx, append(servers, listen(builder.DefaultSPSConnection, b.appliance(quick)))...)
}

func (d *bed) beginQuick(ctx context.Context) error {
	return d.begin(ctx, d.toAppliance(builder.DefaultSPSConnection))
}

// answerRows have servers send answers that take memory, and measure a policy of another connection meanwhile.
func answerRows(ctx context.Context, b *bench) ([]row, error) {
	servers := make([]simulator.Listener, 0, len(hostileKinds)*hostileConnections)
	for _, kind := range hostileKinds {
		for i := range hostileConnections {
			servers = append(servers, kind.listener(i))
		}
	}
	d, err := b.newQuickBed(ctx, servers...)
	if err != nil {
		return nil, err
	}
	if err := d.beginQuick(ctx); err != nil {
		return nil, err
	}
	alone, err := d.beside(ctx, "alone")
	if err != nil {
		return nil, err
	}
	var rows []row
	var slowest time.Duration
	for _, kind := range hostileKinds {
		d.say("%s", kind.what)
		beside, err := d.underHostile(ctx, kind)
		if err != nil {
			return rows, err
		}
		slowest = max(slowest, beside)
		more, err := d.peak(kind.what, hostileMemory)
		if err != nil {
			return rows, err
		}
		rows = append(rows, more...)
	}
	return append(rows, d.times("beside any of these answers: a new policy", slowest, alone, besideHostile)), nil
}

// underHostile measures a policy beside servers of one kind, until every object has its verdict.
func (d *bed) underHostile(ctx context.Context, kind hostileKind) (time.Duration, error) {
	victims := d.victims(kind)
	if err := d.create(ctx, victims...); err != nil {
		return 0, err
	}
	beside, err := d.beside(ctx, kind.name)
	if err != nil {
		return 0, err
	}
	for _, o := range victims {
		if err := d.awaitVerdict(ctx, o); err != nil {
			return 0, err
		}
	}
	if err := d.pass(ctx, hostileWatch); err != nil {
		return 0, err
	}
	for _, o := range victims {
		if err := client.IgnoreNotFound(d.client.Delete(ctx, o)); err != nil {
			return 0, err
		}
	}
	return beside, nil
}

// victims are connections to servers of one kind, and objects that use them.
func (d *bed) victims(kind hostileKind) (out []client.Object) {
	for i := range hostileConnections {
		name := kind.listener(i).Name
		if kind.server {
			return append(out, d.toServer(name), session(name, builder.Connection(name, "")))
		}
		out = append(out, d.toAppliance(name))
		for p := range hostilePolicies {
			out = append(out, policy(fmt.Sprintf("%s-%d", name, p), p, builder.Connection(name, "")))
		}
	}
	return out
}

// beside measures a new policy of the good appliance.
func (d *bed) beside(ctx context.Context, name string) (time.Duration, error) {
	begun, o := time.Now(), policy("beside-"+name, 0)
	if err := d.create(ctx, o); err != nil {
		return 0, err
	}
	at, err := d.await(ctx, o, pamv1alpha1.ReasonSynced)
	return at.Sub(begun), err
}
