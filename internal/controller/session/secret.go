// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// secretKeeper creates, refreshes and removes the connection Secret of a session.
type secretKeeper struct {
	*base

	data *dataFetcher
}

// ensure makes the connection Secret exist while the session is active, and fetches its content again if that is due or
// requested. It returns how long the content may stay; 0 for as long as the session.
func (k *secretKeeper) ensure(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession,
) (time.Duration, error) {
	secret, exists, err := k.read(ctx, s)
	if err != nil {
		return 0, err
	}
	wanted, interval := requestedRefresh(s), refreshInterval(s)
	foreign := exists && k.isForeign(s, secret)
	intact := !foreign && isOfSession(s, secret)
	// The Secret itself says for which request it was fetched, because a status just written may not be in the cache yet.
	if intact && wanted == secret.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt] {
		k.show(s, secret)
		age := k.now().Sub(s.Status.SecretRefreshedAt.Time)
		if interval == 0 || age < interval {
			return max(interval-age, 0), k.updateExpiry(ctx, secret, s)
		}
	}
	switch left := k.untilFetch(s); {
	case left > 0 && intact:
		return left, k.updateExpiry(ctx, secret, s)
	case left > 0:
		return 0, &loop.Problem{Reason: pamv1alpha1.ReasonProgressing, After: left, Message: fmt.Sprintf(
			"somebody else has changed or deleted Secret %s; its connection data is fetched again in a moment",
			client.ObjectKeyFromObject(secret))}
	}
	if err := k.mayWrite(ctx, secret, s, exists); err != nil {
		return 0, err
	}
	k.reportForeign(s, secret, foreign)
	data, err := k.data.fetch(ctx, server, s)
	if err != nil {
		return 0, err
	}
	k.memory.update(s.UID, func(known *memo) { known.fetchedAt = k.now() })
	if wanted != secret.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt] {
		loop.SetAnnotation(secret, pamv1alpha1.AnnotationRefreshRequestedAt, wanted)
	}
	if err := k.noteRefusal(s, secret, k.write(ctx, secret, s, data, exists)); err != nil {
		return 0, err
	}
	k.memory.update(s.UID, func(known *memo) { known.handed = pamv1alpha1.ConnectionSecretDigest(secret) })
	k.audit(ctx, server, s, audit.Hand, audit.Succeeded, "")
	s.Status.SecretRefreshedAt = nil
	k.show(s, secret)
	return interval, nil
}

// isOfSession reports whether a Secret is owned by the object, and holds its present session.
func isOfSession(s *pamv1alpha1.ActivitySession, secret *corev1.Secret) bool {
	return metav1.IsControlledBy(secret, s) && string(secret.Data[secretSessionID]) == s.Status.SessionID
}

func (k *secretKeeper) reportForeign(s *pamv1alpha1.ActivitySession, secret *corev1.Secret, foreign bool) {
	if foreign {
		k.StatusWriter().Event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonConflict, fmt.Sprintf("somebody else has "+
			"written into Secret %s: its connection data is fetched again", client.ObjectKeyFromObject(secret)))
	}
}

// untilFetch is how long it is until connection data may be fetched; 0 if it may. The server is not asked as often as
// somebody changes or deletes Secrets.
func (k *secretKeeper) untilFetch(s *pamv1alpha1.ActivitySession) time.Duration {
	last := k.memory.of(s.UID).fetchedAt
	if last.IsZero() {
		return 0
	}
	return max(2*k.SecondLook-k.now().Sub(last), 0)
}

// read reads the Secret. One with another owner is an error.
func (k *secretKeeper) read(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (secret *corev1.Secret, exists bool, err error) {
	secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.SecretName()}}
	err = k.Live.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	exists = err == nil
	if client.IgnoreNotFound(err) != nil {
		return nil, false, err
	}
	if exists && !owns(s, secret) {
		return nil, false, taken(s, secret)
	}
	return secret, exists, nil
}

// isForeign reports whether somebody else has written into the Secret. What this process wrote last may not be in the
// status yet; a status without a digest is that of an earlier version.
func (k *secretKeeper) isForeign(s *pamv1alpha1.ActivitySession, secret *corev1.Secret) bool {
	digest, known := pamv1alpha1.ConnectionSecretDigest(secret), s.Status.ConnectionSecretDigest
	return known != "" && digest != known && digest != k.memory.of(s.UID).handed
}

