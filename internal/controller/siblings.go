// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// siblings are the objects of one kind that mean the same name on an appliance. One of them owns it: the oldest.
type siblings[T policyObject] struct {
	client client.Reader
	// list returns the objects of the kind that may mean a name, which are not to be changed.
	list func(ctx context.Context, c client.Reader, name string) ([]T, error)
}

// oldest refuses an object that is not the oldest one of those that mean the same object on the same appliance.
func (s siblings[T]) oldest(ctx context.Context, obj T, url string) error {
	all, err := s.list(ctx, s.client, obj.NameOnAppliance())
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.GetUID() == obj.GetUID() || other.NameOnAppliance() != obj.NameOnAppliance() || !before(other, obj) {
			continue
		}
		same, err := s.leadsTo(ctx, other, url)
		if err != nil {
			return err
		}
		if same {
			return mustAct(pamv1alpha1.ReasonConflict,
				"%q on this appliance is managed by %s, which is older: delete one of the two objects",
				obj.NameOnAppliance(), client.ObjectKeyFromObject(other))
		}
	}
	return nil
}

// leadsTo says whether an object goes to an appliance, through a connection that permits it.
func (s siblings[T]) leadsTo(ctx context.Context, obj T, url string) (bool, error) {
	c := &pamv1alpha1.SPSConnection{}
	key := connection.Target(obj.Connection(), obj.GetNamespace())
	if err := s.client.Get(ctx, key, c); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if connection.CanonicalURL(c.Spec.URL) != url {
		return false, nil
	}
	// One that never got onto the appliance has no claim: it may be there only to be in the way.
	return obj.PolicyStatus().Key != "" || obj.GetNamespace() == key.Namespace || holdsFinalizer(obj), nil
}

func holdsFinalizer(obj client.Object) bool {
	for _, f := range obj.GetFinalizers() {
		if f == pamv1alpha1.Finalizer {
			return true
		}
	}
	return false
}

// before says which of two objects is older; names break ties, so that there is always exactly one oldest.
func before(a, b client.Object) bool {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if !at.Equal(&bt) {
		return at.Before(&bt)
	}
	return a.GetNamespace()+"/"+a.GetName() < b.GetNamespace()+"/"+b.GetName()
}
