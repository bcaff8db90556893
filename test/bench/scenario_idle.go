// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	driftCheck    = 10 * time.Second
	intervals     = 6
	idleMemory    = 150 << 20 // bytes, with the standard numbers
	foreignSpaces = 30
	// writesEach is how many times the API server's own time for a create a policy may take: the create, the finalizer,
	// two statuses and an Event, and the manager's own work on the same processors.
	writesEach = 12
	// policyController is its name in metrics.
	policyController = "rdpconnectionpolicy"
)

type idle struct {
	*bed
	appliance  *sps.Appliance
	connection client.Object
	n          int
}

func measureIdle(ctx context.Context, b *bench) ([]row, error) {
	a := b.appliance(quick)
	cluster, err := b.newBed(ctx, listen(builder.DefaultSPSConnection, a))
	if err != nil {
		return nil, err
	}
	d := &idle{bed: cluster, appliance: a, n: b.of(10_000)}
	d.connection = d.toAppliance(builder.DefaultSPSConnection, builder.With(func(c *pamv1alpha1.SPSConnection) {
		c.Spec.DriftCheckInterval = &metav1.Duration{Duration: driftCheck}
	}))
	var rows []row
	for _, measure := range []func(context.Context) ([]row, error){d.fillRows, d.idleRows, d.restartRows} {
		more, err := measure(ctx)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// fillRows create the policies, and foreign Secrets around them.
func (d *idle) fillRows(ctx context.Context) ([]row, error) {
	if err := d.foreignSecrets(ctx); err != nil {
		return nil, err
	}
	const sample = 1000
	creating, err := d.createTime(ctx, sample)
	if err != nil {
		return nil, err
	}
	if err := d.begin(ctx, d.connection); err != nil {
		return nil, err
	}
	took, err := d.fill(ctx, d.n)
	if err != nil {
		return nil, err
	}
	perSecond := float64(sample) / creating.Seconds()
	return []row{d.judge(fmt.Sprintf("%d new policies of a fast appliance, until all are Ready", d.n), took.Seconds(),
		writesEach*float64(d.n)/perSecond, inSeconds,
		fmt.Sprintf("%d × as many of the API server's %.0f creates/s", writesEach, perSecond), ""),
	}, d.settled(ctx, policyController, d.n)
}

func (d *idle) foreignSecrets(ctx context.Context) error {
	n := d.of(30_000)
	d.say("creating %d foreign Secrets", n)
	for i := range foreignSpaces {
		if err := d.create(ctx, builder.Namespace(fmt.Sprintf("foreign-%02d", i))); err != nil {
			return err
		}
	}
	content := map[string]string{"value": strings.Repeat("x", 1024)}
	return d.createAll(ctx, n, func(i int) client.Object {
		return builder.Secret(fmt.Sprintf("secret-%05d", i), content,
			builder.InNamespace(fmt.Sprintf("foreign-%02d", i%foreignSpaces)))
	})
}

// idleRows watch the manager while nothing changes. The window begins with a drift check, so that it holds as many
// drift checks as intervals.
func (d *idle) idleRows(ctx context.Context) ([]row, error) {
	checks := func() int { return d.appliance.Faults().Count(http.MethodGet, infoPath) }
	before := checks()
	if err := d.until(ctx, "a drift check", func() bool { return checks() > before }); err != nil {
		return nil, err
	}
	calls := len(d.appliance.Faults().Calls())
	rows, err := d.quietRows(ctx, "idle", func(ctx context.Context) error { return d.pass(ctx, intervals*driftCheck) })
	if err != nil {
		return nil, err
	}
	used := tallyBy(d.appliance.Faults().Calls()[calls:], methodAndPath)
	return append(rows, d.judge(fmt.Sprintf("%d idle policies: calls to the appliance per interval", d.n),
		float64(used.total())/intervals, 1, plain, "one", used.String())), nil
}

// restartRows start another manager, and wait until it has reconciled every policy and made one more drift check.
func (d *idle) restartRows(ctx context.Context) ([]row, error) {
	d.say("restarting the manager")
	if err := d.manager.process.Stop(); err != nil {
		return nil, err
	}
	calls, opened := len(d.appliance.Faults().Calls()), d.appliance.Stats().TransactionsOpened
	rows, err := d.quietRows(ctx, "restart", func(ctx context.Context) error {
		if err := d.startManager(ctx, d.connection); err != nil {
			return err
		}
		if err := d.settled(ctx, policyController, d.n); err != nil {
			return err
		}
		return d.pass(ctx, driftCheck+driftCheck/2)
	})
	if err != nil {
		return nil, err
	}
	lists := tallyBy(d.appliance.Faults().Calls()[calls:], collection)
	return append(rows,
		d.judge("restart: lists of any one collection", float64(lists.most()), 1, plain, "one", ""),
		d.judge("restart: transactions", float64(d.appliance.Stats().TransactionsOpened-opened), 0, plain, "", ""),
	), nil
}

// quietRows are about a time in which the manager writes nothing.
func (d *bed) quietRows(ctx context.Context, when string, pass func(context.Context) error) ([]row, error) {
	before, err := d.written()
	if err != nil {
		return nil, err
	}
	if err := pass(ctx); err != nil {
		return nil, err
	}
	now, err := d.written()
	if err != nil {
		return nil, err
	}
	resident, peak, err := d.manager.memory()
	if err != nil {
		return nil, err
	}
	more := now.minus(before)
	return []row{
		d.judge(when+": API writes", float64(more.total()), 0, plain, "", more.String()),
		d.judge(when+": memory", resident, idleMemory, mebibytes, "", "peak "+mebibytes(peak)),
	}, nil
}
