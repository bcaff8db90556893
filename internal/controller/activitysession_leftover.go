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

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// abandon lets an object go although its session may live on, and says so: in a ConfigMap, Events, a metric and the
// audit trail. It fails only while the record may yet be written.
func (r *activitySessionReconciler) abandon(ctx context.Context, s *pamv1alpha1.ActivitySession, cause error) error {
	message := fmt.Sprintf("session %s (request %s) may live on at the server until %s: %v",
		s.Status.SessionID, newRequestID(s), clock(s.Status.ExpiresAt), cause)
	through := connection.Target(s.Spec.ConnectionRef, s.Namespace)
	err := recordLeftover(ctx, r.client, r.recordPlace(ctx, s), "activitysession", map[string]string{
		"sessionID": s.Status.SessionID, "requestID": newRequestID(s), "expiresAt": expiresAt(s),
		"kind": "ActivitySession", "namespace": s.Namespace, recordName: s.Name, "uid": string(s.UID),
		"connection": through.String(), "time": r.now().UTC().Format(time.RFC3339),
		"cause": shorten(cause.Error(), maxConditionMessage),
	})
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case err != nil && !isLasting(err) && deletingFor(s) < recordingFactor*r.DeletionDeadline:
		return fmt.Errorf("record what may live on at the server: %w", err)
	}
	r.statusWriter().event(s, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, message)
	conn := &pamv1alpha1.NPSConnection{}
	if through.Namespace != s.Namespace && r.client.Get(ctx, through, conn) == nil {
		r.statusWriter().event(conn, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, message)
	}
	leftovers.WithLabelValues("sessions").Inc()
	r.audit(ctx, nil, s, audit.Abandon, audit.Unknown, cause.Error())
	return nil
}

// recordPlace is the namespace that a record of a session is written into: that of the connection, whose owner has to
// look, if the connection is there and permits this namespace; otherwise the object's own.
func (r *activitySessionReconciler) recordPlace(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) types.NamespacedName {
	name := types.NamespacedName{Namespace: s.Namespace, Name: "leftover-activitysession-" + string(s.UID)}
	if conn, err := r.pool.Permitted(ctx, s.Spec.ConnectionRef, s.Namespace); err == nil {
		name.Namespace = conn.Namespace
	}
	return name
}

// recordLeftover writes a record of what may have been left, of an object of a kind.
func recordLeftover(
	ctx context.Context, c client.Client, name types.NamespacedName, kind string, data map[string]string,
) error {
	unbroken, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordingTimeout)
	defer cancel()
	return c.Create(unbroken, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: name.Namespace, Name: name.Name,
			Labels: map[string]string{
				pamv1alpha1.LabelLeftover: kind, "app.kubernetes.io/managed-by": "pam-operator",
			},
		},
		Data: data,
	})
}
