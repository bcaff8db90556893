// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=localusers,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=localusers/status,verbs=patch

// fieldPassword is the path of a difference that stands for a password to be set; its values are never shown.
const fieldPassword = "passwordSecretRef"

var userComparison = sps.Comparison{sps.MemberName: {Meaning: sps.NameMeaning}}

// SetupLocalUser adds the controller of LocalUser to a manager.
func SetupLocalUser(mgr ctrl.Manager, deps loop.Deps) error {
	return setup(mgr, deps, userVerbs{newPasswords(deps), deps.Pool.Accounts}, accountsCommitting)
}

// userVerbs are what is done on an appliance for a LocalUser.
type userVerbs struct {
	passwords *passwords
	// accounts are those that the operator logs in with to an appliance.
	accounts func(ctx context.Context, url string) (connection.Accounts, error)
}

func (v userVerbs) observe(
	ctx context.Context, _ appliance.View, obj *pamv1alpha1.LocalUser, seen *observation,
) error {
	name := obj.NameOnAppliance()
	if sps.IsBuiltIn(sps.Users, name) {
		return loop.MustAct(pamv1alpha1.ReasonInvalidSpec,
			"the user admin belongs to the appliance's owner: choose another name")
	}
	var err error
	if seen.managed, err = sps.ToBody(sps.User{Name: &name}); err != nil {
		return err
	}
	seen.complete = seen.managed
	if seen.exists() {
		seen.current.Body = sps.Dereference(seen.current.Body)
		seen.drift = inSpec("userName", sps.Diff(seen.managed, seen.current.Body, userComparison))
		is := seen.current.Name()
		if !sps.SameName(is, name) && (seen.accounts.Has(is) || sps.IsBuiltIn(sps.Users, is)) {
			seen.forbidden = fmt.Sprintf("the user with this key (%s) has been renamed to %q, which is an account that is "+
				"not managed: give it its name back on the appliance", seen.current.Key, is)
		}
	}
	return v.observePassword(ctx, obj, seen)
}

// observePassword finds out whether the password in the Secret, or the one on the appliance, is not the one that was
// last set. The appliance shows no passwords, only when they were created (docs/vendors/sps.md 7).
func (v userVerbs) observePassword(ctx context.Context, obj *pamv1alpha1.LocalUser, seen *observation) error {
	ref := obj.Spec.PasswordSecretRef
	if ref == nil {
		if !seen.exists() {
			return loop.MustAct(pamv1alpha1.ReasonInvalidSpec,
				"spec.passwordSecretRef: the appliance has no user %q, and a new one needs a password", obj.NameOnAppliance())
		}
		return nil
	}
	seen.incomparable = "its password cannot be compared: set adoptionPolicy: Always to adopt it and set the password"
	if obj.Status.Origin == pamv1alpha1.OriginAdopted && obj.Status.PasswordVersion == "" {
		seen.ours = false // it was adopted without its password, which we have not set yet
	}
	changed, digest, err := v.passwords.changed(ctx, obj)
	seen.secret = digest
	neverSet := obj.Spec.Observes() && obj.Status.PasswordVersion == "" // then there is nothing to compare with
	if seen.exists() && (changed || replaced(obj, *seen)) && !neverSet {
		seen.drift = append(seen.drift, sps.Difference{Path: fieldPassword})
	}
	return err
}

func (v userVerbs) create(
	ctx context.Context, tx *appliance.Transaction, obj *pamv1alpha1.LocalUser, seen observation,
) (string, error) {
	body, err := v.withPassword(ctx, tx, obj, seen.complete)
	if err != nil {
		return "", err
	}
	return tx.Create(ctx, sps.Users, body)
}

func (v userVerbs) update(
	ctx context.Context, tx *appliance.Transaction, obj *pamv1alpha1.LocalUser, seen observation,
) error {
	body := sps.Overlay(seen.current.Body, seen.managed, seen.complete)
	delete(body, "password_created") // the appliance sets it (docs/vendors/sps.md 7)
	var err error
	if obj.Spec.PasswordSecretRef != nil {
		if body, err = v.withPassword(ctx, tx, obj, body); err != nil {
			return err
		}
	}
	return tx.Replace(ctx, sps.Users, seen.current.Key, body)
}

