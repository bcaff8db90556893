// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	appliances   = 20
	perAppliance = 50
	// together is how much longer many appliances at once may take than one, after the last create.
	together = 1.5
)

func measureAppliances(ctx context.Context, b *bench) ([]row, error) {
	listeners := make([]simulator.Listener, 0, appliances)
	for i := range appliances {
		listeners = append(listeners, listen(fmt.Sprintf("sps-%02d", i), b.appliance(slow)))
	}
	d, err := b.newBed(ctx, listeners...)
	if err != nil {
		return nil, err
	}
	connections := make([]client.Object, 0, appliances)
	for _, l := range listeners {
		connections = append(connections, d.toAppliance(l.Name))
	}
	if err := d.begin(ctx, connections...); err != nil {
		return nil, err
	}
	team, err := d.addTeam(ctx)
	if err != nil {
		return nil, err
	}
	one, err := d.spread(ctx, team, "one-", connections[:1])
	if err != nil {
		return nil, err
	}
	all, err := d.spread(ctx, team, "all-", connections)
	if err != nil {
		return nil, err
	}
	return []row{d.times(fmt.Sprintf("%d policies on each of %d appliances, from the last create until all are Ready",
		perAppliance, appliances), all, one, together)}, nil
}

// spread creates policies on appliances at the same time, and measures the time after the last create.
func (d *bed) spread(
	ctx context.Context, team client.Client, prefix string, to []client.Object,
) (time.Duration, error) {
	teams, creating := errgroup.WithContext(ctx)
	for i, connection := range to {
		teams.Go(func() error {
			object := numbered(fmt.Sprintf("%s%02d-", prefix, i), builder.Connection(connection.GetName(), ""))
			for n := range perAppliance {
				if err := team.Create(creating, object(n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := teams.Wait(); err != nil {
		return 0, err
	}
	created := time.Now()
	d.say("%d policies of %d appliances are created", perAppliance*len(to), len(to))
	at, err := d.awaitAll(ctx, perAppliance*len(to), policy(prefix, 0), pamv1alpha1.ReasonSynced)
	return at.Sub(created), err
}

// addTeam adds a user who may create policies and use the connections. Requests of administrators are exempt from the
// API server's priority and fairness, so a flood of theirs would also measure how long it holds up everybody else's.
func (d *bed) addTeam(ctx context.Context) (client.Client, error) {
	const name = "team"
	config, _, err := d.plane.AddUser(name)
	if err != nil {
		return nil, err
	}
	team, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	in, group := metav1.ObjectMeta{Namespace: namespace, Name: name}, []string{pamv1alpha1.GroupVersion.Group}
	return team, d.create(ctx,
		&rbacv1.Role{ObjectMeta: in, Rules: []rbacv1.PolicyRule{
			{APIGroups: group, Resources: []string{"rdpconnectionpolicies"}, Verbs: []string{"create"}},
			{APIGroups: group, Resources: []string{"spsconnections"}, Verbs: []string{"use"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: in,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		})
}
