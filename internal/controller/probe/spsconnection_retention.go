// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// retain retains a connection while there are objects whose deletion needs it, so that a namespace can be deleted with
// everything in it and its objects are still removed from the appliance.
func (r spsConnections) retain(ctx context.Context, conn *pamv1alpha1.SPSConnection) (retention, error) {
	total, needing, err := r.dependents(ctx, conn)
	if err != nil {
		return retention{}, err
	}
	conn.Status.Dependents = &total
	need := needs{count: len(needing), what: "objects that have to be deleted through it",
		remedy: "delete them, or set their deletionPolicy: Orphan"}
	if len(needing) > 0 {
		need.example = client.ObjectKeyFromObject(needing[0])
	}
	return retain(ctx, r.Deps, conn, need)
}

// dependents counts the objects that refer to the connection, and returns those whose deletion needs it.
func (r spsConnections) dependents(
	ctx context.Context, conn *pamv1alpha1.SPSConnection,
) (total int32, needing []kinds.PolicyObject, err error) {
	for _, kind := range kinds.Through(kinds.SPSConnection) {
		list := kind.NewList()
		through := client.MatchingFields{loop.IndexConnection: client.ObjectKeyFromObject(conn).String()}
		if err := r.Client.List(ctx, list, through, client.UnsafeDisableDeepCopy); err != nil { // they are only read
			return 0, nil, err
		}
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			total++
			if p, ok := o.(kinds.PolicyObject); ok && loop.NeedsConnection(p) {
				needing = append(needing, p)
			}
			return nil
		})
	}
	return total, needing, nil
}

// watchNeeding wakes a connection that has to be retained, or no longer has to be.
func watchNeeding(b *builder.Builder, c client.Reader) *builder.Builder {
	wake := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		p, ok := obj.(kinds.PolicyObject)
		if !ok {
			return nil
		}
		conn := &pamv1alpha1.SPSConnection{}
		key := connection.Target(p.Connection(), p.GetNamespace())
		if c.Get(ctx, key, conn) != nil || conn.DeletionTimestamp.IsZero() && loop.HasFinalizer(conn) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: key}}
	})
	for _, kind := range kinds.Policies() {
		b = b.Watches(kind.New(), wake, builder.WithPredicates(predicate.Funcs{
			CreateFunc: func(event.CreateEvent) bool { return false }, // nothing needs the connection yet
			UpdateFunc: func(e event.UpdateEvent) bool {
				was, ok1 := e.ObjectOld.(kinds.PolicyObject)
				is, ok2 := e.ObjectNew.(kinds.PolicyObject)
				return ok1 && ok2 &&
					(loop.NeedsConnection(was) != loop.NeedsConnection(is) || was.GetGeneration() != is.GetGeneration())
			},
		}))
	}
	return b
}
