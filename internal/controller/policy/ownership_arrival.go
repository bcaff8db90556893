// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

const (
	// arrival is how long after its creation an object has a claim without being on the appliance. Within it, the older
	// one of two objects that are created together wins; an object that never gets there must not block others forever.
	arrival = 10 * time.Minute
	// arrivalRecheck is when the younger one looks again.
	arrivalRecheck = 5 * time.Second
)

// mayArrive reports whether an object is about to get onto its appliance, as far as the object itself shows. One that
// waits for a user to act is not: it may exist only to block others.
func mayArrive(obj kinds.PolicyObject) bool {
	policies := obj.ManagementPolicies()
	if policies.Observes() || policies.Suspended() || !obj.GetDeletionTimestamp().IsZero() ||
		time.Since(obj.GetCreationTimestamp().Time) > arrival {
		return false
	}
	ready := loop.ReadyOf(obj)
	return ready == nil || ready.ObservedGeneration != obj.GetGeneration() ||
		ready.Reason == pamv1alpha1.ReasonProgressing || ready.Reason == pamv1alpha1.ReasonLocked
}

// willArrive reports whether an older object will get onto the appliance: its connection leads there, permits it now,
// is ready and not suspended. It does not displace an object that is there already.
func (s claimants[T]) willArrive(
	ctx context.Context, view appliance.View, url string, older, obj T,
) (bool, error) {
	c := &pamv1alpha1.SPSConnection{}
	key := connection.Target(older.Connection(), older.GetNamespace())
	if err := s.client.Get(ctx, key, c); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if connection.CanonicalURL(c.Spec.URL) != url || c.Suspended() || !isInSync(c) {
		return false, nil
	}
	if err := s.permits(ctx, c, older); err != nil {
		if connection.IsNotPermitted(err) || connection.IsInvalid(err) {
			return false, nil
		}
		return false, err
	}
	there, err := s.isThere(ctx, view, url, obj)
	return !there, err
}
