// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// leaseName is the Lease by which the managers choose their leader.
	leaseName = "pam-operator.io"
	// defaultLease is assumed of a Lease that does not say how long it holds.
	defaultLease = 15 * time.Second
)

// managerLabels are on the Deployment of the manager, however it was installed.
var managerLabels = client.MatchingLabels{"app.kubernetes.io/name": "pam-operator"}

// Managers are what runs of the operator, as far as it can be seen.
type Managers struct {
	Deployments []appsv1.Deployment
	Leases      []coordinationv1.Lease
	// Hidden is the missing right if not all of it may be seen.
	Hidden error
}

// Managers looks for managers in the whole cluster: a manager that runs elsewhere has a Lease and no Deployment.
func (c *Client) Managers(ctx context.Context) (Managers, error) {
	var m Managers
	deployments, leases := &appsv1.DeploymentList{}, &coordinationv1.LeaseList{}
	byName := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", leaseName)}
	for _, err := range []error{c.List(ctx, deployments, managerLabels), c.List(ctx, leases, byName)} {
		switch {
		case IsForbidden(err):
			m.Hidden = err
		case err != nil:
			return m, err
		}
	}
	m.Deployments, m.Leases = deployments.Items, leases.Items
	return m, nil
}

// Alive reports whether a manager acts: a Lease was renewed lately, or a pod is ready.
func (m Managers) Alive(now time.Time) bool {
	return slices.ContainsFunc(m.Leases, func(l coordinationv1.Lease) bool { return LeaseHeld(l, now) }) ||
		slices.ContainsFunc(m.Deployments, func(d appsv1.Deployment) bool { return d.Status.ReadyReplicas > 0 })
}

// LeaseHeld reports whether a Lease is held: by somebody who renewed it within twice the time that it holds, because
// clocks differ.
func LeaseHeld(l coordinationv1.Lease, now time.Time) bool {
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" || l.Spec.RenewTime == nil {
		return false
	}
	holds := defaultLease
	if seconds := l.Spec.LeaseDurationSeconds; seconds != nil {
		holds = time.Duration(*seconds) * time.Second
	}
	return now.Sub(l.Spec.RenewTime.Time) < 2*holds
}
