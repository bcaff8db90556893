// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// siblings are the objects of one kind that mean the same name on an appliance. One of them owns it: the oldest of
// those that have a claim.
type siblings[T policyObject] struct {
	client client.Reader
	// list returns the objects of the kind that may mean a name, which are not to be changed.
	list func(ctx context.Context, c client.Reader, name string) ([]T, error)
	// permits fails if a connection does not permit an object now.
	permits func(ctx context.Context, c *pamv1alpha1.SPSConnection, obj T) error
	// collection is where the objects are on an appliance.
	collection sps.Collection
	// same says whether the appliance of the pass is also the one of another address, which is asked only where it shows
	// a key that was given there. Nil goes by the address alone.
	same func(ctx context.Context, url string) (bool, error)
}

func siblingsOf[T policyObject](
	r *policyReconciler[T], list func(ctx context.Context, c client.Reader, name string) ([]T, error),
) siblings[T] {
	return siblings[T]{
		client: r.client, list: list, collection: r.collection,
		permits: func(ctx context.Context, c *pamv1alpha1.SPSConnection, obj T) error {
			return r.pool.PermitsUse(ctx, c, obj.GetNamespace(), r.use(obj))
		},
	}
}

// oldest refuses an object if an older one has a claim on the same name of the same appliance, or if it would take over
// what a younger one manages there. One that only observes takes nothing from anybody, so it is never refused.
func (s siblings[T]) oldest(ctx context.Context, view connection.View, url string, obj T) error {
	if obj.Steward().Observes() {
		return nil
	}
	all, err := s.list(ctx, s.client, obj.NameOnAppliance())
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.GetUID() == obj.GetUID() || !sps.SameName(other.NameOnAppliance(), obj.NameOnAppliance()) {
			continue
		}
		refuses := s.yields
		if before(other, obj) {
			refuses = s.conflict
		}
		if err := refuses(ctx, view, url, other, obj); err != nil {
			return err
		}
	}
	return nil
}

// yields refuses an object that is not on the appliance if a younger one has a claim. That one got there first, because
// the older one was suspended or refused, and must not lose to it what it manages.
func (s siblings[T]) yields(ctx context.Context, view connection.View, url string, younger, obj T) error {
	if there, err := s.isThere(ctx, view, url, obj); err != nil || there {
		return err
	}
	if owns, err := s.claims(ctx, view, url, younger, obj); err != nil || !owns {
		return err
	}
	return mustAct(pamv1alpha1.ReasonConflict,
		"%q on this appliance is managed by %s, which was there first%s: delete one of the two objects",
		obj.NameOnAppliance(), client.ObjectKeyFromObject(younger), otherAddress(younger, url))
}

// otherAddress says that another object reaches the appliance under another address.
func otherAddress(other policyObject, url string) string {
	if at := other.PolicyStatus().Appliance; at != "" && at != url {
		return ", and whose connection leads to this same appliance as " + at
	}
	return ""
}

// conflict refuses an object if an older one of the same name has a claim on it.
func (s siblings[T]) conflict(ctx context.Context, view connection.View, url string, older, obj T) error {
	owns, err := s.claims(ctx, view, url, older, obj)
	if err != nil {
		return err
	}
	if owns {
		return mustAct(pamv1alpha1.ReasonConflict,
			"%q on this appliance is managed by %s, which is older%s: delete one of the two objects",
			obj.NameOnAppliance(), client.ObjectKeyFromObject(older), otherAddress(older, url))
	}
	if !mayBecomeOurs(older) {
		return nil
	}
	comes, err := s.onItsWay(ctx, view, url, older, obj)
	if err != nil || !comes {
		return err
	}
	return &problem{reason: pamv1alpha1.ReasonConflict, after: arrivalRecheck, message: fmt.Sprintf(
		"%q on this appliance is about to be managed by %s, which is older: delete one of the two objects",
		obj.NameOnAppliance(), client.ObjectKeyFromObject(older))}
}

const (
	// arrival is how long after its creation an object has a claim without being on the appliance. It gives the older one
	// of two that are created together its due; one that does not get there must not be in the way for ever.
	arrival = 10 * time.Minute
	// arrivalRecheck is when the younger one looks again.
	arrivalRecheck = 5 * time.Second
)

