// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// leaseName is the Lease by which the managers choose their leader.
	leaseName = "pam-operator.io"
	// defaultLease is assumed of a Lease that does not say how long it holds.
	defaultLease = 15 * time.Second
	// leaseLook is how often a Lease is looked at, and leaseMargin how much longer than it holds.
	leaseLook, leaseMargin = 500 * time.Millisecond, time.Second
)

// managerLabels are on the Deployment of the manager, and on those of many other operators.
var managerLabels = client.MatchingLabels{"control-plane": "controller-manager"}

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
	m.Deployments = slices.DeleteFunc(m.Deployments, m.isOthers)
	return m, nil
}

// isOthers reports whether a Deployment is that of another operator. Ours has our name, which the chart can change, or
// is where our Lease is.
func (m Managers) isOthers(d appsv1.Deployment) bool {
	return d.Labels["app.kubernetes.io/name"] != "pam-operator" &&
		!slices.ContainsFunc(m.Leases, func(l coordinationv1.Lease) bool { return l.Namespace == d.Namespace })
}

// Ready reports whether a Pod of a manager is ready.
func (m Managers) Ready() bool {
	return slices.ContainsFunc(m.Deployments, func(d appsv1.Deployment) bool { return d.Status.ReadyReplicas > 0 })
}

// Alive reports whether a manager acts: a Pod is ready, or somebody leads. See Leading.
func (c *Client) Alive(ctx context.Context, m Managers) (bool, error) {
	if m.Ready() {
		return true, nil
	}
	leading, err := c.Leading(ctx, m)
	return len(leading) > 0, err
}

// Leading are the Leases that somebody renews. That is seen by watching them for as long as they hold: the times in
// them are by a clock that need not be ours.
func (c *Client) Leading(ctx context.Context, m Managers) ([]coordinationv1.Lease, error) {
	var leading []coordinationv1.Lease
	began := time.Now()
	open := slices.Clone(m.Leases)
	for {
		open = slices.DeleteFunc(open, func(l coordinationv1.Lease) bool {
			return Holder(l) == "" || time.Since(began) > Holds(l)+leaseMargin
		})
		if len(open) == 0 {
			return leading, nil
		}
		wait(ctx, leaseLook)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		now, err := c.Managers(ctx)
		if err != nil {
			return nil, err
		}
		open = slices.DeleteFunc(open, func(before coordinationv1.Lease) bool {
			i := slices.IndexFunc(now.Leases, func(l coordinationv1.Lease) bool { return renewed(before, l) })
			if i >= 0 {
				leading = append(leading, now.Leases[i])
			}
			return i >= 0
		})
	}
}

// renewed reports whether a Lease is another one as it was renewed, or taken over, since.
func renewed(before, now coordinationv1.Lease) bool {
	return before.Namespace == now.Namespace && Holder(now) != "" &&
		(Holder(before) != Holder(now) || !before.Spec.RenewTime.Equal(now.Spec.RenewTime))
}

// Holder is who holds a Lease; empty if nobody does.
func Holder(l coordinationv1.Lease) string { return ptr.Deref(l.Spec.HolderIdentity, "") }

// Holds is how long a Lease holds unless it is renewed.
func Holds(l coordinationv1.Lease) time.Duration {
	if seconds := l.Spec.LeaseDurationSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return defaultLease
}

// SeemsLeaderless reports whether no manager seems to lead, at a glance and as far as the caller may see it: `kubectl
// pam check` finds out whether that is so. Now is the API server's time.
func (c *Client) SeemsLeaderless(ctx context.Context, now time.Time) bool {
	m, err := c.Managers(ctx)
	return err == nil && m.Hidden == nil && !m.Ready() &&
		!slices.ContainsFunc(m.Leases, func(l coordinationv1.Lease) bool {
			return Holder(l) != "" && l.Spec.RenewTime != nil && now.Sub(l.Spec.RenewTime.Time) < 2*Holds(l)
		})
}
