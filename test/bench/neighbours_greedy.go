// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// crowd is how many sessions or policies another team has, whatever the scale.
	crowd        = 40
	busySpace    = "busy"
	refusedSpace = "refused"
	// changesEach is how many changes a greedy team makes in a second.
	changesEach = 87
	// lockWindow is how long the lock is watched at least.
	lockWindow = 60 * time.Second
	// refusedShare is the part of the time for which refused changes may lock the configuration once they are known.
	refusedShare = 0.1
)

// busyRows have another team change its own Secrets all the time, which have the names of sessions that the server has
// refused.
func (d *neighbours) busyRows(ctx context.Context) ([]row, error) {
	const n = crowd
	if err := d.refusedSessions(ctx, n); err != nil {
		return nil, err
	}
	session, cancel, err := d.newSessions(ctx, "before-busy")
	if err != nil {
		return nil, err
	}
	d.say("changing the Secrets of %d refused sessions %d times a second", n, changesEach)
	var besideSession, besideCancel []time.Duration
	if err := d.whileChanging(ctx, n, busySecret, func(ctx context.Context) (err error) {
		besideSession, besideCancel, err = d.newSessions(ctx, "beside-busy")
		return err
	}); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("beside a team that changes %d Secrets up to %d times a second: ", n, changesEach)
	return []row{
		d.times(what+"a new session", median(besideSession), median(session), greedy),
		d.times(what+"a cancel", median(besideCancel), median(cancel), greedy),
	}, nil
}

// refusedSessions creates sessions of another team that the server refuses, and afterwards the Secrets of their names:
// those would keep them from being requested.
func (d *neighbours) refusedSessions(ctx context.Context, n int) error {
	object := func(i int) client.Object {
		return session(fmt.Sprint("refused-", i), builder.InNamespace(busySpace), builder.Activity("Linux patching"),
			builder.Connection(builder.DefaultNPSConnection, namespace))
	}
	return inOrder(ctx,
		func(ctx context.Context) error { return d.create(ctx, builder.Namespace(busySpace)) },
		func(ctx context.Context) error { return d.createAll(ctx, n, object) },
		func(ctx context.Context) error {
			_, err := d.awaitAll(ctx, n, session("refused-", builder.InNamespace(busySpace)), pamv1alpha1.ReasonRejected)
			return err
		},
		func(ctx context.Context) error { return d.createAll(ctx, n, busySecret) },
	)
}

func busySecret(i int) client.Object {
	s := session(fmt.Sprint("refused-", i))
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: busySpace, Name: s.SecretName()}}
}

// whileChanging measures something while annotations of n objects are changed in turn.
func (d *neighbours) whileChanging(
	ctx context.Context, n int, object func(i int) client.Object, measure func(context.Context) error,
) error {
	changing, stop := context.WithCancel(ctx)
	over, begun, changed := make(chan error, 1), time.Now(), atomic.Int64{}
	go func() {
		over <- atRate(changing, math.MaxInt32, changesEach, func(ctx context.Context, i int) error {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"look":"%d"}}}`, i)
			changed.Add(1)
			return d.client.Patch(ctx, object(i%n), client.RawPatch("application/merge-patch+json", patch))
		})
	}()
	err := measure(ctx)
	d.say("the API server took %.0f changes a second", float64(changed.Load())/time.Since(begun).Seconds())
	stop()
	if failed := <-over; err == nil && failed != nil && !errors.Is(failed, context.Canceled) {
		return fmt.Errorf("changing: %w", failed)
	}
	return err
}

// refusedRows have another team apply policies that the appliance refuses at the commit: while they are found out, once
// they are known, and while their annotations change all the time.
func (d *neighbours) refusedRows(ctx context.Context) ([]row, error) {
	const n = crowd
	object := numbered("poison-", builder.InNamespace(refusedSpace),
		builder.Connection(builder.DefaultSPSConnection, namespace))
	alone, err := d.newPolicies(ctx, "before-refused")
	if err != nil {
		return nil, err
	}
	refusal := sps.Refusal{Collection: policyCollection, Name: "^poison-", At: sps.AtCommit}
	if err := d.appliance.Refuse(refusal); err != nil {
		return nil, err
	}
	d.say("%d policies that are refused at the commit", n)
	if err := d.create(ctx, builder.Namespace(refusedSpace)); err != nil {
		return nil, err
	}
	if err := d.createAll(ctx, n, object); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("beside %d policies refused at the commit", n)
	first, err := d.newPolicies(ctx, "beside-unknown")
	if err != nil {
		return nil, err
	}
	rows := []row{d.times(what+": a new policy, the slowest", quantile(first, 1), median(alone), refusing)}
	for i := range n { // each is told that it was refused, alone or together with others
		if err := d.awaitVerdict(ctx, object(i)); err != nil {
			return rows, err
		}
	}
	more, err := d.knownRows(ctx, what+", known", "known", alone)
	if err != nil {
		return rows, err
	}
	rows = append(rows, more...)
	err = d.whileChanging(ctx, n, object, func(ctx context.Context) (err error) {
		annotated := fmt.Sprintf("%s, annotated up to %d times a second", what, changesEach)
		more, err = d.knownRows(ctx, annotated, "annotated", alone)
		return err
	})
	return append(rows, more...), err
}

// knownRows measure new policies, and the lock, beside refused ones that are known. The window begins and ends with the
// end of an attempt, so that it holds whole cycles of attempt and pause.
func (d *neighbours) knownRows(ctx context.Context, what, name string, alone []time.Duration) ([]row, error) {
	if err := d.nextAttempt(ctx); err != nil {
		return nil, err
	}
	before, begun := len(d.appliance.Stats().HoldTimes), time.Now()
	beside, err := d.newPolicies(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := d.pass(ctx, max(0, lockWindow-time.Since(begun))); err != nil {
		return nil, err
	}
	if err := d.nextAttempt(ctx); err != nil {
		return nil, err
	}
	attempts := refusedHolds(d.appliance, before)
	return []row{
		d.times(what+": a new policy, the slowest", quantile(beside, 1), median(alone), refusing),
		d.judge(what+": the lock held by them, of the time", total(attempts).Seconds()/time.Since(begun).Seconds(),
			refusedShare, percent, "", fmt.Sprintf("attempts: %d", len(attempts))),
	}, nil
}

// nextAttempt waits until a transaction ends without a commit, or a window passes without one.
func (d *neighbours) nextAttempt(ctx context.Context) error {
	before, begun := len(refusedHolds(d.appliance, 0)), time.Now()
	return d.until(ctx, "a refused commit", func() bool {
		return len(refusedHolds(d.appliance, 0)) > before || time.Since(begun) > lockWindow
	})
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }
