// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// creators is how many objects are created at the same time.
const creators = 32

// createAll creates n objects.
func (d *bed) createAll(ctx context.Context, n int, object func(i int) client.Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(creators)
	for i := range n {
		group.Go(func() error { return d.client.Create(ctx, object(i)) })
	}
	return group.Wait()
}

// policy is an ordinary RDP connection policy: addresses, a port, and references by name.
func policy(name string, i int) *pamv1alpha1.RDPConnectionPolicy {
	return builder.RDPConnectionPolicy(name, builder.InNamespace(namespace), builder.Port(3389),
		builder.Client(fmt.Sprintf("10.%d.%d.0/24", i/256%256, i%256)),
		builder.Target(fmt.Sprintf("172.16.%d.%d/32", i/256%256, i%256)),
		builder.References(pamv1alpha1.PolicyReferences{
			Channel:  &pamv1alpha1.ApplianceReference{Name: "all"},
			Settings: &pamv1alpha1.ApplianceReference{Name: "default"},
			Audit:    &pamv1alpha1.ApplianceReference{Name: "default"},
		}))
}

func numberedPolicy(i int) client.Object { return policy(fmt.Sprintf("rdp-%05d", i), i) }

// policies watches the status of the objects in the cluster.
type policies struct {
	mu      sync.Mutex
	reasons map[string]string // by name; empty without a status
	counts  map[string]int    // by reason
	last    time.Time         // of the latest change
	added   time.Time         // when the latest one appeared
	changed chan struct{}
}

// watchPolicies starts before there are any, so that none is missed.
func (d *bed) watchPolicies(ctx context.Context) error {
	p := &policies{reasons: map[string]string{}, counts: map[string]int{}, changed: make(chan struct{}, 1)}
	d.policies = p
	return d.watch(ctx, &pamv1alpha1.RDPConnectionPolicy{}, toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { p.note(o); p.noteAdded() }, UpdateFunc: func(_, now any) { p.note(now) },
	})
}

// note records the reason of an object.
func (p *policies) note(object any) {
	o, ok := object.(*pamv1alpha1.RDPConnectionPolicy)
	if !ok {
		return
	}
	reason := ""
	if c := meta.FindStatusCondition(o.Status.Conditions, pamv1alpha1.ConditionReady); c != nil {
		reason = c.Reason
	}
	p.mu.Lock()
	p.counts[p.reasons[o.Name]]--
	p.counts[reason]++
	p.reasons[o.Name], p.last = reason, time.Now()
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (p *policies) noteAdded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.added = time.Now()
}

// lastAdded returns when the latest object appeared.
func (p *policies) lastAdded() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.added
}

// count returns how many have this reason, and when any of them last changed.
func (p *policies) count(reason string) (int, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[reason], p.last
}

// await waits until n policies have this reason, and returns when that was.
func (d *bed) await(ctx context.Context, reason string, n int) (time.Time, error) {
	var at time.Time
	err := d.until(ctx, reason, n, d.policies.changed, func() (have int) {
		have, at = d.policies.count(reason)
		return have
	})
	return at, err
}
