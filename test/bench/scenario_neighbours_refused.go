// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// refusedNamespace has the policies that are refused.
	refusedNamespace = "refused"
	// beside is how many times as long as alone a policy may take beside changes of another namespace that are refused at
	// the commit.
	beside = 3
	// refusedShare is the part of the time for which the latter may hold the lock once they have been isolated.
	refusedShare = 0.1
)

// besideRefused measures new policies beside those of another namespace, which the appliance refuses at the commit, and
// whose author touches them again and again: first while they are being isolated, and then for a while.
func (d *neighbours) besideRefused(ctx context.Context, alone []time.Duration) ([]row, error) {
	d.say("%d policies of another namespace that are refused at the commit", d.refusedBeside)
	box := d.appliances[builder.DefaultSPSConnection]
	poison := sps.Refusal{Collection: policyCollection, Name: "^" + refusedPrefix, At: sps.AtCommit}
	if err := box.Refuse(poison); err != nil {
		return nil, err
	}
	if err := d.client.Create(ctx, builder.Namespace(refusedNamespace)); err != nil {
		return nil, err
	}
	if err := d.createAll(ctx, d.refusedBeside, d.refusedPolicy); err != nil {
		return nil, err
	}
	touching, stop := context.WithCancel(ctx)
	touched := make(chan struct{})
	go func() { defer close(touched); d.touchRefused(touching) }()
	defer func() { stop(); <-touched }()
	took, err := d.newPolicies(ctx, "isolating")
	if err != nil {
		return nil, err
	}
	if err := d.refusedAnswered(ctx); err != nil {
		return nil, err
	}
	before, since := box.Stats().CommitsRefused, time.Now()
	more, err := d.newPolicies(ctx, "isolated")
	if err != nil {
		return nil, err
	}
	took = append(took, more...)
	held := time.Duration(box.Stats().CommitsRefused-before) * (d.writeDelay + d.commitDelay)
	without := quantile(alone, 0.5)
	what := fmt.Sprintf("beside %d policies refused at the commit, touched again and again", d.refusedBeside)
	return []row{
		atMost(d.bench, limit[time.Duration]{
			what: what + ": a new policy of another namespace, the slowest", measured: quantile(took, 1),
			most: beside*without + tick, show: seconds, detail: fmt.Sprintf("alone %s, %s", seconds(without), spread(took)),
		}),
		atMost(d.bench, limit[float64]{
			what: what + ": the lock held because of them, in parts of the time", most: refusedShare,
			measured: held.Seconds() / time.Since(since).Seconds(),
			show:     func(x float64) string { return fmt.Sprintf("%.2f", x) },
		}),
	}, nil
}

// refusedPolicy is one that the appliance refuses.
func (d *neighbours) refusedPolicy(i int) client.Object {
	p := policy(fmt.Sprintf("%s%05d", refusedPrefix, i), i)
	p.Namespace = refusedNamespace
	p.Spec.ConnectionRef = pamv1alpha1.ConnectionReference{Name: builder.DefaultSPSConnection, Namespace: namespace}
	return p
}

// newPolicies measures new policies, one after the other.
func (d *neighbours) newPolicies(ctx context.Context, name string) ([]time.Duration, error) {
	var took []time.Duration
	for i := range d.takes {
		t, err := d.newPolicy(ctx, fmt.Sprintf("%s-%d", name, i))
		if err != nil {
			return nil, err
		}
		took = append(took, t)
	}
	return took, nil
}

// touchRefused changes the annotations of the refused policies until the context ends.
func (d *neighbours) touchRefused(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		touch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{"touch":"%d"}}}`, n))
		_ = d.client.Patch(ctx, d.refusedPolicy(n%d.refusedBeside), touch) // one that fails is touched later
	}
}

// refusedAnswered waits until each of the refused policies has its first answer.
func (d *neighbours) refusedAnswered(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, time.Second, d.patience, true, func(ctx context.Context) (bool, error) {
		var all pamv1alpha1.RDPConnectionPolicyList
		if err := d.client.List(ctx, &all, client.InNamespace(refusedNamespace)); err != nil {
			return false, err
		}
		for _, p := range all.Items {
			if meta.FindStatusCondition(p.Status.Conditions, pamv1alpha1.ConditionReady) == nil {
				return false, nil
			}
		}
		return true, nil
	})
}
