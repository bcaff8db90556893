// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"maps"
	"strings"
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

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=create

// recordingFactor is how many deletion deadlines after its deletion an object is let go at last, although the API
// server still does not take the record of what it leaves behind.
const recordingFactor = 2

// recordingTimeout is how long one attempt to write that record may take, also while the manager shuts down.
const recordingTimeout = 10 * time.Second

// actionAbandon is the action of Events about what is let go.
const actionAbandon = "Abandon"

// recordedName is the key of a record for the name of the object.
const recordedName = "name"

// leftover is what an object that is let go may leave on an appliance or at a server.
type leftover struct {
	// object is let go; kind is its kind.
	object client.Object
	kind   string
	// through is the connection that it went through.
	through types.NamespacedName
	// connection is that connection, if it exists and leads to where the leftover is; else nil. Only then is its
	// namespace told: whoever can name a connection could else write into any namespace.
	connection client.Object
	// what and where say it in a message.
	what, where string
	// metric is the label of what is counted.
	metric string
	// data says where to look; what is known of the object and its connection is added.
	data  map[string]string
	cause error
}

// leave records a leftover in a ConfigMap, which is also what makes a repeated pass tell nothing twice, and tells of
// it in Events and a metric. An error is passing: the object is not to be let go yet.
func (d deps) leave(ctx context.Context, l leftover) error {
	// A shutdown between the record and its telling would leave one that no later pass tells of.
	record, err := d.record(context.WithoutCancel(ctx), l)
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case err != nil && !isLasting(err) && deletingFor(l.object) < recordingFactor*d.DeletionDeadline:
		return fmt.Errorf("record what may be left: %w", err)
	}
	where := "not recorded: "
	if err == nil {
		where = "recorded in ConfigMap " + client.ObjectKeyFromObject(record).String()
	} else {
		where += err.Error()
	}
	message := fmt.Sprintf("%s may be left on %s: %v; %s", l.what, l.where, l.cause, where)
	d.statusWriter().warn(l.object, nil, actionAbandon, pamv1alpha1.ReasonDeletionBlocked, message)
	if l.connection != nil && l.connection.GetNamespace() != l.object.GetNamespace() {
		d.statusWriter().warn(l.connection, l.object, actionAbandon, pamv1alpha1.ReasonDeletionBlocked, message)
	}
	leftovers.WithLabelValues(l.metric).Inc()
	return nil
}

// record writes the record into the first namespace that takes it: beside the connection, because it is the owner of
// the appliance who has to look; beside the object; and, if that namespace is going, beside the manager.
func (d deps) record(ctx context.Context, l leftover) (record *corev1.ConfigMap, err error) {
	own := l.object.GetNamespace()
	if l.connection != nil {
		record, err = d.recordIn(ctx, l.connection.GetNamespace(), l)
		if err == nil || !isLasting(err) || isFull(err) || l.connection.GetNamespace() == own && !isGoing(err) {
			return record, err
		}
	}
	if l.connection == nil && l.through.Namespace != own && d.recordedIn(ctx, l.through.Namespace, l) {
		return nil, apierrors.NewAlreadyExists(corev1.Resource("configmaps"), l.recordName())
	}
	if l.connection == nil || l.connection.GetNamespace() != own {
		record, err = d.recordIn(ctx, own, l)
	}
	if isGoing(err) && d.Namespace != "" && d.Namespace != own {
		return d.recordIn(ctx, d.Namespace, l)
	}
	return record, err
}

// recordedIn says that an earlier pass has written the record beside the connection, which has gone since. It is asked
// of no namespace in which the object's author may have written it.
func (d deps) recordedIn(ctx context.Context, namespace string, l leftover) bool {
	reading, cancel := context.WithTimeout(ctx, recordingTimeout)
	defer cancel()
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	return d.live.Get(reading, types.NamespacedName{Namespace: namespace, Name: l.recordName()}, m) == nil
}

func (d deps) recordIn(ctx context.Context, namespace string, l leftover) (*corev1.ConfigMap, error) {
	record := l.in(namespace)
	counting, cancel := context.WithTimeout(ctx, recordingTimeout)
	defer cancel()
	page := recordPage{in: namespace, of: l.object.GetNamespace()}
	if err := d.records.room(counting, d.live, page); err != nil {
		return record, err
	}
	writing, cancel := context.WithTimeout(ctx, recordingTimeout)
	defer cancel()
	err := d.client.Create(writing, record)
	if err == nil {
		d.records.wrote(page)
	}
	return record, err
}

// isLasting says that the record cannot be written however often it is tried: its namespace is gone or going, or a
// quota, a policy, a missing right or our own bound forbids it.
func isLasting(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) ||
		apierrors.IsBadRequest(err) || isFull(err)
}

// isGoing says that a namespace does not exist or is being deleted.
func isGoing(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// recordName follows from the object, so that there is one record.
func (l leftover) recordName() string {
	return "leftover-" + strings.ToLower(l.kind) + "-" + string(l.object.GetUID())
}

// in is the record for a namespace.
func (l leftover) in(namespace string) *corev1.ConfigMap {
	kind := strings.ToLower(l.kind)
	data := map[string]string{
		"kind": l.kind, "namespace": l.object.GetNamespace(), recordedName: l.object.GetName(),
		"uid": string(l.object.GetUID()), "connection": l.through.String(), "time": time.Now().UTC().Format(time.RFC3339),
		"cause": shorten(l.cause.Error(), maxConditionMessage),
	}
	maps.Copy(data, l.data)
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: l.recordName(),
			Labels: map[string]string{
				pamv1alpha1.LabelLeftover: kind, pamv1alpha1.LabelLeftoverOf: l.object.GetNamespace(),
				"app.kubernetes.io/managed-by": "pam-operator",
			},
		},
		Data: data,
	}
}

// abandon lets an object go although it may still be on the appliance, and says so.
func (r *policyReconciler[T]) abandon(ctx context.Context, obj T, cause error) (outcome, bool) {
	l, err := r.leftover(ctx, obj, cause)
	if err == nil {
		err = r.leave(ctx, l)
	}
	if err != nil {
		return retry(pamv1alpha1.ReasonProgressing, err), false
	}
	r.audit(ctx, obj, audit.Abandon, audit.Succeeded, audit.Record{Reason: cause.Error()})
	return r.release(ctx, obj, "")
}

// leftover is what an object leaves behind.
func (r *policyReconciler[T]) leftover(ctx context.Context, obj T, cause error) (leftover, error) {
	status, name, key := obj.PolicyStatus(), obj.NameOnAppliance(), managedKey(obj)
	appliance := status.Appliance
	if key == "" && status.PendingCreation != nil {
		appliance = status.PendingCreation.Appliance
	}
	l := leftover{
		object: obj, kind: string(grantKinds[r.collection]), where: appliance, metric: string(r.collection), cause: cause,
		through: connection.Target(obj.Connection(), obj.GetNamespace()), what: fmt.Sprintf("%q (key %s)", name, key),
		data: map[string]string{
			"appliance": appliance, "collection": string(r.collection), "nameOnAppliance": name, "key": key,
		},
	}
	conn := &pamv1alpha1.SPSConnection{}
	err := r.client.Get(ctx, l.through, conn)
	if err == nil && connection.CanonicalURL(conn.Spec.URL) == appliance {
		l.connection = conn
	}
	return l, client.IgnoreNotFound(err)
}
