// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// fairness is how much longer one tenant's sessions may take beside another tenant of the same connection.
	fairness = 1.5
	// crowd is the namespace of the other tenant, crowdSessions how many sessions it has that the server has refused, and
	// crowdChanges how often in a second it changes the Secrets of their names.
	crowd         = "crowd"
	crowdSessions = 40
	crowdChanges  = 87
)

func measureTenants(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newNeighbours(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.refuseCrowd(ctx); err != nil {
		return nil, err
	}
	d.say("measuring undisturbed times")
	alone, err := d.takeSessions(ctx, "alone")
	if err != nil {
		return nil, err
	}
	d.say("changing the Secrets of %d refused sessions %d times a second", crowdSessions, crowdChanges)
	changing, stop := context.WithCancel(ctx)
	over := make(chan error, 1)
	go func() { over <- d.changeCrowd(changing) }()
	beside, err := d.takeSessions(ctx, "beside")
	stop()
	if crowded := <-over; err == nil {
		err = crowded
	}
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("beside %d refused sessions whose Secrets change %d times a second", crowdSessions, crowdChanges)
	return []row{
		d.fair(what+": a new session until its Secret", alone.session, beside.session),
		d.fair(what+": from cancel until the server receives it", alone.cancel, beside.cancel),
	}, nil
}

func (d *neighbours) fair(what string, alone, beside []time.Duration) row {
	without := quantile(alone, 0.5)
	return atMost(d.bench, limit[time.Duration]{
		what: what + ", median", measured: quantile(beside, 0.5), show: seconds,
		most:   time.Duration(fairness*float64(without)) + tick,
		detail: fmt.Sprintf("alone %s, %s", seconds(without), spread(beside)),
	})
}

// takeSessions is take without policies.
func (d *neighbours) takeSessions(ctx context.Context, name string) (takes, error) {
	var out takes
	for i := range d.takes {
		session, cancel, err := d.newSession(ctx, fmt.Sprintf("%s-%d", name, i))
		if err != nil {
			return out, fmt.Errorf("a session: %w", err)
		}
		out.session, out.cancel = append(out.session, session), append(out.cancel, cancel)
	}
	return out, nil
}

// refuseCrowd shares the connection with the crowd, and waits until the server has refused all its requests.
func (d *neighbours) refuseCrowd(ctx context.Context) error {
	c := d.npsConnection(builder.DefaultNPSConnection)
	patch := client.RawPatch("application/merge-patch+json",
		[]byte(`{"spec":{"allowedNamespaces":{"from":"All"},"grants":[{"namespaceSelector":{}}]}}`))
	refused := func(ctx context.Context) (bool, error) {
		var list pamv1alpha1.ActivitySessionList
		if err := d.client.List(ctx, &list, client.InNamespace(crowd)); err != nil {
			return false, err
		}
		n := 0
		for i := range list.Items {
			r := meta.FindStatusCondition(list.Items[i].Status.Conditions, pamv1alpha1.ConditionReady)
			if r != nil && r.Reason == pamv1alpha1.ReasonRejected {
				n++
			}
		}
		return n == crowdSessions, nil
	}
	return inOrder(ctx,
		func(ctx context.Context) error { return d.client.Patch(ctx, c, patch) },
		func(ctx context.Context) error {
			return d.connected(ctx, d.npsConnection(builder.DefaultNPSConnection))
		},
		func(ctx context.Context) error { return d.createEach(ctx, builder.Namespace(crowd)) },
		func(ctx context.Context) error {
			_, err := d.awaited(ctx, d.createCrowd, refused)
			return err
		},
		func(ctx context.Context) error { // a Secret that was there before would keep its session from being requested
			return d.createAll(ctx, crowdSessions, func(i int) client.Object { return crowdSecret(i) })
		})
}

// createCrowd creates the sessions of the crowd.
func (d *neighbours) createCrowd(ctx context.Context) error {
	in := builder.InNamespace(crowd)
	return d.createAll(ctx, crowdSessions, func(i int) client.Object {
		s := builder.ActivitySession(fmt.Sprint("refused-", i), in, builder.Activity("Linux patching"),
			builder.RequestedBy(controlplane.Admin))
		s.Spec.ConnectionRef = pamv1alpha1.ConnectionReference{
			Name: builder.DefaultNPSConnection, Namespace: namespace,
		}
		return s
	})
}

// crowdSecret is a Secret with the name of a connection Secret.
func crowdSecret(i int) *corev1.Secret {
	s := builder.ActivitySession(fmt.Sprint("refused-", i))
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: crowd, Name: s.SecretName()}}
}

// changeCrowd changes annotations of the crowd's Secrets until the context ends.
func (d *neighbours) changeCrowd(ctx context.Context) error {
	const forever = 1 << 30
	err := atRate(ctx, forever, crowdChanges, func(ctx context.Context, i int) error {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"look":"%d"}}}`, i)
		return d.client.Patch(ctx, crowdSecret(i%crowdSessions),
			client.RawPatch("application/merge-patch+json", []byte(patch)))
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // what was under way has failed
	}
	return err
}