// withPassword makes a password object and refers to it. It can be used once, and only in the transaction that made it
// (docs/vendors/sps.md 7), so every attempt makes its own.
func (v userVerbs) withPassword(
	ctx context.Context, tx *appliance.Transaction, obj *pamv1alpha1.LocalUser, body sps.Body,
) (sps.Body, error) {
	plain, now, err := v.passwords.read(ctx, obj)
	if err != nil {
		return nil, err
	}
	key, err := tx.CreatePassword(ctx, plain)
	if err != nil {
		return nil, err
	}
	v.passwords.remember(obj, now)
	// The time at which the appliance created it is read afterwards.
	obj.Status.PasswordVersion, obj.Status.PasswordSetAt = now.version, nil
	managed, err := sps.ToBody(sps.User{Password: &key})
	if err != nil {
		return nil, err
	}
	return sps.Overlay(body, managed, nil), nil
}

func (v userVerbs) delete(ctx context.Context, tx *appliance.Transaction, current sps.Record) error {
	accounts, err := v.accounts(ctx, tx.URL())
	if err != nil {
		return err
	}
	if is := current.Name; accounts.Has(is) || sps.IsBuiltIn(sps.Users, is) {
		return loop.MustAct(pamv1alpha1.ReasonDeletionBlocked, "the user with this key (%s) is called %q now, which is an "+
			"account that is never deleted: set deletionPolicy: Orphan", current.Key, is)
	}
	return deleteUser(ctx, tx, current)
}

// deleteUser removes a user from every group and then deletes it: the appliance may refuse to delete a member
// (docs/vendors/sps.md 7, inferred).
func deleteUser(ctx context.Context, tx *appliance.Transaction, user sps.Record) error {
	groups, err := tx.List(ctx, sps.Groups)
	if err != nil {
		return err
	}
	listing, err := tx.List(ctx, sps.Users)
	if err != nil {
		return err
	}
	users := listing.Records()
	for _, record := range groups.Records() {
		group, err := record.Object()
		if err != nil {
			continue
		}
		keys, err := sps.MemberKeys(group.Body, users)
		if err != nil || !slices.Contains(keys, user.Key) {
			continue // a group that cannot be read is left to the appliance, which may refuse the deletion
		}
		rest := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == user.Key })
		if err := tx.Replace(ctx, sps.Groups, group.Key, withMembers(sps.Dereference(group.Body), rest)); err != nil {
			return err
		}
	}
	return tx.Delete(ctx, sps.Users, user.Key)
}

func (v userVerbs) fillStatus(obj *pamv1alpha1.LocalUser, seen observation) {
	obj.Status.PasswordCreatedAt = passwordCreated(seen)
	if obj.Status.PasswordSetAt == nil && obj.Status.PasswordVersion != "" && len(seen.drift) == 0 {
		obj.Status.PasswordSetAt = obj.Status.PasswordCreatedAt.DeepCopy()
	}
}

// passwordCreated is when the appliance says that the password was created; nil if it does not say.
func passwordCreated(seen observation) *metav1.Time {
	created, ok := seen.current.Body["password_created"].(json.Number)
	if !ok {
		return nil
	}
	seconds, err := created.Int64()
	if err != nil || seconds <= 0 || seconds >= loop.MaxSeconds {
		return nil
	}
	return &metav1.Time{Time: time.Unix(seconds, 0)}
}

// replaced reports whether the appliance was given another password after ours. If one of the two times is unknown,
// that cannot be known.
func replaced(obj *pamv1alpha1.LocalUser, seen observation) bool {
	created, set := passwordCreated(seen), obj.Status.PasswordSetAt
	return created != nil && set != nil && !created.Equal(set)
}
