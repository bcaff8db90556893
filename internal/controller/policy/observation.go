// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// observation is what was seen of one object on an appliance.
type observation struct {
	// current is the object that is there; its Key is empty if there is none. Its body is in the form in which it would be
	// written: references are keys.
	current sps.Object
	// position is the object's place in its collection, from 0.
	position int
	// managed is what the spec asks for, and nothing else.
	managed sps.Body
	// complete is the full body that would be created.
	complete sps.Body
	// drift is where current differs from managed, in terms of the spec.
	drift []sps.Difference
	// incomparable is why what is there cannot be called identical although nothing of the spec differs, and how to adopt
	// it all the same; empty if it can be compared.
	incomparable string
	// members are the names of the members of a group.
	members []string
	// secret is a keyed digest of what is written beside the body, and not shown.
	secret string
	// ours says that the object is already known to be ours.
	ours bool
	// accounts are those that the operator logs in with; they must keep what they have.
	accounts connection.Accounts
	// remark is added to the message of an object that is in sync: not a fault, but perhaps a mistake.
	remark string
	// forbidden is why the difference must not be repaired; empty if it may be.
	forbidden string
}

func (o observation) exists() bool { return o.current.Key != "" }

// different reports whether the appliance is not as the spec asks.
func (o observation) different() bool { return !o.exists() || len(o.drift) > 0 }

// withoutBodies is what is needed of an observation while its change waits for the transaction, in which the object is
// observed again. Hundreds may wait, for as long as the appliance likes.
func (o observation) withoutBodies() observation {
	o.current.Body, o.managed, o.complete, o.members = nil, nil, nil, nil
	drift := make([]sps.Difference, 0, len(o.drift))
	for _, d := range o.drift {
		drift = append(drift, sps.Difference{Path: d.Path})
	}
	o.drift = drift
	return o
}

// forbids is the refusal to repair a difference.
func (o observation) forbids() error {
	return loop.MustAct(pamv1alpha1.ReasonInvalidSpec, "%s", o.forbidden)
}

// What proves that something on an appliance is ours is in the status, which users of the shipped roles cannot write:
// the key together with the origin, and, from before a create until its key is known, the pending creation. A finalizer
// or an annotation proves nothing, and neither does a key alone: an object that only observes has one, too.

// own records that what was seen is managed from now on.
func (o observation) own(status *pamv1alpha1.PolicyStatus) {
	if status.Key != o.current.Key || status.Origin == "" {
		status.Origin = pamv1alpha1.OriginAdopted
		if o.ours { // created without an answer
			status.Origin = pamv1alpha1.OriginCreated
		}
	}
	status.Key, status.PendingCreation = o.current.Key, nil
}

// observe finds the object, by its key if it manages one and else by its name, and compares. What is found by its name
// is ours only if we know that we made it.
func (r *policyReconciler[T]) observe(
	ctx context.Context, view appliance.View, obj T, ours bool,
) (observation, error) {
	seen, err := r.find(ctx, view, obj)
	if err != nil {
		return seen, err
	}
	seen.ours = ours || seen.exists() && seen.current.Key == loop.ManagedKey(obj)
	if seen.accounts, err = r.accounts(ctx, obj.PolicyStatus().Appliance); err != nil {
		return seen, err
	}
	err = r.verbs.observe(discreet(ctx, obj), view, obj, &seen)
	return seen, err
}

func (r *policyReconciler[T]) find(ctx context.Context, view appliance.View, obj T) (observation, error) {
	if key := loop.ManagedKey(obj); key != "" {
		found, at, err := appliance.ByKey(ctx, view, r.kind.Collection, key)
		if err != nil || at >= 0 {
			return observe(view, found, at, err)
		}
	}
	found, at, err := appliance.ByName(ctx, view, r.kind.Collection, obj.NameOnAppliance())
	return observe(view, found, at, err)
}

// observe decodes what was found. In a turn others are compared meanwhile, so the memory for it is counted.
func observe(view appliance.View, found sps.Record, at int, err error) (observation, error) {
	if err != nil {
		return observation{position: at}, err
	}
	decode := sps.Record.Object
	if turn, ok := view.(*appliance.Turn); ok {
		decode = func(r sps.Record) (sps.Object, error) { return turn.Decode(r) }
	}
	current, err := decode(found)
	return observation{current: current, position: at}, err
}

// isInSync reports whether the last pass found the object ready with its present spec.
func isInSync(obj loop.Object) bool {
	ready := loop.ReadyOf(obj)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == obj.GetGeneration()
}
