// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
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
)

// Keys of the connection Secret.
const (
	secretProtocol  = "protocol"
	secretHost      = "host"
	secretPort      = "port"
	secretUsername  = "username"
	secretRDP       = "rdp"
	secretSSHURL    = "ssh-url"
	secretSSHConfig = "ssh-config" //nolint:gosec // G101: the name of a key
	secretSessionID = "session-id"
	secretExpiresAt = "expires-at"
	secretPassword  = "password"
)

// ensureSecret makes the connection Secret exist while the session is active, and fetches its content again when that
// is asked for. It returns how long the content may stay, 0 for as long as the session.
func (r *activitySessionReconciler) ensureSecret(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (time.Duration, error) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.SecretName()}}
	err := r.live.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	exists := err == nil
	if client.IgnoreNotFound(err) != nil {
		return 0, err
	}
	if exists && !metav1.IsControlledBy(secret, s) {
		return 0, mustAct(pamv1alpha1.ReasonConflict, "the session is active, but Secret %s belongs to somebody else and is "+
			"not touched: remove it, or ask again with another connectionSecret.name", client.ObjectKeyFromObject(secret))
	}
	wanted := shorten(s.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt], maxHandledRequest)
	interval := refreshInterval(s)
	intact := exists && string(secret.Data[secretSessionID]) == s.Status.SessionID
	// The Secret itself says what it was fetched for, because a status just written may not be in the cache yet.
	if intact && wanted == secret.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt] {
		r.showSecret(s, secret)
		age := r.now().Sub(s.Status.SecretRefreshedAt.Time)
		if interval == 0 || age < interval {
			return max(interval-age, 0), r.updateExpiry(ctx, secret, s)
		}
	}
	if err := r.mayWrite(ctx, secret, s, exists); err != nil {
		return 0, err
	}
	data, err := r.connectionData(ctx, server, s)
	if err != nil {
		return 0, err
	}
	if wanted != secret.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt] {
		setAnnotation(secret, pamv1alpha1.AnnotationRefreshRequestedAt, wanted)
	}
	if err := r.unwritable(s, secret, r.writeSecret(ctx, secret, s, data, exists)); err != nil {
		return 0, err
	}
	r.audit(ctx, server, s, audit.Hand, audit.Succeeded, "")
	s.Status.SecretRefreshedAt = nil
	r.showSecret(s, secret)
	return interval, nil
}

// showSecret puts the Secret into the status.
func (r *activitySessionReconciler) showSecret(s *pamv1alpha1.ActivitySession, secret *corev1.Secret) {
	s.Status.ConnectionSecretRef = &pamv1alpha1.SecretReference{Name: secret.Name}
	s.Status.Protocol = pamv1alpha1.Protocol(secret.Data[secretProtocol])
	s.Status.HandledRefreshRequest = secret.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt]
	if s.Status.SecretRefreshedAt == nil {
		s.Status.SecretRefreshedAt = &metav1.Time{Time: r.now()}
	}
}

// maxHandledRequest is how much of the annotation the status keeps, in bytes.
const maxHandledRequest = 256

func refreshInterval(s *pamv1alpha1.ActivitySession) time.Duration {
	if c := s.Spec.ConnectionSecret; c != nil && c.RefreshInterval != nil {
		return c.RefreshInterval.Duration
	}
	return 0
}

// updateExpiry keeps expires-at true after the session was prolonged.
func (r *activitySessionReconciler) updateExpiry(
	ctx context.Context, secret *corev1.Secret, s *pamv1alpha1.ActivitySession,
) error {
	if string(secret.Data[secretExpiresAt]) == expiresAt(s) {
		return nil
	}
	secret.Data[secretExpiresAt] = []byte(expiresAt(s))
	return r.client.Update(ctx, secret)
}

func expiresAt(s *pamv1alpha1.ActivitySession) string {
	if s.Status.ExpiresAt == nil {
		return ""
	}
	return s.Status.ExpiresAt.UTC().Format(time.RFC3339)
}

func (r *activitySessionReconciler) writeSecret(
	ctx context.Context, secret *corev1.Secret, s *pamv1alpha1.ActivitySession, data map[string][]byte, exists bool,
) error {
	secret.Data = data
	if exists {
		return r.client.Update(ctx, secret)
	}
	if err := r.dress(secret, s); err != nil {
		return err
	}
	return r.client.Create(ctx, secret)
}

