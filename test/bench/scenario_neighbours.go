// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
)

// disturbance is how much longer the objects of one connection may take while another one hangs.
const disturbance = 1.2

// takes are the measured waiting times.
type takes struct{ policy, session, cancel []time.Duration }

func measureNeighbours(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newNeighbours(ctx, builder.DefaultSPSConnection)
	if err != nil {
		return nil, err
	}
	d.say("measuring undisturbed times")
	alone, err := d.take(ctx, "alone")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, c := range []struct {
		name, what string
		disturb    func(context.Context) error
	}{
		{"policies", fmt.Sprintf("beside %d policies of a hanging appliance", b.hungPolicies), d.hungPoliciesApplied},
		{"sessions", fmt.Sprintf("plus %d sessions of a hanging server", b.hungSessions), d.hungSessionsAsked},
		{"dead", fmt.Sprintf("plus %d connections to a silent address", b.deadConnections), d.deadConnected},
	} {
		d.say("%s", c.what)
		if err := c.disturb(ctx); err != nil {
			return rows, err
		}
		beside, err := d.take(ctx, c.name)
		if err != nil {
			return rows, err
		}
		rows = append(rows, d.compared(c.what, alone, beside)...)
	}
	refused, err := d.besideRefused(ctx, alone.policy)
	if err != nil {
		return rows, err
	}
	rows = append(rows, refused...)
	now, err := d.manager.memory()
	return append(rows, b.unbudgeted("memory", "%s resident, %s peak", mebibytes(now.resident), mebibytes(now.peak))), err
}

// take measures each time as often as the flag says, one after the other.
func (d *neighbours) take(ctx context.Context, name string) (takes, error) {
	var out takes
	for i := range d.takes {
		policy, err := d.newPolicy(ctx, fmt.Sprintf("%s-%d", name, i))
		if err != nil {
			return out, fmt.Errorf("a policy: %w", err)
		}
		session, cancel, err := d.newSession(ctx, fmt.Sprintf("%s-%d", name, i))
		if err != nil {
			return out, fmt.Errorf("a session: %w", err)
		}
		out.policy, out.session = append(out.policy, policy), append(out.session, session)
		out.cancel = append(out.cancel, cancel)
	}
	return out, nil
}

// tick is the measuring error of a time.
const tick = 5 * beat

func (d *neighbours) compared(what string, alone, beside takes) []row {
	taken := []struct {
		of            string
		alone, beside []time.Duration
	}{
		{"a new policy until Ready", alone.policy, beside.policy},
		{"a new session until its Secret", alone.session, beside.session},
		{"from cancel until the server receives it", alone.cancel, beside.cancel},
	}
	rows := make([]row, 0, len(taken))
	for _, c := range taken {
		without := quantile(c.alone, 0.5)
		rows = append(rows, atMost(d.bench, limit[time.Duration]{
			what:     fmt.Sprintf("%s: %s, median", what, c.of),
			measured: quantile(c.beside, 0.5), most: time.Duration(disturbance*float64(without)) + tick, show: seconds,
			detail: fmt.Sprintf("alone %s, %s", seconds(without), spread(c.beside)),
		}))
	}
	return rows
}

// hungPoliciesApplied applies the policies of a hanging appliance, and waits until their connection is known to hang.
func (d *neighbours) hungPoliciesApplied(ctx context.Context) error {
	c := d.spsConnection(hungAppliance)
	if err := d.client.Create(ctx, c); err != nil {
		return err
	}
	if err := d.connected(ctx, c); err != nil {
		return err
	}
	return d.createAll(ctx, d.hungPolicies, func(i int) client.Object {
		p := policy(fmt.Sprintf("hung-%05d", i), i)
		p.Spec.ConnectionRef.Name = hungAppliance
		return p
	})
}

func (d *neighbours) hungSessionsAsked(ctx context.Context) error {
	c := d.npsConnection(hungServer)
	if err := d.client.Create(ctx, c); err != nil {
		return err
	}
	if err := d.connected(ctx, c); err != nil {
		return err
	}
	return d.createAll(ctx, d.hungSessions, func(i int) client.Object {
		s := builder.ActivitySession(fmt.Sprintf("hung-%05d", i), builder.InNamespace(namespace),
			builder.RequestedBy(controlplane.Admin))
		s.Spec.ConnectionRef = pamv1alpha1.ConnectionReference{Name: hungServer}
		return s
	})
}

func (d *neighbours) deadConnected(ctx context.Context) error {
	url, err := d.silent(ctx)
	if err != nil {
		return err
	}
	return d.createAll(ctx, d.deadConnections, func(i int) client.Object {
		return builder.SPSConnection(fmt.Sprintf("dead-%05d", i), builder.InNamespace(namespace), builder.URL(url),
			builder.TrustedCA(caConfigMap))
	})
}
