// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=rdpconnectionpolicies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=rdpconnectionpolicies/status,verbs=patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=rdpconnectionpolicies/finalizers,verbs=update

// setupRDPConnectionPolicy adds the controller of RDPConnectionPolicy to a manager.
func setupRDPConnectionPolicy(mgr ctrl.Manager, deps deps) error {
	r := &policyReconciler[*pamv1alpha1.RDPConnectionPolicy]{
		deps: deps, collection: sps.RDPConnections, together: policiesTogether,
		verbs: rdpVerbs{client: deps.client, shapes: &rdpShapes{}, groups: newLocalGroups()},
	}
	r.siblings = siblingsOf(r, listRDPPolicies)
	list := &pamv1alpha1.RDPConnectionPolicyList{}
	b := r.builder(mgr, "rdpconnectionpolicy", &pamv1alpha1.RDPConnectionPolicy{}, list).
		Watches(&pamv1alpha1.LocalUserGroup{}, dependentsOn(deps.client, list, indexGroupRefs), onKeyOrReady())
	return r.complete(mgr, "rdpconnectionpolicy", b, func() *pamv1alpha1.RDPConnectionPolicy {
		return &pamv1alpha1.RDPConnectionPolicy{}
	})
}

func listRDPPolicies(
	ctx context.Context, c client.Reader, name string,
) ([]*pamv1alpha1.RDPConnectionPolicy, error) {
	var list pamv1alpha1.RDPConnectionPolicyList
	if err := c.List(ctx, &list, meaning(name), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

// rdpVerbs are what is done on an appliance for an RDPConnectionPolicy.
type rdpVerbs struct {
	client client.Reader
	shapes *rdpShapes
	groups *localGroups
}

func (v rdpVerbs) observe(
	ctx context.Context, view connection.View, obj *pamv1alpha1.RDPConnectionPolicy, seen *observation,
) error {
	authorizers, err := v.authorizers(ctx, obj)
	if err != nil {
		return err
	}
	keys, err := resolve(ctx, view, rdpReferences(&obj.Spec, !seen.exists()))
	if err != nil {
		return err
	}
	seen.managed, err = sps.ToBody(rdpManaged(obj.NameOnAppliance(), &obj.Spec, keys, authorizers))
	if err != nil {
		return err
	}
	if seen.complete, err = rdpComplete(seen.managed, &obj.Spec, keys); err != nil || !seen.exists() {
		return err
	}
	seen.current.Body = sps.Dereference(seen.current.Body)
	references := rdpReferences(&obj.Spec, false)
	for _, d := range sps.Diff(seen.managed, seen.current.Body, rdpComparison) {
		d.Path = specPath(d.Path)
		seen.drift = append(seen.drift, withNames(ctx, view, references, d))
	}
	// Nobody else waits while the inventory is read, as they would in a transaction.
	if inventory, ok := view.(*connection.Inventory); ok && len(seen.drift) == 0 {
		seen.remark = v.groups.remark(ctx, inventory, obj.Status.Appliance, &obj.Spec, seen.current.Body)
	}
	return nil
}

func (v rdpVerbs) create(
	ctx context.Context, tx *connection.Transaction, _ *pamv1alpha1.RDPConnectionPolicy, seen observation,
) (string, error) {
	others, err := tx.List(ctx, sps.RDPConnections)
	if err != nil {
		return "", err
	}
	template, ok := others.First()
	if !ok {
		return tx.Create(ctx, sps.RDPConnections, sps.WithoutNulls(seen.complete))
	}
	return v.shapes.create(ctx, tx, rdpCandidates(template.Object().Body, seen.managed, seen.complete))
}

func (v rdpVerbs) update(
	ctx context.Context, tx *connection.Transaction, _ *pamv1alpha1.RDPConnectionPolicy, seen observation,
) error {
	body := sps.Overlay(seen.current.Body, seen.managed, seen.complete)
	return tx.Replace(ctx, sps.RDPConnections, seen.current.Key, sps.WithoutNulls(body))
}

func (v rdpVerbs) delete(ctx context.Context, tx *connection.Transaction, current sps.Object) error {
	return tx.Delete(ctx, sps.RDPConnections, current.Key)
}

func (v rdpVerbs) report(obj *pamv1alpha1.RDPConnectionPolicy, seen observation) {
	obj.Status.Position = nil
	if seen.exists() {
		obj.Status.Position = new(int32(seen.position + 1)) //nolint:gosec // a place in a list
	}
}

// authorizers are the names of the groups that accessControl names, rule by rule.
func (v rdpVerbs) authorizers(ctx context.Context, obj *pamv1alpha1.RDPConnectionPolicy) ([]string, error) {
	var names []string
	for i, rule := range obj.Spec.AccessControl {
		if rule.AuthorizerRef == nil {
			names = append(names, rule.Authorizer)
			continue
		}
		group := &pamv1alpha1.LocalUserGroup{}
		key := types.NamespacedName{Namespace: obj.Namespace, Name: rule.AuthorizerRef.Name}
		if err := v.client.Get(ctx, key, group); err != nil {
			if apierrors.IsNotFound(err) {
				return nil, mustAct(pamv1alpha1.ReasonReferenceNotFound,
					"spec.accessControl[%d].authorizerRef: LocalUserGroup %s does not exist", i, key)
			}
			return nil, err
		}
		field := fmt.Sprintf("accessControl[%d].authorizerRef", i)
		if err := onAppliance(field, "LocalUserGroup", group, obj.Status.Appliance); err != nil {
			return nil, err
		}
		names = append(names, group.NameOnAppliance())
	}
	return names, nil
}

// pointers are pointers to the items of a list.
func pointers[T any](items []T) []*T {
	out := make([]*T, 0, len(items))
	for i := range items {
		out = append(out, &items[i])
	}
	return slices.Clip(out)
}
