// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=localusergroups,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=localusergroups/status,verbs=patch

// SetupLocalUserGroup adds the controller of LocalUserGroup to a manager.
func SetupLocalUserGroup(mgr ctrl.Manager, deps loop.Deps) error {
	return setup(mgr, deps, groupVerbs{client: deps.Client, accounts: deps.Pool.Accounts}, accountsCommitting)
}

// groupVerbs are what is done on an appliance for a LocalUserGroup.
type groupVerbs struct {
	client client.Reader
	// accounts are those that the operator logs in with to an appliance.
	accounts func(ctx context.Context, url string) (connection.Accounts, error)
}

func (v groupVerbs) observe(
	ctx context.Context, view appliance.View, obj *pamv1alpha1.LocalUserGroup, seen *observation,
) error {
	name := obj.NameOnAppliance()
	if sps.IsBuiltIn(sps.Groups, name) {
		return loop.MustAct(pamv1alpha1.ReasonInvalidSpec,
			"the group %s comes with the appliance and is not managed: choose another name", name)
	}
	listing, err := view.List(ctx, sps.Users)
	if err != nil {
		return err
	}
	users := listing.Records()
	wanted, err := v.members(ctx, obj, listing)
	if err != nil {
		return err
	}
	if seen.exists() {
		if wanted, err = observeMembers(obj, seen, users, wanted); err != nil {
			return err
		}
	}
	if seen.managed, err = sps.ToBody(groupManaged(name, obj.Spec.Members != nil, wanted)); err != nil {
		return err
	}
	seen.complete = withMembers(seen.managed, wanted)
	if seen.exists() {
		seen.drift = inSpec("groupName", sps.Diff(seen.managed, seen.current.Body, groupComparison))
		namesOfMembers(seen.drift, users, wanted, seen.members)
		seen.forbidden = removesAccount(seen, wanted, users)
	}
	return nil
}

// observeMembers reads the members of a group that exists, and returns those that it should have: wanted, and with
// membership Additive also those that it has.
func observeMembers(
	obj *pamv1alpha1.LocalUserGroup, seen *observation, users []sps.Record, wanted []string,
) ([]string, error) {
	current, err := sps.MemberKeys(seen.current.Body, users)
	if err != nil {
		return nil, loop.MustAct(pamv1alpha1.ReasonRejected, "%v", err)
	}
	seen.current.Body = withMembers(seen.current.Body, current)
	seen.members = memberNames(users, current)
	// What is adopted as identical may be changed later, so the spec has to name all members.
	if len(union(wanted, current)) > len(wanted) {
		seen.incomparable = "the spec does not name all of its members: name them, or set adoptionPolicy: Always"
	}
	if obj.Spec.Membership == pamv1alpha1.MembershipAdditive {
		return union(current, wanted), nil
	}
	return wanted, nil
}

// members are the keys of the users that the spec names.
func (v groupVerbs) members(
	ctx context.Context, obj *pamv1alpha1.LocalUserGroup, users *appliance.Listing,
) ([]string, error) {
	keys := []string{}
	for i, member := range obj.Spec.Members {
		name := member.User
		if member.UserRef != nil {
			user, err := v.user(ctx, obj, i)
			if err != nil {
				return nil, err
			}
			name = user.NameOnAppliance()
		}
		key, err := memberKey(ctx, users, i, name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (v groupVerbs) user(
	ctx context.Context, obj *pamv1alpha1.LocalUserGroup, i int,
) (*pamv1alpha1.LocalUser, error) {
	user := &pamv1alpha1.LocalUser{}
	key := types.NamespacedName{Namespace: obj.Namespace, Name: obj.Spec.Members[i].UserRef.Name}
	if err := v.client.Get(ctx, key, user); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, loop.Missing("spec.members[%d].userRef: LocalUser %s does not exist", i, key)
		}
		return nil, err
	}
	return user, onAppliance(fmt.Sprintf("members[%d].userRef", i), "LocalUser", user, obj.Status.Appliance)
}

func (v groupVerbs) create(
	ctx context.Context, tx *appliance.Transaction, _ *pamv1alpha1.LocalUserGroup, seen observation,
) (string, error) {
	return tx.Create(ctx, sps.Groups, seen.complete)
}

func (v groupVerbs) update(
	ctx context.Context, tx *appliance.Transaction, _ *pamv1alpha1.LocalUserGroup, seen observation,
) error {
	body := sps.Overlay(seen.current.Body, seen.managed, seen.complete)
	return tx.Replace(ctx, sps.Groups, seen.current.Key, body)
}

func (v groupVerbs) delete(ctx context.Context, tx *appliance.Transaction, current sps.Record) error {
	accounts, err := v.accounts(ctx, tx.URL())
	if err != nil {
		return err
	}
	if err := deletesAccount(ctx, tx, accounts, current); err != nil {
		return err
	}
	return tx.Delete(ctx, sps.Groups, current.Key)
}

// deletesAccount refuses to delete a group with an account that the operator logs in with.
func deletesAccount(
	ctx context.Context, tx *appliance.Transaction, accounts connection.Accounts, record sps.Record,
) error {
	group, err := record.Object()
	if err != nil {
		return err
	}
	listing, err := tx.List(ctx, sps.Users)
	if err != nil {
		return err
	}
	users := listing.Records()
	members, err := sps.MemberKeys(group.Body, users)
	if err != nil {
		return loop.MustAct(pamv1alpha1.ReasonDeletionBlocked,
			"%v, so it is unknown whether the group has an account with which a connection logs in", err)
	}
	for _, u := range users {
		if slices.Contains(members, u.Key) && accounts.Has(u.Name) {
			return loop.MustAct(pamv1alpha1.ReasonDeletionBlocked,
				"the group has %q as a member, %s: remove it from the group on the appliance first, or set "+
					"deletionPolicy: Orphan", u.Name, whoseAccount(u.Name))
		}
	}
	return nil
}

func (v groupVerbs) fillStatus(obj *pamv1alpha1.LocalUserGroup, seen observation) {
	obj.Status.Members = seen.members
}
