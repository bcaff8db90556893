// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func describeUser(
	ctx context.Context, d *Describer, record sps.Record, name string,
) (kinds.PolicyObject, []Missing, error) {
	obj := &pamv1alpha1.LocalUser{Spec: pamv1alpha1.LocalUserSpec{
		ConnectionRef: d.Connection, UserName: nameBeside(name, record.Name),
	}}
	d.identify(obj, name)
	current, err := record.Object()
	if err != nil {
		return nil, whole(err.Error()), nil
	}
	managed, err := sps.ToBody(sps.User{Name: &record.Name})
	if err != nil {
		return nil, nil, err
	}
	faults, err := d.Check(ctx, obj)
	if err != nil || len(faults) > 0 {
		return nil, refused(faults), err
	}
	missing := []Missing{{
		Field:  fieldPassword,
		Reason: "an appliance never shows passwords: it keeps the one that it has, which is not managed",
	}}
	for _, path := range sps.Unmanaged(managed, sps.Dereference(current.Body)) {
		if member, _, _ := strings.Cut(path, "."); member != "password" && member != "password_created" {
			missing = append(missing, Missing{Field: path, Reason: noField})
		}
	}
	return obj, missing, nil
}

// oddMember is why a group cannot be managed: it would lose such a member.
const oddMember = "a member of it is no local user with a name of its own, so the group cannot be managed"

func describeGroup(
	ctx context.Context, d *Describer, record sps.Record, name string,
) (kinds.PolicyObject, []Missing, error) {
	obj := &pamv1alpha1.LocalUserGroup{Spec: pamv1alpha1.LocalUserGroupSpec{
		ConnectionRef: d.Connection, GroupName: nameBeside(name, record.Name), Members: []pamv1alpha1.GroupMember{},
	}}
	d.identify(obj, name)
	users, err := d.View.List(ctx, sps.Users)
	if err != nil {
		return nil, nil, err
	}
	current, err := record.Object()
	if err != nil {
		return nil, whole(err.Error()), nil
	}
	body := current.Body
	if d.directory == nil {
		directory := sps.NewDirectory(users.All())
		d.directory = &directory
	}
	keys, err := d.directory.MemberKeys(body)
	if err != nil {
		return nil, whole(oddMember), nil //nolint:nilerr // that is the result
	}
	for _, key := range keys {
		member, found := d.member(users, key)
		if !found {
			return nil, whole(oddMember), nil
		}
		obj.Spec.Members = append(obj.Spec.Members, member)
	}
	faults, err := d.Check(ctx, obj)
	if err != nil || len(faults) > 0 {
		return nil, refused(faults), err
	}
	managed, err := sps.ToBody(groupManaged(record.Name, true, keys))
	if err != nil {
		return nil, nil, err
	}
	var missing []Missing
	for _, path := range sps.Unmanaged(managed, body) {
		missing = append(missing, Missing{Field: path, Reason: noField})
	}
	return obj, missing, nil
}

// member names a user of a group: by its object, if there is one.
func (d *Describer) member(users *appliance.Listing, key string) (member pamv1alpha1.GroupMember, found bool) {
	if ref := d.UserRef(key); ref != "" {
		return pamv1alpha1.GroupMember{UserRef: &pamv1alpha1.LocalReference{Name: ref}}, true
	}
	name := users.UniqueName(key)
	return pamv1alpha1.GroupMember{User: name}, name != ""
}