// claims says that an object owns its name on an appliance by what we wrote into its status: a key that the appliance
// shows under that name, or a creation whose outcome is not known. Against an object that has created what has this key
// there is no claim, and nor is what was found there one by itself; see counts.
func (s siblings[T]) claims(ctx context.Context, view connection.View, url string, obj, against T) (bool, error) {
	status := obj.PolicyStatus()
	if obj.Steward().Observes() || isLetGo(obj) {
		return false, nil
	}
	if pends, err := s.pends(ctx, url, obj, against); err != nil || pends {
		return pends, err
	}
	key := managedKey(obj)
	if key == "" || status.Appliance != url && s.same == nil {
		return false, nil
	}
	if counts, err := s.counts(ctx, url, obj, against); err != nil || !counts {
		return false, err
	}
	current, at, err := connection.ByKey(ctx, view, s.collection, key)
	if err != nil || at < 0 || !sps.SameName(current.Name(), obj.NameOnAppliance()) {
		return false, err
	}
	if status.Appliance == url {
		return true, nil
	}
	return s.same(ctx, status.Appliance)
}

// created says that an object has created what has a key on an appliance.
func created(obj policyObject, url, key string) bool {
	status := obj.PolicyStatus()
	return status.Origin == pamv1alpha1.OriginCreated && status.Appliance == url && status.Key == key
}

// pends says that the outcome of a creation of an object is not known, and counts against another one.
func (s siblings[T]) pends(ctx context.Context, url string, obj, against T) (bool, error) {
	p := obj.PolicyStatus().PendingCreation
	if p == nil || p.Appliance != url || p.Name != obj.NameOnAppliance() {
		return false, nil
	}
	return s.mayWrite(ctx, url, obj, against)
}

// counts says that the key which an object manages may be a claim against another object. It is none against the one
// that created what has it: an appliance gives a key once. What was only found there is one as mayWrite says.
func (s siblings[T]) counts(ctx context.Context, url string, obj, against T) (bool, error) {
	status := obj.PolicyStatus()
	if created(against, url, status.Key) && !created(obj, url, status.Key) {
		return false, nil
	}
	if status.Origin != pamv1alpha1.OriginAdopted {
		return true, nil
	}
	return s.mayWrite(ctx, status.Appliance, obj, against)
}

// mayWrite says that an object's connection may write on an appliance, as far as a claim against another object needs
// it. Whoever has an account that may only read can have a connection of their own, take over an equal object without a
// write, and try to create another one again and again: against the object of another connection that counts only once
// theirs has committed something there.
func (s siblings[T]) mayWrite(ctx context.Context, appliance string, obj, against T) (bool, error) {
	key := connection.Target(obj.Connection(), obj.GetNamespace())
	if key == connection.Target(against.Connection(), against.GetNamespace()) {
		return true, nil
	}
	c := &pamv1alpha1.SPSConnection{}
	if err := s.client.Get(ctx, key, c); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	last := c.Status.LastCommit
	return last != nil && last.Appliance == appliance, nil
}

// mayBecomeOurs says that an object is about to get onto its appliance, as far as the object itself tells. One that
// waits for somebody to act is not: it may be there only to be in the way.
func mayBecomeOurs(obj policyObject) bool {
	if obj.Steward().Observes() || obj.Steward().Suspended() || !obj.GetDeletionTimestamp().IsZero() ||
		time.Since(obj.GetCreationTimestamp().Time) > arrival {
		return false
	}
	ready := readyOf(obj)
	return ready == nil || ready.ObservedGeneration != obj.GetGeneration() ||
		ready.Reason == pamv1alpha1.ReasonProgressing || ready.Reason == pamv1alpha1.ReasonLocked
}

// onItsWay says that an older object will get onto the appliance: its connection leads there, permits it now, is ready
// and not suspended. It does not displace one that is there already.
func (s siblings[T]) onItsWay(
	ctx context.Context, view connection.View, url string, older, obj T,
) (bool, error) {
	c := &pamv1alpha1.SPSConnection{}
	key := connection.Target(older.Connection(), older.GetNamespace())
	if err := s.client.Get(ctx, key, c); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if connection.CanonicalURL(c.Spec.URL) != url || c.Suspended() || !isSettled(c) {
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

// isThere says that what an object manages is on an appliance, under whatever name.
func (s siblings[T]) isThere(ctx context.Context, view connection.View, url string, obj T) (bool, error) {
	status, key := obj.PolicyStatus(), managedKey(obj)
	if p := status.PendingCreation; p != nil && p.Appliance == url {
		return true, nil
	}
	if key == "" || status.Appliance != url {
		return false, nil
	}
	_, at, err := connection.ByKey(ctx, view, s.collection, key)
	return err == nil && at >= 0, err
}

// isLetGo says that nothing is done for an object any more: it was deleted, and the finalizer of somebody else keeps it
// in the cluster.
func isLetGo(obj client.Object) bool {
	return !obj.GetDeletionTimestamp().IsZero() && !holdsFinalizer(obj)
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
