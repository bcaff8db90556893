// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=localusers,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=localusers/status,verbs=patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=localusers/finalizers,verbs=update

// builtInUser exists always and belongs to the appliance's owner (sps contract 7).
const builtInUser = "admin"

// fieldPassword is how a password that is to be set appears among the differences; its values are never shown.
const fieldPassword = "passwordSecretRef"

var userComparison = sps.Comparison{sps.MemberName: {Meaning: sps.NameMeaning}}

// setupLocalUser adds the controller of LocalUser to a manager.
func setupLocalUser(mgr ctrl.Manager, deps deps) error {
	r := &policyReconciler[*pamv1alpha1.LocalUser]{
		deps: deps, collection: sps.Users, verbs: userVerbs{newPasswords(deps), deps.pool.Accounts},
		together: accountsTogether,
	}
	r.siblings = siblingsOf(r, listUsers)
	b := r.builder(mgr, "localuser", &pamv1alpha1.LocalUser{}, &pamv1alpha1.LocalUserList{}).
		WatchesRawSource(deps.secrets.Source(dependentsOn(deps.client, &pamv1alpha1.LocalUserList{}, indexSecrets)))
	return r.complete(mgr, "localuser", b, func() *pamv1alpha1.LocalUser { return &pamv1alpha1.LocalUser{} })
}

func listUsers(ctx context.Context, c client.Reader, name string) ([]*pamv1alpha1.LocalUser, error) {
	var list pamv1alpha1.LocalUserList
	if err := c.List(ctx, &list, meaning(name), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

// userVerbs are what is done on an appliance for a LocalUser.
type userVerbs struct {
	passwords *passwords
	// accounts are those that the operator logs in with to an appliance.
	accounts func(ctx context.Context, url string) (connection.Accounts, error)
}

func (v userVerbs) observe(
	ctx context.Context, _ connection.View, obj *pamv1alpha1.LocalUser, seen *observation,
) error {
	name := obj.NameOnAppliance()
	if strings.EqualFold(name, builtInUser) {
		return mustAct(pamv1alpha1.ReasonInvalidSpec, "the user admin belongs to the appliance's owner: choose another name")
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
		if !sps.SameName(is, name) && (seen.accounts.Has(is) || strings.EqualFold(is, builtInUser)) {
			seen.forbidden = fmt.Sprintf("the user with this key (%s) has been renamed to %q, which is an account that is "+
				"not managed: give it its name back on the appliance", seen.current.Key, is)
		}
	}
	return v.observePassword(ctx, obj, seen)
}

// observePassword finds out whether the Secret holds another password than the one that was last set, or the appliance
// another one than that. It never shows a password, but when it was made (sps contract 7).
func (v userVerbs) observePassword(ctx context.Context, obj *pamv1alpha1.LocalUser, seen *observation) error {
	ref := obj.Spec.PasswordSecretRef
	if ref == nil {
		if !seen.exists() {
			return mustAct(pamv1alpha1.ReasonInvalidSpec,
				"spec.passwordSecretRef: the appliance has no user %q, and a new one needs a password", obj.NameOnAppliance())
		}
		return nil
	}
	seen.incomparable = "its password cannot be compared: set adoptionPolicy: Always to take it over and set the password"
	if obj.Status.Origin == pamv1alpha1.OriginAdopted && obj.Status.PasswordVersion == "" {
		seen.ours = false // it was taken over without its password, which is another's still
	}
	changed, err := v.passwords.changed(ctx, obj)
	neverSet := obj.Spec.Observes() && obj.Status.PasswordVersion == "" // then there is nothing to compare with
	if seen.exists() && (changed || replaced(obj, *seen)) && !neverSet {
		seen.drift = append(seen.drift, sps.Difference{Path: fieldPassword})
	}
	return err
}

func (v userVerbs) create(
	ctx context.Context, tx *connection.Transaction, obj *pamv1alpha1.LocalUser, seen observation,
) (string, error) {
	body, err := v.withPassword(ctx, tx, obj, seen.complete)
	if err != nil {
		return "", err
	}
	return tx.Create(ctx, sps.Users, body)
}

func (v userVerbs) update(
	ctx context.Context, tx *connection.Transaction, obj *pamv1alpha1.LocalUser, seen observation,
) error {
	body := sps.Overlay(seen.current.Body, seen.managed, seen.complete)
	delete(body, "password_created") // the appliance sets it (sps contract 7)
	var err error
	if obj.Spec.PasswordSecretRef != nil {
		if body, err = v.withPassword(ctx, tx, obj, body); err != nil {
			return err
		}
	}
	return tx.Replace(ctx, sps.Users, seen.current.Key, body)
}

// withPassword makes a password object and refers to it. It can be used once, and only in the transaction that made it
// (sps contract 7), so every attempt makes its own.
func (v userVerbs) withPassword(
	ctx context.Context, tx *connection.Transaction, obj *pamv1alpha1.LocalUser, body sps.Body,
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
	// When the appliance made it is seen afterwards.
	obj.Status.PasswordVersion, obj.Status.PasswordSetAt = now.version, nil
	managed, err := sps.ToBody(sps.User{Password: &key})
	if err != nil {
		return nil, err
	}
	return sps.Overlay(body, managed, nil), nil
}

func (v userVerbs) delete(ctx context.Context, tx *connection.Transaction, current sps.Object) error {
	accounts, err := v.accounts(ctx, tx.URL())
	if err != nil {
		return err
	}
	if is := current.Name(); accounts.Has(is) || strings.EqualFold(is, builtInUser) {
		return mustAct(pamv1alpha1.ReasonDeletionBlocked, "the user with this key (%s) is called %q now, which is an "+
			"account that is never deleted: set deletionPolicy: Orphan", current.Key, is)
	}
	return deleteUser(ctx, tx, current)
}

// maxSeconds is the last moment that a status can hold, in seconds since 1970: the end of the year 9999.
const maxSeconds = 253402300800

func (v userVerbs) report(obj *pamv1alpha1.LocalUser, seen observation) {
	obj.Status.PasswordCreatedAt = passwordCreated(seen)
	if obj.Status.PasswordSetAt == nil && obj.Status.PasswordVersion != "" && len(seen.drift) == 0 {
		obj.Status.PasswordSetAt = obj.Status.PasswordCreatedAt.DeepCopy()
	}
}

// passwordCreated is when the appliance says that it was given the password; nil if it does not tell.
func passwordCreated(seen observation) *metav1.Time {
	created, ok := seen.current.Body["password_created"].(json.Number)
	if !ok {
		return nil
	}
	seconds, err := created.Int64()
	if err != nil || seconds <= 0 || seconds >= maxSeconds {
		return nil
	}
	return &metav1.Time{Time: time.Unix(seconds, 0)}
}

// replaced says that the appliance was given another password since ours. Where one of the two times is not known,
// nobody can tell.
func replaced(obj *pamv1alpha1.LocalUser, seen observation) bool {
	created, set := passwordCreated(seen), obj.Status.PasswordSetAt
	return created != nil && set != nil && !created.Equal(set)
}
