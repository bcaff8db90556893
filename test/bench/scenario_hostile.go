// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// hostileBudget is the limit of the manager's resident memory, whatever servers send, in bytes.
	hostileBudget = 300 << 20
	// hostileConnections is how many connections of a kind are hostile, and hostilePolicies how many policies each has.
	hostileConnections = 3
	hostilePolicies    = 10
	// hostileWatch is how long the manager is watched once every object has its verdict.
	hostileWatch = 15 * time.Second
	hostileCA    = "hostile-ca"
)

// measureHostile has servers send memory-consuming responses, and measures the manager and a policy of another
// connection.
func measureHostile(ctx context.Context, b *bench) ([]row, error) {
	quick := *b
	quick.writeDelay, quick.commitDelay = 0, 0 // nothing else should slow down the others
	d, err := b.newBed(ctx, quick.asConfigured)
	if err != nil {
		return nil, err
	}
	if err := d.startReady(ctx); err != nil {
		return nil, err
	}
	alone, err := d.besides(ctx, 0)
	if err != nil {
		return nil, err
	}
	rows := []row{b.unbudgeted("a policy of another connection, alone", "%s", seconds(alone))}
	for i, kind := range []hostileKind{packedAnswers, longLists, errorPages, endlessPages} {
		more, err := d.underHostile(ctx, kind, i+1, alone)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		rows = append(rows, more...)
	}
	more, err := memoryRows(ctx, b)
	return append(rows, more...), err
}

// underHostile measures one kind of hostile server.
func (d *bed) underHostile(ctx context.Context, kind hostileKind, number int, alone time.Duration) ([]row, error) {
	d.say("%d connections to servers with %s", hostileConnections, kind)
	servers, err := startHostile(ctx, d.bench, kind, hostileConnections)
	if err != nil {
		return nil, err
	}
	ca := configMap(fmt.Sprintf("%s-%d", hostileCA, number), map[string]string{caKey: string(servers.ca)})
	if err := d.client.Create(ctx, ca); err != nil {
		return nil, err
	}
	victims := d.victims(kind, number, ca.Name, servers.urls)
	if err := d.createEach(ctx, victims...); err != nil {
		return nil, err
	}
	beside, err := d.besides(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := d.judged(ctx, victims); err != nil {
		return nil, err
	}
	if err := d.pass(ctx, hostileWatch); err != nil {
		return nil, err
	}
	if err := d.manager.ended(); err != nil {
		return nil, err
	}
	now, err := d.manager.memory()
	if err != nil {
		return nil, err
	}
	for _, o := range victims {
		if err := client.IgnoreNotFound(d.client.Delete(ctx, o)); err != nil {
			return nil, err
		}
	}
	return []row{
		atMost(d.bench, limit[float64]{
			what: fmt.Sprintf("%s: peak memory", kind), measured: now.peak, most: hostileBudget, show: mebibytes,
		}),
		d.unbudgeted(fmt.Sprintf("%s: a policy of another connection", kind), "%s (%.1f × alone)", seconds(beside),
			beside.Seconds()/alone.Seconds()),
	}, nil
}

// victims are connections to the servers, and objects that use them.
func (d *bed) victims(kind hostileKind, number int, ca string, urls []string) (out []client.Object) {
	in := builder.InNamespace(namespace)
	for i, url := range urls {
		name := fmt.Sprintf("hostile-%d-%d", number, i)
		if kind == endlessPages {
			conn := builder.NPSConnection(name, in, builder.URL(url), builder.TrustedCA(ca), builder.UserSignIn())
			secret := builder.Secret(builder.NPSCredentials, map[string]string{"username": "u", "password": newPassword()}, in)
			return append(out, secret, conn,
				builder.ActivitySession(name, in, builder.Connection(name, ""), builder.RequestedBy(controlplane.Admin)))
		}
		out = append(out, builder.SPSConnection(name, in, builder.URL(url), builder.TrustedCA(ca)))
		for p := range hostilePolicies {
			o := policy(fmt.Sprintf("%s-%d", name, p), p)
			builder.Connection(name, "")(o)
			out = append(out, o)
		}
	}
	return out
}

// besides creates a policy on the good appliance, and returns how long it took to become ready.
func (d *bed) besides(ctx context.Context, number int) (time.Duration, error) {
	begun := time.Now()
	o := policy(fmt.Sprintf("beside-%d", number), number)
	if err := d.client.Create(ctx, o); err != nil {
		return 0, err
	}
	_, err := d.await(ctx, pamv1alpha1.ReasonSynced, number+1)
	return time.Since(begun), err
}

// judged waits until each object has a status other than the initial one.
func (d *bed) judged(ctx context.Context, objects []client.Object) error {
	for _, o := range objects {
		judged, ok := o.(connection)
		if !ok {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, pollInterval, d.patience, true, func(ctx context.Context) (bool, error) {
			if err := d.manager.ended(); err != nil {
				return false, err
			}
			if err := d.client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
				return false, err
			}
			return meta.FindStatusCondition(*judged.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady) != nil, nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", o.GetName(), err)
		}
	}
	return nil
}
