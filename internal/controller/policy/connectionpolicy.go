// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"math"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// policiesCommitting is without a limit of its own: a batch may hold as many policies as there are workers.
const policiesCommitting = math.MaxInt

// setupConnectionPolicy adds the controller of the connection policies of one protocol to a manager.
func setupConnectionPolicy[T kinds.ConnectionPolicy](mgr ctrl.Manager, deps loop.Deps, m mapping[T]) error {
	return setup(mgr, deps, newConnectionPolicyVerbs(deps.Client, m), policiesCommitting)
}

// connectionPolicyVerbs are what is done on an appliance for a connection policy of any protocol.
type connectionPolicyVerbs[T kinds.ConnectionPolicy] struct {
	mapping    mapping[T]
	collection sps.Collection
	client     client.Reader
	shapes     *bodyShapes
	groups     *localGroups
}

func newConnectionPolicyVerbs[T kinds.ConnectionPolicy](c client.Reader, m mapping[T]) connectionPolicyVerbs[T] {
	collection := kinds.Of[T]().Collection
	return connectionPolicyVerbs[T]{
		mapping: m, collection: collection, client: c,
		shapes: &bodyShapes{collection: collection}, groups: newLocalGroups(),
	}
}

func (v connectionPolicyVerbs[T]) observe(ctx context.Context, view appliance.View, obj T, seen *observation) error {
	authorizers, err := v.authorizers(ctx, obj)
	if err != nil {
		return err
	}
	keys, err := resolve(ctx, view, v.mapping.references(obj, !seen.exists()))
	if err != nil {
		return err
	}
	if seen.managed, err = v.mapping.managed(obj, keys, authorizers); err != nil {
		return err
	}
	if seen.complete, err = v.mapping.complete(obj, seen.managed, keys); err != nil || !seen.exists() {
		return err
	}
	seen.current.Body = sps.Dereference(seen.current.Body)
	references := v.mapping.references(obj, false)
	for _, d := range sps.Diff(seen.managed, seen.current.Body, v.mapping.comparison) {
		d.Path = v.mapping.specPath(d.Path)
		seen.drift = append(seen.drift, withNames(ctx, view, references, d))
	}
	// No one else waits while the inventory is read, as they would in a transaction.
	if turn, ok := view.(*appliance.Turn); ok && len(seen.drift) == 0 {
		seen.remark = v.groups.remark(ctx, turn, obj.PolicyStatus().Appliance, obj.CommonSpec(), seen.current.Body)
	}
	return nil
}

func (v connectionPolicyVerbs[T]) create(
	ctx context.Context, tx *appliance.Transaction, _ T, seen observation,
) (string, error) {
	others, err := tx.List(ctx, v.collection)
	if err != nil {
		return "", err
	}
	template, ok := others.First()
	if !ok {
		return tx.Create(ctx, v.collection, sps.WithoutNulls(seen.complete))
	}
	like, err := template.Object()
	if err != nil {
		return "", err
	}
	return v.shapes.create(ctx, tx, candidates(like.Body, seen.managed, seen.complete))
}

func (v connectionPolicyVerbs[T]) update(
	ctx context.Context, tx *appliance.Transaction, _ T, seen observation,
) error {
	body := sps.Overlay(seen.current.Body, seen.managed, seen.complete)
	return tx.Replace(ctx, v.collection, seen.current.Key, sps.WithoutNulls(body))
}

func (v connectionPolicyVerbs[T]) delete(ctx context.Context, tx *appliance.Transaction, current sps.Record) error {
	return tx.Delete(ctx, v.collection, current.Key)
}

func (v connectionPolicyVerbs[T]) fillStatus(obj T, seen observation) {
	status := obj.CommonStatus()
	status.Position = nil
	if seen.exists() {
		status.Position = new(int32(seen.position + 1)) //nolint:gosec // a place in a list
	}
}

// authorizers are the names of the groups that accessControl names, rule by rule.
func (v connectionPolicyVerbs[T]) authorizers(ctx context.Context, obj T) ([]string, error) {
	var names []string
	for i, rule := range obj.CommonSpec().AccessControl {
		if rule.AuthorizerRef == nil {
			names = append(names, rule.Authorizer)
			continue
		}
		group := &pamv1alpha1.LocalUserGroup{}
		key := types.NamespacedName{Namespace: obj.GetNamespace(), Name: rule.AuthorizerRef.Name}
		if err := v.client.Get(ctx, key, group); err != nil {
			if apierrors.IsNotFound(err) {
				return nil, loop.Missing("spec.accessControl[%d].authorizerRef: LocalUserGroup %s does not exist", i, key)
			}
			return nil, err
		}
		field := fmt.Sprintf("accessControl[%d].authorizerRef", i)
		if err := onAppliance(field, kinds.LocalUserGroup, group, obj.PolicyStatus().Appliance); err != nil {
			return nil, err
		}
		names = append(names, group.NameOnAppliance())
	}
	return names, nil
}
