// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// claimants are the objects of one kind that ask for the same name on an appliance. One of them is its owner: the
// oldest one that has a claim.
type claimants[T kinds.PolicyObject] struct {
	client client.Reader
	// list returns the objects of the kind that may have a name on an appliance. They must not be changed.
	list func(ctx context.Context, name string) ([]T, error)
	// permits fails if a connection does not permit an object now.
	permits func(ctx context.Context, c *pamv1alpha1.SPSConnection, obj T) error
	// collection is where the objects are on an appliance.
	collection sps.Collection
	// same reports whether another address leads to the appliance of the pass as well. It is asked only if the appliance
	// shows a key that was assigned at that address. Nil compares addresses only.
	same func(ctx context.Context, url string) (bool, error)
}

// admit refuses an object if an older claimant owns the name, or if it would displace a younger one that manages it
// already. An object that only observes displaces no one, so it is never refused.
func (s claimants[T]) admit(ctx context.Context, view appliance.View, url string, obj T) error {
	if obj.ManagementPolicies().Observes() {
		return nil
	}
	all, err := s.list(ctx, obj.NameOnAppliance())
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.GetUID() == obj.GetUID() || !sps.SameName(other.NameOnAppliance(), obj.NameOnAppliance()) {
			continue
		}
		yield := s.yieldToYounger
		if isOlder(other, obj) {
			yield = s.yieldToOlder
		}
		if err := yield(ctx, view, url, other, obj); err != nil {
			return err
		}
	}
	return nil
}

// yieldToYounger refuses an object that is not on the appliance if a younger one has a claim. The younger one got there
// first, because the older one was suspended or refused, and must not lose what it manages.
func (s claimants[T]) yieldToYounger(ctx context.Context, view appliance.View, url string, younger, obj T) error {
	if there, err := s.isThere(ctx, view, url, obj); err != nil || there {
		return err
	}
	if owns, err := s.hasClaim(ctx, view, url, younger, obj); err != nil || !owns {
		return err
	}
	return loop.MustAct(pamv1alpha1.ReasonConflict,
		"%q on this appliance is managed by %s, which was there first%s: delete one of the two objects",
		obj.NameOnAppliance(), client.ObjectKeyFromObject(younger), otherAddress(younger, url))
}

// otherAddress is a clause about the address under which another object reaches the appliance; empty if it is this one.
func otherAddress(other kinds.PolicyObject, url string) string {
	if at := other.PolicyStatus().Appliance; at != "" && at != url {
		return ", and whose connection reaches this same appliance as " + at
	}
	return ""
}

// yieldToOlder refuses an object if an older claimant has a claim, or is about to get one.
func (s claimants[T]) yieldToOlder(ctx context.Context, view appliance.View, url string, older, obj T) error {
	owns, err := s.hasClaim(ctx, view, url, older, obj)
	if err != nil {
		return err
	}
	if owns {
		return loop.MustAct(pamv1alpha1.ReasonConflict,
			"%q on this appliance is managed by %s, which is older%s: delete one of the two objects",
			obj.NameOnAppliance(), client.ObjectKeyFromObject(older), otherAddress(older, url))
	}
	if !mayArrive(older) {
		return nil
	}
	arrives, err := s.willArrive(ctx, view, url, older, obj)
	if err != nil || !arrives {
		return err
	}
	return &loop.Problem{Reason: pamv1alpha1.ReasonConflict, After: arrivalRecheck, Message: fmt.Sprintf(
		"%q on this appliance is about to be managed by %s, which is older: delete one of the two objects",
		obj.NameOnAppliance(), client.ObjectKeyFromObject(older))}
}

