// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// policyCollection is the path of RDP connection policies on the appliance.
const policyCollection = "rdp/connections"

func listen(name string, a *sps.Appliance) simulator.Listener {
	return simulator.Listener{Name: name, Handler: a.Handler()}
}

// createAll creates n objects, 32 at a time.
func (d *bed) createAll(ctx context.Context, n int, object func(i int) client.Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	for i := range n {
		group.Go(func() error { return d.client.Create(ctx, object(i)) })
	}
	return group.Wait()
}

// policy is an ordinary RDP connection policy: addresses, a port, and references by name.
func policy(name string, i int, options ...builder.Option) *pamv1alpha1.RDPConnectionPolicy {
	return builder.RDPConnectionPolicy(name, append([]builder.Option{
		builder.InNamespace(namespace), builder.Port(3389),
		builder.Client(fmt.Sprintf("10.%d.%d.0/24", i/256%256, i%256)),
		builder.Target(fmt.Sprintf("172.16.%d.%d/32", i/256%256, i%256)),
		builder.References(pamv1alpha1.PolicyReferences{
			Channel:  &pamv1alpha1.ApplianceReference{Name: "all"},
			Settings: &pamv1alpha1.ApplianceReference{Name: "default"},
			Audit:    &pamv1alpha1.ApplianceReference{Name: "default"},
		}),
	}, options...)...)
}

// numbered returns policies by number.
func numbered(prefix string, options ...builder.Option) func(i int) client.Object {
	return func(i int) client.Object { return policy(fmt.Sprintf("%s%05d", prefix, i), i, options...) }
}

// session is an object whose note is its name, so that the server's record shows whose session it is.
func session(name string, options ...builder.Option) *pamv1alpha1.ActivitySession {
	return builder.ActivitySession(name, append([]builder.Option{
		builder.InNamespace(namespace), builder.RequestedBy(controlplane.Admin),
		builder.With(func(s *pamv1alpha1.ActivitySession) { s.Spec.Note = name }),
	}, options...)...)
}

// inFlight is how many calls are under way at most, so that nobody floods an API server that cannot keep up.
const inFlight = 8

// atRate calls a function n times, at most at the given rate per second.
func atRate(ctx context.Context, n, rate int, f func(ctx context.Context, i int) error) error {
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range n {
		group.Go(func() error { return f(all, i) })
		select {
		case <-tick.C:
		case <-all.Done():
			return cmp.Or(group.Wait(), ctx.Err())
		}
	}
	return group.Wait()
}

// fill creates n policies, and returns how long it took until all were Ready.
func (d *bed) fill(ctx context.Context, n int) (time.Duration, error) {
	d.say("creating %d policies", n)
	begun := time.Now()
	if err := d.createAll(ctx, n, numbered("rdp-")); err != nil {
		return 0, err
	}
	at, err := d.awaitAll(ctx, n, policy("rdp-", 0), pamv1alpha1.ReasonSynced)
	return at.Sub(begun), err
}

// createTime is how long the API server takes to create n policies while nobody watches over them. They are gone
// afterwards.
func (d *bed) createTime(ctx context.Context, n int) (time.Duration, error) {
	begun := time.Now()
	if err := d.createAll(ctx, n, numbered("measure-")); err != nil {
		return 0, err
	}
	took := time.Since(begun)
	d.say("the API server creates %.0f policies a second", float64(n)/took.Seconds())
	return took, d.client.DeleteAllOf(ctx, &pamv1alpha1.RDPConnectionPolicy{}, client.InNamespace(namespace))
}
