// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Keys of the Secret of a sessionStore.
const (
	sessionCookie    = "cookie"
	sessionAppliance = "appliance"
)

// sessionStore stores the log-in session of a connection's transactions in a Secret beside the connection, which owns
// it. With it, a manager that takes over after a crash ends the transaction that its predecessor left open, instead of
// waiting for the appliance's idle time-out.
type sessionStore struct {
	live   client.Reader
	client client.Client
	conn   *pamv1alpha1.SPSConnection
	url    string
}

func (s sessionStore) name() types.NamespacedName {
	return types.NamespacedName{Namespace: s.conn.Namespace, Name: s.conn.Name + ".session"}
}

// Load returns the cookie that was saved for this appliance. It ignores one for another appliance, which must not be
// sent to this one.
func (s sessionStore) Load(ctx context.Context) (string, error) {
	secret := &corev1.Secret{}
	err := s.live.Get(ctx, s.name(), secret)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !metav1.IsControlledBy(secret, s.conn) || string(secret.Data[sessionAppliance]) != s.url {
		return "", nil
	}
	return string(secret.Data[sessionCookie]), nil
}

// Save stores the cookie. A failure costs no more than a wait after a crash, so it is logged and does not stop the
// work.
func (s sessionStore) Save(ctx context.Context, cookie string) error {
	err := s.save(ctx, cookie)
	if err != nil {
		logf.Log.WithName("connection").Info("the log-in session is not stored; after a crash the appliance stays locked "+
			"until its idle time-out", "secret", s.name(), "cause", err.Error())
	}
	return err
}

func (s sessionStore) save(ctx context.Context, cookie string) error {
	data := map[string][]byte{sessionCookie: []byte(cookie), sessionAppliance: []byte(s.url)}
	secret := &corev1.Secret{}
	err := s.live.Get(ctx, s.name(), secret)
	switch {
	case apierrors.IsNotFound(err):
		secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: s.name().Namespace, Name: s.name().Name,
				Labels: map[string]string{"app.kubernetes.io/managed-by": "pam-operator"},
			},
			Type: pamv1alpha1.SecretTypeSession, Data: data,
		}
		// Where a reference may block the deletion of its owner, who sets it needs a right to the owner's finalizers.
		if err := controllerutil.SetControllerReference(s.conn, secret, s.client.Scheme(),
			controllerutil.WithBlockOwnerDeletion(false)); err != nil {
			return err
		}
		return s.client.Create(ctx, secret)
	case err != nil:
		return err
	case !metav1.IsControlledBy(secret, s.conn):
		return fmt.Errorf("the Secret %s is not controlled by the connection, so it is not changed", s.name())
	}
	secret.Data = data
	return s.client.Update(ctx, secret)
}
