// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=create

// recordingFactor is how many deletion deadlines after its deletion an object is let go at last, although the API
// server still does not take the record of what it leaves behind.
const recordingFactor = 2

// recordingTimeout is how long one attempt to write that record may take, also while the manager shuts down.
const recordingTimeout = 10 * time.Second

// recordName is the key of a record for the name of the object.
const recordName = "name"

// abandon lets an object go although it may still be on the appliance, and says so: in a ConfigMap beside the
// connection, which is also what makes a repeated pass tell nothing twice, then in Events, a metric and the log.
func (r *policyReconciler[T]) abandon(ctx context.Context, obj T, cause error) (outcome, bool) {
	record, err := r.leftover(obj, cause)
	if err != nil {
		return outcomeOf(err), false
	}
	// A shutdown between the record and its telling would leave one that no later pass tells of.
	unbroken, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordingTimeout)
	defer cancel()
	err = r.client.Create(unbroken, record)
	switch {
	case apierrors.IsAlreadyExists(err):
		return r.release(ctx, obj, "")
	case err != nil && !isLasting(err) && deletingFor(obj) < recordingFactor*r.DeletionDeadline:
		return retry(pamv1alpha1.ReasonProgressing, fmt.Errorf("record what may be left on the appliance: %w", err)), false
	}
	r.tellLeftover(unbroken, obj, record, err, cause)
	return r.release(ctx, obj, "")
}

// isLasting says that the record cannot be written however often it is tried: its namespace is gone or going, or a
// quota, a policy or a missing right forbids it.
func isLasting(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) ||
		apierrors.IsBadRequest(err)
}

// leftover is the record of what an object leaves behind. Its name follows from the object, so that there is one.
func (r *policyReconciler[T]) leftover(obj T, cause error) (*corev1.ConfigMap, error) {
	gvk, err := apiutil.GVKForObject(obj, r.client.Scheme())
	if err != nil {
		return nil, err
	}
	kind, status := strings.ToLower(gvk.Kind), obj.PolicyStatus()
	through := connection.Target(obj.Connection(), obj.GetNamespace())
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: through.Namespace, Name: "leftover-" + kind + "-" + string(obj.GetUID()),
			Labels: map[string]string{
				pamv1alpha1.LabelLeftover: kind, "app.kubernetes.io/managed-by": "pam-operator",
			},
		},
		Data: map[string]string{
			"appliance": status.Appliance, "collection": string(r.collection),
			"nameOnAppliance": obj.NameOnAppliance(), "key": status.Key,
			"kind": gvk.Kind, "namespace": obj.GetNamespace(), recordName: obj.GetName(), "uid": string(obj.GetUID()),
			"connection": through.String(), "time": time.Now().UTC().Format(time.RFC3339),
			"cause": shorten(cause.Error(), maxConditionMessage),
		},
	}, nil
}

// tellLeftover tells of a leftover. A namespace that is going takes no Events, so one in the connection's namespace is
// told there, too.
func (r *policyReconciler[T]) tellLeftover(
	ctx context.Context, obj T, record *corev1.ConfigMap, unrecorded, cause error,
) {
	status, where := obj.PolicyStatus(), "recorded in ConfigMap "+client.ObjectKeyFromObject(record).String()
	if unrecorded != nil {
		where = "not recorded: " + unrecorded.Error()
	}
	message := fmt.Sprintf("%q (key %s) may be left on %s: %v; %s",
		obj.NameOnAppliance(), status.Key, status.Appliance, cause, where)
	r.statusWriter().event(obj, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, message)
	if record.Namespace != obj.GetNamespace() {
		r.tellConnection(ctx, obj, message)
	}
	leftovers.WithLabelValues(string(r.collection)).Inc()
	logf.FromContext(ctx).Info("left on the appliance", "appliance", status.Appliance,
		"collection", r.collection, "nameOnAppliance", obj.NameOnAppliance(), "key", status.Key,
		"cause", cause.Error(), "record", where)
}

func (r *policyReconciler[T]) tellConnection(ctx context.Context, obj T, message string) {
	conn := &pamv1alpha1.SPSConnection{}
	if r.client.Get(ctx, connection.Target(obj.Connection(), obj.GetNamespace()), conn) == nil {
		r.statusWriter().event(conn, corev1.EventTypeWarning, pamv1alpha1.ReasonDeletionBlocked, message)
	}
}
