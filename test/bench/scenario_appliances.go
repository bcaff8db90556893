// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// together is how much longer many appliances at once may take than one, after the last object was created.
const together = 1.5

func measureAppliances(ctx context.Context, b *bench) ([]row, error) {
	names := make([]string, 0, b.appliances)
	for i := range b.appliances {
		names = append(names, fmt.Sprintf("sps-%02d", i))
	}
	d, err := b.newNeighbours(ctx, names...)
	if err != nil {
		return nil, err
	}
	if err := d.watchPolicies(ctx); err != nil {
		return nil, err
	}
	one, err := d.spreadOver(ctx, "one", names[:1])
	if err != nil {
		return nil, err
	}
	all, err := d.spreadOver(ctx, "all", names)
	if err != nil {
		return nil, err
	}
	return []row{atMost(b, limit[time.Duration]{
		what: fmt.Sprintf("%d appliances × %d policies: from the last create until all are Ready",
			len(names), b.perAppliance),
		measured: all, most: time.Duration(together * float64(one)), show: seconds,
		detail: fmt.Sprintf("one × %d: %s", b.perAppliance, seconds(one)),
	})}, nil
}

// spreadOver applies policies to appliances and measures the time after the last one was created.
func (d *neighbours) spreadOver(ctx context.Context, prefix string, names []string) (time.Duration, error) {
	before, _ := d.policies.count(pamv1alpha1.ReasonSynced)
	n := len(names) * d.perAppliance
	err := d.createAll(ctx, n, func(i int) client.Object {
		p := policy(fmt.Sprintf("%s-%05d", prefix, i), i)
		p.Spec.ConnectionRef.Name = names[i%len(names)]
		return p
	})
	if err != nil {
		return 0, err
	}
	created := time.Now()
	d.say("%d policies of %d appliances are created", n, len(names))
	at, err := d.await(ctx, pamv1alpha1.ReasonSynced, before+n)
	return at.Sub(created), err
}
