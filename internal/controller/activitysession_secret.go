// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Keys of the connection Secret.
const (
	secretProtocol  = "protocol"
	secretHost      = "host"
	secretPort      = "port"
	secretUsername  = "username"
	secretRDP       = "rdp"
	secretSSHURL    = "ssh-url"
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
	data, err := r.connectionData(ctx, server, s)
	if err != nil {
		return 0, err
	}
	if wanted != secret.Annotations[pamv1alpha1.AnnotationRefreshRequestedAt] {
		setAnnotation(secret, pamv1alpha1.AnnotationRefreshRequestedAt, wanted)
	}
	if err := r.writeSecret(ctx, secret, s, data, exists); err != nil {
		return 0, err
	}
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
	secret.Type = pamv1alpha1.SecretTypeConnection
	secret.Labels = map[string]string{"app.kubernetes.io/managed-by": "pam-operator"}
	if err := controllerutil.SetControllerReference(s, secret, r.client.Scheme()); err != nil {
		return err
	}
	return r.client.Create(ctx, secret)
}

// connectionData fetches what a consumer needs to connect. It is a secret: never logged, and kept nowhere else.
func (r *activitySessionReconciler) connectionData(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (map[string][]byte, error) {
	protocol, err := r.protocolOf(ctx, server, s)
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{
		secretProtocol: []byte(protocol), secretSessionID: []byte(s.Status.SessionID), secretExpiresAt: []byte(expiresAt(s)),
	}
	switch protocol {
	case pamv1alpha1.ProtocolRDP:
		err = addRDP(ctx, server, s.Status.SessionID, data)
	case pamv1alpha1.ProtocolSSH:
		err = addSSH(ctx, server, s.Status.SessionID, data)
	}
	if noSuchData(err) {
		// A website or a database has neither; that is no fault of the session (nps contract 7.1).
		protocol, err = pamv1alpha1.ProtocolNone, usable(ctx, server, s.Status.SessionID)
		data[secretProtocol] = []byte(protocol)
	}
	if err != nil {
		return nil, err
	}
	return data, r.addPassword(ctx, server, s, data)
}

// protocolOf decides what the Secret holds, where the spec leaves it open.
func (r *activitySessionReconciler) protocolOf(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession,
) (pamv1alpha1.Protocol, error) {
	if p := s.Spec.Protocol; p != "" && p != pamv1alpha1.ProtocolAuto {
		return p, nil
	}
	session, err := r.seen(ctx, server, s)
	if err != nil {
		return "", err
	}
	if a := session.Activity; a != nil {
		switch a.Type {
		case nps.ActivityTaskAutomation, nps.ActivityCredentialRelease: // nobody connects (nps contract 4.3)
			return pamv1alpha1.ProtocolNone, nil
		}
	}
	if s.Status.Platform == "" {
		return pamv1alpha1.ProtocolNone, nil
	}
	rdp, err := server.IsRDP(ctx, s.Status.Platform)
	if err != nil || !rdp {
		return pamv1alpha1.ProtocolSSH, err
	}
	return pamv1alpha1.ProtocolRDP, nil
}

// usable tells a session that has no connection data from one that keeps it back for now: the server may refuse what
// it has while the session is locked, or because it has just ended (nps contract 11).
func usable(ctx context.Context, server *connection.Server, id string) error {
	session, err := server.Read(ctx, id)
	switch {
	case err != nil:
		return err
	case session.Locked:
		return mustWait("the session is locked at the server; its connection data is " +
			"fetched when an administrator unlocks it")
	case session.Status != nps.StatusActive:
		return mustWait("the session is not active any more; its state is %s",
			session.Status)
	}
	return nil
}

func noSuchData(err error) bool {
	return rest.IsNotFound(err) || rest.IsForbidden(err)
}

func addRDP(ctx context.Context, server *connection.Server, id string, data map[string][]byte) error {
	file, err := server.Client().RDPFile(ctx, id)
	if err != nil {
		return err
	}
	data[secretRDP] = file
	target, err := nps.ParseRDPFile(file)
	if err != nil { // an administrator may edit the template; the file is what counts
		return nil //nolint:nilerr // the parts are a convenience
	}
	addTarget(data, target.Host, target.Port, target.Username)
	return nil
}

func addSSH(ctx context.Context, server *connection.Server, id string, data map[string][]byte) error {
	url, err := server.Client().SSHURL(ctx, id)
	if err != nil {
		return err
	}
	data[secretSSHURL] = []byte(url)
	target, err := nps.ParseSSHURL(url)
	if err != nil {
		return nil //nolint:nilerr // the parts are a convenience
	}
	addTarget(data, target.Host, target.Port, target.User)
	return nil
}

func addTarget(data map[string][]byte, host string, port int, username string) {
	data[secretHost] = []byte(host)
	data[secretPort] = []byte(strconv.Itoa(port))
	if username != "" {
		data[secretUsername] = []byte(username)
	}
}

// addPassword adds the session's password where it is asked for and the server allows it.
func (r *activitySessionReconciler) addPassword(
	ctx context.Context, server *connection.Server, s *pamv1alpha1.ActivitySession, data map[string][]byte,
) error {
	if c := s.Spec.ConnectionSecret; c == nil || c.Password != pamv1alpha1.PasswordIfAllowed {
		return nil
	}
	allowed, err := server.Client().CanViewPassword(ctx, s.Status.SessionID)
	if err != nil || !allowed {
		return ignoreRefusal(err)
	}
	password, err := server.Client().Password(ctx, s.Status.SessionID)
	if err != nil {
		return ignoreRefusal(err)
	}
	data[secretPassword] = []byte(password)
	if data[secretUsername] == nil { // a released credential is of use with its account only
		data[secretUsername] = []byte(s.Status.LoginAccount)
	}
	return nil
}

// ignoreRefusal drops the error of a server that does not give a password away.
func ignoreRefusal(err error) error {
	if noSuchData(err) {
		return nil
	}
	return err
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
		return err
	}
	s.Status.ConnectionSecretRef = nil
	return nil
}

func (r *activitySessionReconciler) eraseSecret(ctx context.Context, secret *corev1.Secret) error {
	if len(secret.Data) > 0 {
		secret.Data = nil
		if err := r.client.Update(ctx, secret); err != nil {
			return err
		}
	}
	return r.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
}
