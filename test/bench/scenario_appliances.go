// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
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
	kubeconfig, err := d.addTeam(ctx)
	if err != nil {
		return nil, err
	}
	one, err := d.spreadOver(ctx, kubeconfig, "one", names[:1])
	if err != nil {
		return nil, err
	}
	all, err := d.spreadOver(ctx, kubeconfig, "all", names)
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

// spreadOver applies policies to appliances, one kubectl each at the same time, as teams do, and measures the time
// after the last policy was created. Requests of administrators are exempt from the API server's priority and fairness,
// so a flood of theirs would also measure how long it holds up everybody else's.
func (d *neighbours) spreadOver(
	ctx context.Context, kubeconfig, prefix string, names []string,
) (time.Duration, error) {
	before, _ := d.policies.count(pamv1alpha1.ReasonSynced)
	teams, applying := errgroup.WithContext(ctx)
	for i, name := range names {
		teams.Go(func() error { return d.applyPolicies(applying, kubeconfig, prefix, i, name) })
	}
	if err := teams.Wait(); err != nil {
		return 0, err
	}
	n := len(names) * d.perAppliance
	d.say("%d policies of %d appliances are created", n, len(names))
	at, err := d.await(ctx, pamv1alpha1.ReasonSynced, before+n)
	return at.Sub(d.policies.lastAdded()), err
}

// addTeam adds a user who may write policies and use the connections, and returns the path of its kubeconfig.
func (d *neighbours) addTeam(ctx context.Context) (string, error) {
	const name = "team"
	_, kubeconfig, err := d.plane.AddUser(name)
	if err != nil {
		return "", err
	}
	file := d.path(name + ".kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		return "", err
	}
	in, group := metav1.ObjectMeta{Namespace: namespace, Name: name}, []string{pamv1alpha1.GroupVersion.Group}
	return file, d.createEach(ctx,
		&rbacv1.Role{ObjectMeta: in, Rules: []rbacv1.PolicyRule{
			{APIGroups: group, Resources: []string{"rdpconnectionpolicies"}, Verbs: []string{"get", "create", "patch"}},
			{APIGroups: group, Resources: []string{"spsconnections"}, Verbs: []string{"use"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: in,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		})
}

// applyPolicies applies the policies of one team, whose connection has this name.
func (d *neighbours) applyPolicies(ctx context.Context, kubeconfig, prefix string, team int, connection string) error {
	objects := make([]client.Object, 0, d.perAppliance)
	for i := range d.perAppliance {
		number := team*d.perAppliance + i
		p := policy(fmt.Sprintf("%s-%05d", prefix, number), number)
		p.Spec.ConnectionRef.Name = connection
		objects = append(objects, p)
	}
	manifest, err := builder.Manifest(objects...)
	if err != nil {
		return err
	}
	_, err = installation.Kubectl(ctx, d.plane.Kubectl(), manifest, "--kubeconfig="+kubeconfig,
		"--cache-dir="+d.path("kubectl"), "apply", "--server-side", "--filename=-")
	return err
}