// owns reports whether a Secret is the session's own: by its owner reference or, if it has none, because it is the
// connection Secret of this very session. "kubectl delete --cascade=orphan" has the garbage collector remove the
// reference. Someone who makes a Secret look like that gains nothing: without the reference, its content is never used.
func owns(s *pamv1alpha1.ActivitySession, secret *corev1.Secret) bool {
	if owner := metav1.GetControllerOf(secret); owner != nil {
		return owner.UID == s.UID
	}
	return secret.Type == pamv1alpha1.SecretTypeConnection && s.Status.SessionID != "" &&
		string(secret.Data[secretSessionID]) == s.Status.SessionID
}

// show puts the Secret into the status.
func (k *secretKeeper) show(s *pamv1alpha1.ActivitySession, secret *corev1.Secret) {
	s.Status.ConnectionSecretRef = &pamv1alpha1.SecretReference{Name: secret.Name}
	s.Status.ConnectionSecretDigest = pamv1alpha1.ConnectionSecretDigest(secret)
	s.Status.Protocol = pamv1alpha1.Protocol(secret.Data[secretProtocol])
	s.Status.HandledRefreshRequest = secret.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt]
	if s.Status.SecretRefreshedAt == nil {
		s.Status.SecretRefreshedAt = &metav1.Time{Time: k.now()}
	}
}

func requestedRefresh(s *pamv1alpha1.ActivitySession) string {
	return rest.Shorten(s.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt], loop.MaxHandledRequest)
}

func refreshInterval(s *pamv1alpha1.ActivitySession) time.Duration {
	if c := s.Spec.ConnectionSecret; c != nil && c.RefreshInterval != nil {
		return c.RefreshInterval.Duration
	}
	return 0
}

// updateExpiry keeps expires-at correct after the session was extended.
func (k *secretKeeper) updateExpiry(
	ctx context.Context, secret *corev1.Secret, s *pamv1alpha1.ActivitySession,
) error {
	if string(secret.Data[secretExpiresAt]) == expiresAt(s) {
		return nil
	}
	secret.Data[secretExpiresAt] = []byte(expiresAt(s))
	return k.Client.Update(ctx, secret)
}

func expiresAt(s *pamv1alpha1.ActivitySession) string { return atTime("", s.Status.ExpiresAt) }

func (k *secretKeeper) write(
	ctx context.Context, secret *corev1.Secret, s *pamv1alpha1.ActivitySession, data map[string][]byte, exists bool,
) error {
	secret.Data = data
	loop.SetAnnotation(secret, pamv1alpha1.AnnotationSalt, rand.Text())
	if err := k.setMetadata(secret, s); err != nil {
		return err
	}
	if exists {
		return k.Client.Update(ctx, secret)
	}
	return k.Client.Create(ctx, secret)
}

// setMetadata makes a Secret the session's own that is new, or has lost its owner reference.
func (k *secretKeeper) setMetadata(secret *corev1.Secret, s *pamv1alpha1.ActivitySession) error {
	if metav1.IsControlledBy(secret, s) {
		return nil
	}
	secret.Type = pamv1alpha1.SecretTypeConnection
	secret.Labels = map[string]string{"app.kubernetes.io/managed-by": "pam-operator"}
	return controllerutil.SetControllerReference(s, secret, k.Client.Scheme(),
		controllerutil.WithBlockOwnerDeletion(false)) // the finalizer waits for the Secret; this would need one more right
}

// mayWrite is the error because of which connection data must not be fetched: the connection's owner no longer allows
// it, or the API server would refuse the Secret, as it did last time. The data contains a one-time token, so it is not
// fetched in vain.
func (k *secretKeeper) mayWrite(
	ctx context.Context, secret *corev1.Secret, s *pamv1alpha1.ActivitySession, exists bool,
) error {
	if _, err := k.mayUse(ctx, s); err != nil {
		return err
	}
	if !k.memory.of(s.UID).secretRefused {
		return nil
	}
	probe := secret.DeepCopy()
	if err := k.setMetadata(probe, s); err != nil {
		return err
	}
	if exists {
		probe.Data = map[string][]byte{secretSessionID: []byte(s.Status.SessionID)}
		return k.noteRefusal(s, secret, k.Client.Update(ctx, probe, client.DryRunAll))
	}
	return k.noteRefusal(s, secret, k.Client.Create(ctx, probe, client.DryRunAll))
}