// dress makes a new Secret the session's own.
func (r *activitySessionReconciler) dress(secret *corev1.Secret, s *pamv1alpha1.ActivitySession) error {
	secret.Type = pamv1alpha1.SecretTypeConnection
	secret.Labels = map[string]string{"app.kubernetes.io/managed-by": "pam-operator"}
	return controllerutil.SetControllerReference(s, secret, r.client.Scheme())
}

// mayWrite says why connection data is not to be fetched: because the connection's owner does not allow it any more, or
// because the API server would not take it, as it did not the last time. What is fetched holds a one-time token, so it
// is not fetched in vain.
func (r *activitySessionReconciler) mayWrite(
	ctx context.Context, secret *corev1.Secret, s *pamv1alpha1.ActivitySession, exists bool,
) error {
	if _, err := r.mayUse(ctx, s); err != nil {
		return err
	}
	if _, refused := r.unwritten.Load(s.UID); !refused {
		return nil
	}
	probe := secret.DeepCopy()
	if exists {
		probe.Data = map[string][]byte{secretSessionID: []byte(s.Status.SessionID)}
		return r.unwritable(s, secret, r.client.Update(ctx, probe, client.DryRunAll))
	}
	if err := r.dress(probe, s); err != nil {
		return err
	}
	return r.unwritable(s, secret, r.client.Create(ctx, probe, client.DryRunAll))
}

// refusesWrite says that the API server does not take a write, and that somebody may have to act: a quota, a policy, a
// missing right, or a webhook that is down, which is an internal error.
func refusesWrite(err error) bool { return isLasting(err) || apierrors.IsInternalError(err) }

// unwritable makes a refusal of the API server something that somebody has to mend, and remembers it, so that nothing
// is fetched in vain.
func (r *activitySessionReconciler) unwritable(
	s *pamv1alpha1.ActivitySession, secret *corev1.Secret, err error,
) error {
	if err == nil || !refusesWrite(err) {
		r.unwritten.Delete(s.UID)
		return err
	}
	r.unwritten.Store(s.UID, true)
	return &problem{
		reason: pamv1alpha1.ReasonRejected, stall: true, after: untidyRetry,
		message: fmt.Sprintf("the session is active, but the API server refuses to write Secret %s: %v",
			client.ObjectKeyFromObject(secret), err),
	}
}

// removeSecret empties and deletes the connection Secret, if it is ours. Emptied first, because whoever has it mounted
// sees the change before the deletion.
func (r *activitySessionReconciler) removeSecret(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	if s.Status.ConnectionSecretRef == nil && s.Status.SessionID == "" {
		return nil // there never was one
	}
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: s.Namespace, Name: s.SecretName()}
	err := r.live.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) || err == nil && !metav1.IsControlledBy(secret, s) {
		s.Status.ConnectionSecretRef = nil
		return nil
	}
	if err != nil {
		return err
	}
	if err := client.IgnoreNotFound(r.eraseSecret(ctx, secret)); err != nil {
		return untidy(s, secret, err)
	}
	s.Status.ConnectionSecretRef = nil
	return nil
}

// eraseSecret empties and deletes a Secret. One that cannot be emptied, because it is immutable or a policy forbids it,
// is deleted as it is.
func (r *activitySessionReconciler) eraseSecret(ctx context.Context, secret *corev1.Secret) error {
	if len(secret.Data) > 0 {
		secret.Data = nil
		if err := r.client.Update(ctx, secret); err != nil {
			logf.FromContext(ctx).V(1).Info("the Secret could not be emptied before its deletion", "cause", err.Error())
		}
	}
	return r.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
}

// untidyRetry is when something is tried again that the API server refused and that somebody may mend.
const untidyRetry = 15 * time.Second

// untidy is what a pass comes to whose Secret cannot be deleted. It never holds up the end of the session.
func untidy(s *pamv1alpha1.ActivitySession, secret *corev1.Secret, err error) error {
	if !refusesWrite(err) {
		return err
	}
	return &problem{
		reason: pamv1alpha1.ReasonDeletionBlocked, stall: true, after: untidyRetry,
		message: fmt.Sprintf("the API server refuses to delete Secret %s, which holds connection data of session %s: %v. "+
			"The session itself is ended all the same; let the operator delete the Secret, or delete it",
			client.ObjectKeyFromObject(secret), s.Status.SessionID, err),
	}
}
