// SPDX-License-Identifier: Apache-2.0

package controller

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
)

// hold keeps a connection for as long as there are objects whose deletion needs it, so that a namespace that is deleted
// with everything in it still gets its objects off the appliance.
func (r spsConnections) hold(ctx context.Context, conn *pamv1alpha1.SPSConnection) (kept keeping, err error) {
	total, needing, err := r.dependents(ctx, conn)
	if err != nil {
		return kept, err
	}
	conn.Status.Dependents = &total
	need := needs{count: len(needing), what: "objects that are to be deleted through it",
		remedy: "delete them, or set their deletionPolicy: Orphan"}
	if len(needing) > 0 {
		need.example = client.ObjectKeyFromObject(needing[0])
	}
	return r.keep(ctx, conn, need)
}

// dependents counts the objects that refer to the connection, and returns those whose deletion needs it.
func (r spsConnections) dependents(
	ctx context.Context, conn *pamv1alpha1.SPSConnection,
) (total int32, needing []policyObject, err error) {
	for _, list := range append(policyLists(), &pamv1alpha1.SessionTerminationList{}) {
		through := client.MatchingFields{indexConnection: client.ObjectKeyFromObject(conn).String()}
		if err := r.client.List(ctx, list, through, client.UnsafeDisableDeepCopy); err != nil { // they are only read
			return 0, nil, err
		}
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			total++
			if p, ok := o.(policyObject); ok && needsConnection(p) {
				needing = append(needing, p)
			}
			return nil
		})
	}
	return total, needing, nil
}

func policyLists() []client.ObjectList {
	return []client.ObjectList{
		&pamv1alpha1.RDPConnectionPolicyList{}, &pamv1alpha1.LocalUserList{}, &pamv1alpha1.LocalUserGroupList{},
	}
}

// watchNeeding wakes a connection that has to begin or to end being held.
func watchNeeding(b *builder.Builder, c client.Reader) *builder.Builder {
	wake := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		p, ok := obj.(policyObject)
		if !ok {
			return nil
		}
		conn := &pamv1alpha1.SPSConnection{}
		key := connection.Target(p.Connection(), p.GetNamespace())
		if c.Get(ctx, key, conn) != nil || conn.DeletionTimestamp.IsZero() && holdsFinalizer(conn) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: key}}
	})
	for _, kind := range []client.Object{
		&pamv1alpha1.RDPConnectionPolicy{}, &pamv1alpha1.LocalUser{}, &pamv1alpha1.LocalUserGroup{},
	} {
		b = b.Watches(kind, wake, builder.WithPredicates(predicate.Funcs{
			CreateFunc: func(event.CreateEvent) bool { return false }, // nothing needs the connection yet
			UpdateFunc: func(e event.UpdateEvent) bool {
				was, ok1 := e.ObjectOld.(policyObject)
				is, ok2 := e.ObjectNew.(policyObject)
				return ok1 && ok2 && (needsConnection(was) != needsConnection(is) || was.GetGeneration() != is.GetGeneration())
			},
		}))
	}
	return b
}
