// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const (
	// maxPasses is how many objects of one kind are compared with one appliance at the same time. Objects that wait for a
	// commit do not count.
	maxPasses = 16
	// accountsCommitting is how many users, or groups, wait for the commits of one appliance at the same time. Unlike
	// connection policies, they do not come by the thousand.
	accountsCommitting = 200
)

// setup adds the controller of a policy kind to a manager. committing is how many of its objects wait for the commits
// of one appliance at the same time, below Concurrency.
func setup[T kinds.PolicyObject](mgr ctrl.Manager, deps loop.Deps, v verbs[T], committing int) error {
	r := newReconciler(deps, v)
	name := strings.ToLower(r.kind.Name)
	return loop.Complete(mgr, r.builder(mgr, name), loop.AsReconciler(r.Deps, r), lane.Options{
		Name:  name,
		Place: loop.LaneFor(r.Client, r.empty, placeOf[T]), Running: maxPasses, Reserved: loop.ReservedPasses,
		Aside: min(r.Concurrency, committing),
	})
}

func newReconciler[T kinds.PolicyObject](deps loop.Deps, v verbs[T]) *policyReconciler[T] {
	r := &policyReconciler[T]{Deps: deps, verbs: v, kind: kinds.Of[T]()}
	r.claimants = claimants[T]{
		client: r.Client, list: r.listByApplianceName, collection: r.kind.Collection,
		permits: func(ctx context.Context, c *pamv1alpha1.SPSConnection, obj T) error {
			return r.Pool.PermitsUse(ctx, c, obj.GetNamespace(), r.use(obj))
		},
	}
	return r
}

// empty is a new object of the kind.
func (r *policyReconciler[T]) empty() T {
	return r.kind.New().(T) //nolint:errcheck // kinds.Of found the kind by this type
}

// listByApplianceName returns the objects of the kind that may have a name on an appliance. They are the cache's own
// and must not be changed.
func (r *policyReconciler[T]) listByApplianceName(ctx context.Context, name string) ([]T, error) {
	list := r.kind.NewList()
	if err := r.Client.List(ctx, list, loop.ByApplianceName(name), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out []T
	return out, meta.EachListItem(list, func(o runtime.Object) error {
		out = append(out, o.(T)) //nolint:errcheck // a list holds objects of its kind
		return nil
	})
}

// builder has the watches of the kind: its objects, their connection, what they refer to, and the other claimants of
// their names.
func (r *policyReconciler[T]) builder(mgr ctrl.Manager, name string) *builder.Builder {
	list := r.kind.NewList()
	dependents := loop.DependentsOfConnection(r.Client, list)
	b := ctrl.NewControllerManagedBy(mgr).Named(name).
		For(r.kind.New(), loop.OnSpec()).
		Watches(r.kind.New(), r.Requests.Watch()).
		Watches(&pamv1alpha1.SPSConnection{}, dependents, loop.OnReadiness()).
		Watches(r.kind.New(), otherClaimants(r.Client, list), loop.OnDeletion()).
		WatchesRawSource(source.Channel(r.ConfigurationChanged.Subscribe(), dependents))
	for _, reference := range r.kind.References {
		index := loop.IndexReferences(reference.To)
		if to, ours := kinds.Named(reference.To); ours {
			b = b.Watches(to.New(), loop.DependentsOn(r.Client, list, index), onKeyOrReady())
		} else {
			b = b.WatchesRawSource(r.Secrets.Source(r.Referring(list, index)))
		}
	}
	return r.OnRelabelled(b, list)
}

// placeOf is the lane of the object's connection. Deletions take access away, so they go first.
func placeOf[T kinds.PolicyObject](obj T) lane.Place {
	return lane.Place{Lane: loop.LaneOf(obj), Urgent: !obj.GetDeletionTimestamp().IsZero()}
}

// otherClaimants enqueues the other objects of the kind that claim the same name on an appliance.
func otherClaimants(c client.Reader, list client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		p, ok := obj.(kinds.PolicyObject)
		if !ok {
			return nil
		}
		return loop.RequestsFor(ctx, c, list, func(o client.Object) bool {
			other, ok := o.(kinds.PolicyObject)
			return ok && sps.SameName(other.NameOnAppliance(), p.NameOnAppliance())
		}, loop.ByApplianceName(p.NameOnAppliance()))
	})
}

// onKeyOrReady passes the changes of a policy object that matter to those that refer to it: its key, and Ready.
func onKeyOrReady() builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok1 := e.ObjectOld.(kinds.PolicyObject)
		is, ok2 := e.ObjectNew.(kinds.PolicyObject)
		return ok1 && ok2 && (was.PolicyStatus().Key != is.PolicyStatus().Key || loop.ReadyTurned(e))
	}})
}
