// SPDX-License-Identifier: Apache-2.0

package loop

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
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=create

// recordingFactor is the number of deletion deadlines after which an object is released even if the API server still
// does not accept the record of its leftover.
const recordingFactor = 2

// recordingTimeout bounds one attempt to write that record, also while the manager shuts down.
const recordingTimeout = 10 * time.Second

// actionAbandon is the action of Events about leftovers.
const actionAbandon = "Abandon"

// recordedName is the record's key for the name of the object.
const recordedName = "name"

// Leftover is what may remain on an appliance or a server after its object is released.
type Leftover struct {
	// Object is the released object; Kind is its kind.
	Object client.Object
	Kind   string
	// Through is the connection that the object used.
	Through types.NamespacedName
	// Connection is that connection, if it exists and leads to the leftover; else nil. Only then is the leftover reported
	// in its namespace: otherwise, anyone who can name a connection could write into any namespace.
	Connection client.Object
	// What and Where describe the leftover in a message.
	What, Where string
	// Metric is the label of the metric.
	Metric string
	// Data says where to look; RecordLeftover adds what is known about the object and its connection.
	Data  map[string]string
	Cause error
}

// RecordLeftover records a leftover in a ConfigMap, which also prevents a repeated report, in Events and in a metric.
// An error is transient: the object must not be released yet.
func (d Deps) RecordLeftover(ctx context.Context, l Leftover) error {
	// A shutdown between the record and the Events would leave a record that no later reconcile reports.
	record, err := d.record(context.WithoutCancel(ctx), l)
	switch {
	case apierrors.IsAlreadyExists(err) && !mayBeForged(record, l):
		return nil
	case apierrors.IsAlreadyExists(err):
		err = nil
	case err != nil && !IsLasting(err) && DeletingFor(l.Object) < recordingFactor*d.DeletionDeadline:
		return fmt.Errorf("record what may be left: %w", err)
	}
	where := "not recorded: "
	if err == nil {
		where = "recorded in ConfigMap " + client.ObjectKeyFromObject(record).String()
	} else {
		where += err.Error()
	}
	message := fmt.Sprintf("%s may be left on %s: %v; %s", l.What, l.Where, l.Cause, where)
	d.StatusWriter().Warn(l.Object, nil, actionAbandon, pamv1alpha1.ReasonDeletionBlocked, message)
	if l.Connection != nil && l.Connection.GetNamespace() != l.Object.GetNamespace() {
		d.StatusWriter().Warn(l.Connection, l.Object, actionAbandon, pamv1alpha1.ReasonDeletionBlocked, message)
	}
	metrics.Leftover(l.Metric)
	return nil
}

// mayBeForged reports whether an existing record may have been written by the author of the object, who would silence
// the report. If it was not, the report is repeated after a crash, which does no harm.
func mayBeForged(record *corev1.ConfigMap, l Leftover) bool {
	return record != nil && record.Namespace == l.Object.GetNamespace()
}

// record writes the record into the first namespace that accepts it: beside the connection, because the owner of the
// appliance has to check; beside the object; or, if that namespace is being deleted, beside the manager.
func (d Deps) record(ctx context.Context, l Leftover) (record *corev1.ConfigMap, err error) {
	own := l.Object.GetNamespace()
	if l.Connection != nil {
		record, err = d.recordIn(ctx, l.Connection.GetNamespace(), l)
		if err == nil || !IsLasting(err) || isFull(err) || l.Connection.GetNamespace() == own && !isTerminating(err) {
			return record, err
		}
	}
	if l.Connection == nil && l.Through.Namespace != own && d.recordedIn(ctx, l.Through.Namespace, l) {
		return nil, apierrors.NewAlreadyExists(corev1.Resource("configmaps"), l.recordName())
	}
	if l.Connection == nil || l.Connection.GetNamespace() != own {
		record, err = d.recordIn(ctx, own, l)
	}
	if isTerminating(err) && d.Namespace != "" && d.Namespace != own {
		return d.recordIn(ctx, d.Namespace, l)
	}
	return record, err
}

// recordedIn reports whether an earlier reconcile has written the record beside the connection, which has gone since.
// It must not be used for a namespace in which the object's author may have written the record.
func (d Deps) recordedIn(ctx context.Context, namespace string, l Leftover) bool {
	reading, cancel := context.WithTimeout(ctx, recordingTimeout)
	defer cancel()
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	return d.Live.Get(reading, types.NamespacedName{Namespace: namespace, Name: l.recordName()}, m) == nil
}

func (d Deps) recordIn(ctx context.Context, namespace string, l Leftover) (*corev1.ConfigMap, error) {
	record := l.in(namespace)
	counting, cancel := context.WithTimeout(ctx, recordingTimeout)
	defer cancel()
	page := recordPage{in: namespace, of: l.Object.GetNamespace()}
	if err := d.Records.checkRoom(counting, d.Live, page); err != nil {
		return record, err
	}
	writing, cancel := context.WithTimeout(ctx, recordingTimeout)
	defer cancel()
	err := d.Client.Create(writing, record)
	if err == nil {
		d.Records.wrote(page)
	}
	return record, err
}

// IsLasting reports whether the record can never be written: its namespace is gone or being deleted, or a quota, a
// policy, a missing right or our own bound forbids it.
func IsLasting(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) ||
		apierrors.IsBadRequest(err) || isFull(err)
}

// isTerminating reports whether a namespace does not exist or is being deleted.
func isTerminating(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// recordName is derived from the object, so that there is one record.
func (l Leftover) recordName() string {
	return "leftover-" + strings.ToLower(l.Kind) + "-" + string(l.Object.GetUID())
}

// in returns the record for a namespace.
func (l Leftover) in(namespace string) *corev1.ConfigMap {
	kind := strings.ToLower(l.Kind)
	data := map[string]string{
		"kind": l.Kind, "namespace": l.Object.GetNamespace(), recordedName: l.Object.GetName(),
		"uid": string(l.Object.GetUID()), "connection": l.Through.String(), "time": time.Now().UTC().Format(time.RFC3339),
		"cause": rest.Shorten(l.Cause.Error(), MaxConditionMessage),
	}
	maps.Copy(data, l.Data)
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: l.recordName(),
			Labels: map[string]string{
				pamv1alpha1.LabelLeftover: kind, pamv1alpha1.LabelLeftoverOf: l.Object.GetNamespace(),
				"app.kubernetes.io/managed-by": "pam-operator",
			},
		},
		Data: data,
	}
}