// refusesWrite reports whether the API server refuses a write in a way that someone may have to fix: a quota, a policy,
// a missing right, or a webhook that is down, which is an internal error.
func refusesWrite(err error) bool { return loop.IsLasting(err) || apierrors.IsInternalError(err) }

// noteRefusal turns a refusal of the API server into an error that someone has to fix, and remembers it, so that
// nothing is fetched in vain.
func (k *secretKeeper) noteRefusal(s *pamv1alpha1.ActivitySession, secret *corev1.Secret, err error) error {
	refused := err != nil && refusesWrite(err)
	k.memory.update(s.UID, func(known *memo) { known.secretRefused = refused })
	if !refused {
		return err
	}
	return &loop.Problem{
		Reason: pamv1alpha1.ReasonRejected, Stall: true, After: untidyRetry,
		Message: fmt.Sprintf("the session is active, but the API server refuses to write Secret %s: %v",
			client.ObjectKeyFromObject(secret), err),
	}
}

// remove empties and deletes the connection Secret, if it is ours. It is emptied first, because a pod that has mounted
// it sees the change before the deletion.
func (k *secretKeeper) remove(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	if s.Status.ConnectionSecretRef == nil && s.Status.SessionID == "" {
		return nil // there never was one
	}
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: s.Namespace, Name: s.SecretName()}
	err := k.Live.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) || err == nil && !owns(s, secret) {
		s.Status.ConnectionSecretRef = nil
		return nil
	}
	if err != nil {
		return err
	}
	if err := client.IgnoreNotFound(k.erase(ctx, secret)); err != nil {
		return untidy(s, secret, err)
	}
	k.countRemoval(ctx, s, secret)
	s.Status.ConnectionSecretRef = nil
	return nil
}

// countRemoval counts how long a Secret existed, and by how much it outlived its session.
func (k *secretKeeper) countRemoval(ctx context.Context, s *pamv1alpha1.ActivitySession, secret *corev1.Secret) {
	now := k.moment(ctx, s)
	metrics.NPS(connection.Target(s.Spec.ConnectionRef, s.Namespace)).
		SecretRemoved(now.local.Sub(secret.CreationTimestamp.Time), outlived(s, now))
}

// outlived returns for how long the session of an object has been over, as far as its server has said or its end has
// passed; 0 if it is not over.
func outlived(s *pamv1alpha1.ActivitySession, now moment) time.Duration {
	end := now.ours(s.Status.ExpiresAt)
	if s.Status.Phase.Terminal() {
		end = endedAt(s, now)
	}
	if end.IsZero() {
		return 0
	}
	return max(now.local.Sub(end), 0)
}

// erase empties and deletes a Secret. One that cannot be emptied, because it is immutable or a policy forbids it, is
// deleted as it is.
func (k *secretKeeper) erase(ctx context.Context, secret *corev1.Secret) error {
	if len(secret.Data) > 0 {
		secret.Data = nil
		if err := k.Client.Update(ctx, secret); err != nil {
			logf.FromContext(ctx).V(1).Info("the Secret could not be emptied before its deletion", "cause", err.Error())
		}
	}
	return k.Client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
}

// untidyRetry is when a write is retried that the API server refused and that someone may allow.
const untidyRetry = 15 * time.Second

// untidy is the error of a Secret that cannot be deleted. It never delays the end of the session.
func untidy(s *pamv1alpha1.ActivitySession, secret *corev1.Secret, err error) error {
	if !refusesWrite(err) {
		return err
	}
	return &loop.Problem{
		Reason: pamv1alpha1.ReasonDeletionBlocked, Stall: true, After: untidyRetry,
		Message: fmt.Sprintf("the API server refuses to delete Secret %s, which holds connection data of session %s: %v. "+
			"The session itself is ended all the same; let the operator delete the Secret, or delete it",
			client.ObjectKeyFromObject(secret), s.Status.SessionID, err),
	}
}
