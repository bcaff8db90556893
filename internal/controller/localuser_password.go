// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// passwords reads the Secrets of LocalUsers, and tells a new password from a new label: a Secret's version changes with
// both, so digests of the contents decide. They are keyed with a random key and never leave the process.
type passwords struct {
	cache client.Reader
	live  client.Reader
	salt  []byte

	mu   sync.Mutex
	seen map[types.NamespacedName]password
}

// password is what is remembered of the password of one LocalUser.
type password struct {
	// version is the version of the Secret that it was read from.
	version string
	digest  string
}

func newPasswords(deps deps) *passwords {
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // never fails
	return &passwords{cache: deps.cache, live: deps.live, salt: salt, seen: map[types.NamespacedName]password{}}
}

// changed says whether the Secret holds another password than the one that was last set. Where only the Secret's
// version is another one, it is taken over into the status.
func (p *passwords) changed(ctx context.Context, obj *pamv1alpha1.LocalUser) (bool, error) {
	version, err := p.version(ctx, obj)
	if err != nil {
		return false, err
	}
	last, known := p.lastSet(obj)
	if known && version == last.version {
		return false, nil
	}
	plain, version, err := p.read(ctx, obj)
	if err != nil {
		return false, err
	}
	same := version == obj.Status.PasswordVersion || known && last.digest == p.digest(plain)
	if !same {
		return true, nil
	}
	obj.Status.PasswordVersion = version
	p.remember(obj, version, plain)
	return false, nil
}

// lastSet is the password that was last set; it is not known before the Secret has been read by this process.
func (p *passwords) lastSet(obj *pamv1alpha1.LocalUser) (password, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, ok := p.seen[client.ObjectKeyFromObject(obj)]
	return last, ok && last.version == obj.Status.PasswordVersion
}

// remember keeps what lastSet returns, once the status has this version.
func (p *passwords) remember(obj *pamv1alpha1.LocalUser, version, plain string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[client.ObjectKeyFromObject(obj)] = password{version: version, digest: p.digest(plain)}
}

func (p *passwords) digest(plain string) string {
	h := hmac.New(sha256.New, p.salt)
	_, _ = h.Write([]byte(plain))
	return string(h.Sum(nil))
}

// version identifies the present content of a user's Secret, and tells nothing about it.
func (p *passwords) version(ctx context.Context, obj *pamv1alpha1.LocalUser) (string, error) {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(connection.SecretKind())
	if err := p.cache.Get(ctx, secretOf(obj), meta); err != nil {
		return "", secretError(obj, err)
	}
	return versionOf(meta, obj), nil
}

func (p *passwords) read(ctx context.Context, obj *pamv1alpha1.LocalUser) (plain, version string, err error) {
	secret := &corev1.Secret{}
	if err := p.live.Get(ctx, secretOf(obj), secret); err != nil {
		return "", "", secretError(obj, err)
	}
	key := obj.Spec.PasswordSecretRef.Key
	if len(secret.Data[key]) == 0 {
		return "", "", mustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.passwordSecretRef: Secret %s has no key %s, or an empty one", secretOf(obj), key)
	}
	return string(secret.Data[key]), versionOf(secret, obj), nil
}

func secretOf(obj *pamv1alpha1.LocalUser) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.Namespace, Name: obj.Spec.PasswordSecretRef.Name}
}

// versionOf changes with the Secret, and with the key within it that the user names.
func versionOf(secret client.Object, obj *pamv1alpha1.LocalUser) string {
	key := sha256.Sum256([]byte(obj.Spec.PasswordSecretRef.Key))
	return string(secret.GetUID()) + "/" + secret.GetResourceVersion() + "/" + hex.EncodeToString(key[:4])
}

func secretError(obj *pamv1alpha1.LocalUser, err error) error {
	if apierrors.IsNotFound(err) {
		return mustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.passwordSecretRef: Secret %s does not exist", secretOf(obj))
	}
	return err
}
