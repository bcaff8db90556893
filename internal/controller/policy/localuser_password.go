// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/changefeed"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/textfile"
)

// passwords reads the Secrets of LocalUsers, and distinguishes a new password from a new label: a Secret's version
// changes with both, so digests of the contents decide. They are keyed with a random key and never leave the process.
type passwords struct {
	secrets *changefeed.Versioned
	live    client.Reader
	salt    []byte
	now     func() time.Time

	mu   sync.Mutex
	last map[types.NamespacedName]password
}

// password is what is remembered of the password of one LocalUser.
type password struct {
	// version is the version of the Secret that it was read from, as the status has it; seen is that version as the feed
	// has it.
	version, seen string
	digest        string
	// used is when it was last looked up.
	used time.Time
}

// forgetPassword is how long a password is remembered after it was last looked up. A forgotten one is read again.
const forgetPassword = 24 * time.Hour

func newPasswords(deps loop.Deps) *passwords {
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // never fails
	return &passwords{
		secrets: deps.Secrets, live: deps.Live, salt: salt, now: time.Now, last: map[types.NamespacedName]password{},
	}
}

// changed reports whether the Secret holds another password than the one that was last set, and returns the digest of
// the one that it holds. If only the Secret's version has changed, the new version is copied into the status.
func (p *passwords) changed(ctx context.Context, obj *pamv1alpha1.LocalUser) (changed bool, digest string, err error) {
	seen, err := p.seen(ctx, obj)
	if err != nil {
		return false, "", err
	}
	last, known := p.lastSet(obj)
	if known && seen == last.seen {
		return false, last.digest, nil
	}
	_, now, err := p.read(ctx, obj)
	if err != nil {
		return false, "", err
	}
	same := now.version == obj.Status.PasswordVersion || known && last.digest == now.digest
	if !same {
		return true, now.digest, nil
	}
	obj.Status.PasswordVersion = now.version
	p.remember(obj, now)
	return false, now.digest, nil
}

// lastSet is the password that was last set; it is unknown until this process has read the Secret.
func (p *passwords) lastSet(obj *pamv1alpha1.LocalUser) (password, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, ok := p.last[client.ObjectKeyFromObject(obj)]
	if ok {
		last.used = p.now()
		p.last[client.ObjectKeyFromObject(obj)] = last
	}
	return last, ok && last.version == obj.Status.PasswordVersion
}

// remember keeps what lastSet returns, once the status has this version.
func (p *passwords) remember(obj *pamv1alpha1.LocalUser, now password) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now.used = p.now()
	maps.DeleteFunc(p.last, func(_ types.NamespacedName, old password) bool {
		return now.used.Sub(old.used) > forgetPassword // its object is most likely gone
	})
	p.last[client.ObjectKeyFromObject(obj)] = now
}

func (p *passwords) digest(plain string) string {
	h := hmac.New(sha256.New, p.salt)
	_, _ = h.Write([]byte(plain))
	return string(h.Sum(nil))
}

// seen identifies the present content of a user's Secret without reading it.
func (p *passwords) seen(ctx context.Context, obj *pamv1alpha1.LocalUser) (string, error) {
	version, exists, err := p.secrets.Version(ctx, secretOf(obj))
	switch {
	case err != nil:
		return "", err
	case !exists:
		return "", noSecret(obj)
	}
	return seenAs(version, obj), nil
}

func (p *passwords) read(ctx context.Context, obj *pamv1alpha1.LocalUser) (plain string, now password, err error) {
	secret := &corev1.Secret{}
	if err := p.live.Get(ctx, secretOf(obj), secret); err != nil {
		if apierrors.IsNotFound(err) {
			err = noSecret(obj)
		}
		return "", password{}, err
	}
	if refusal := connection.Unmarked(secret, "LocalUser"); refusal != "" {
		return "", password{}, loop.MustAct(pamv1alpha1.ReasonReferenceNotFound, "spec.passwordSecretRef: %s", refusal)
	}
	key := obj.Spec.PasswordSecretRef.Key
	if len(secret.Data[key]) == 0 {
		return "", password{}, loop.MustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.passwordSecretRef: Secret %s has no key %s, or an empty one", secretOf(obj), key)
	}
	if plain, err = textfile.Exact(secret.Data[key]); err != nil {
		return "", password{}, loop.MustAct(pamv1alpha1.ReasonInvalidSpec,
			"spec.passwordSecretRef: key %s of Secret %s %v", key, secretOf(obj), err)
	}
	return plain, password{
		version: versionOf(secret, obj), seen: seenAs(p.secrets.Of(secret), obj), digest: p.digest(plain),
	}, nil
}

func secretOf(obj *pamv1alpha1.LocalUser) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.Namespace, Name: obj.Spec.PasswordSecretRef.Name}
}

// versionOf changes with the Secret, and with the key within it that the spec names. It reveals nothing about the
// content.
func versionOf(secret client.Object, obj *pamv1alpha1.LocalUser) string {
	key := sha256.Sum256([]byte(obj.Spec.PasswordSecretRef.Key))
	return string(secret.GetUID()) + "/" + secret.GetResourceVersion() + "/" + hex.EncodeToString(key[:4])
}

// seenAs is the same for a version of the feed, which ends with the process.
func seenAs(version uint64, obj *pamv1alpha1.LocalUser) string {
	return fmt.Sprintf("%x/%s", version, obj.Spec.PasswordSecretRef.Key)
}

func noSecret(obj *pamv1alpha1.LocalUser) error {
	return loop.Missing("spec.passwordSecretRef: Secret %s does not exist", secretOf(obj))
}