// hasClaim reports whether an object owns its name by what we wrote into its status: a key that the appliance shows
// under that name, or a creation whose outcome is unknown. See keyCounts for the keys that are no claim against another
// object.
func (s claimants[T]) hasClaim(ctx context.Context, view appliance.View, url string, obj, against T) (bool, error) {
	status := obj.PolicyStatus()
	if obj.ManagementPolicies().Observes() || loop.IsReleased(obj) {
		return false, nil
	}
	if counts, err := s.creationCounts(ctx, url, obj, against); err != nil || counts {
		return counts, err
	}
	key := loop.ManagedKey(obj)
	if key == "" || status.Appliance != url && s.same == nil {
		return false, nil
	}
	if counts, err := s.keyCounts(ctx, url, obj, against); err != nil || !counts {
		return false, err
	}
	current, at, err := appliance.ByKey(ctx, view, s.collection, key)
	if err != nil || at < 0 || !sps.SameName(current.Name, obj.NameOnAppliance()) {
		return false, err
	}
	if status.Appliance == url {
		return true, nil
	}
	return s.same(ctx, status.Appliance)
}

// created reports whether an object created what has a key on an appliance.
func created(obj kinds.PolicyObject, url, key string) bool {
	status := obj.PolicyStatus()
	return status.Origin == pamv1alpha1.OriginCreated && status.Appliance == url && status.Key == key
}

// creationCounts reports whether the outcome of an object's creation is unknown, and counts against another object.
func (s claimants[T]) creationCounts(ctx context.Context, url string, obj, against T) (bool, error) {
	p := obj.PolicyStatus().PendingCreation
	if p == nil || p.Appliance != url || p.Name != obj.NameOnAppliance() {
		return false, nil
	}
	return s.mayWrite(ctx, url, obj, against)
}

// keyCounts reports whether the key that an object manages may be a claim against another object. It is not one against
// the object that created what has it: an appliance assigns a key once. The key of an adopted object is one only if
// mayWrite.
func (s claimants[T]) keyCounts(ctx context.Context, url string, obj, against T) (bool, error) {
	status := obj.PolicyStatus()
	if created(against, url, status.Key) && !created(obj, url, status.Key) {
		return false, nil
	}
	if status.Origin != pamv1alpha1.OriginAdopted {
		return true, nil
	}
	return s.mayWrite(ctx, status.Appliance, obj, against)
}

// mayWrite reports whether an object's connection may write to an appliance, as far as a claim against an object of
// another connection depends on it. What was adopted is believed to be managed until a write is refused for lack of
// rights. Otherwise the connection must have committed something there: with an account that may only read, users can
// make a connection of their own and try to create objects again and again.
func (s claimants[T]) mayWrite(ctx context.Context, appliance string, obj, against T) (bool, error) {
	key := connection.Target(obj.Connection(), obj.GetNamespace())
	if key == connection.Target(against.Connection(), against.GetNamespace()) {
		return true, nil
	}
	c := &pamv1alpha1.SPSConnection{}
	if err := s.client.Get(ctx, key, c); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	status, is, last := obj.PolicyStatus(), loop.ReadyOf(obj), c.Status.LastCommit
	adopted := status.Origin == pamv1alpha1.OriginAdopted && status.Appliance == appliance &&
		(is == nil || is.Reason != pamv1alpha1.ReasonUnauthorized)
	return adopted || last != nil && last.Appliance == appliance, nil
}

// isThere reports whether what an object manages is on an appliance, under any name.
func (s claimants[T]) isThere(ctx context.Context, view appliance.View, url string, obj T) (bool, error) {
	status, key := obj.PolicyStatus(), loop.ManagedKey(obj)
	if p := status.PendingCreation; p != nil && p.Appliance == url {
		return true, nil
	}
	if key == "" || status.Appliance != url {
		return false, nil
	}
	_, at, err := appliance.ByKey(ctx, view, s.collection, key)
	return err == nil && at >= 0, err
}

// isOlder reports whether a is older than b. Names break ties, so that exactly one claimant is the oldest.
func isOlder(a, b client.Object) bool {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if !at.Equal(&bt) {
		return at.Before(&bt)
	}
	return a.GetNamespace()+"/"+a.GetName() < b.GetNamespace()+"/"+b.GetName()
}
