// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=spsconnections,verbs=get;list;watch
// +kubebuilder:rbac:groups=pam-operator.io,resources=spsconnections/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets;configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// defaultDriftCheckInterval is how often an appliance is asked whether its configuration changed.
const defaultDriftCheckInterval = 5 * time.Minute

// spsConnectionReconciler tries connections out, and finds out whether somebody else changed their appliance.
type spsConnectionReconciler struct{ deps }

// setupSPSConnection adds the controller of SPSConnection to a manager.
func setupSPSConnection(mgr ctrl.Manager, deps deps) error {
	r := &spsConnectionReconciler{deps}
	list := &pamv1alpha1.SPSConnectionList{}
	return ctrl.NewControllerManagedBy(mgr).Named("spsconnection").
		For(&pamv1alpha1.SPSConnection{}, onSpec()).
		WatchesMetadata(&corev1.Secret{}, dependentsOn(deps.client, list, indexSecrets)).
		WatchesMetadata(&corev1.ConfigMap{}, dependentsOn(deps.client, list, indexConfigMaps)).
		WatchesRawSource(source.Channel(deps.activity, &handler.EnqueueRequestForObject{})).
		WithOptions(options(connectionConcurrency)).
		Complete(r)
}

// connectionConcurrency lets one connection that hangs not hold up the others.
const connectionConcurrency = 16

// Reconcile makes one pass over a connection.
func (r *spsConnectionReconciler) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	conn := &pamv1alpha1.SPSConnection{}
	if err := r.client.Get(ctx, request.NamespacedName, conn); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.pool.Forget(ctx, request.NamespacedName)
			insecureConnections.DeleteLabelValues("SPSConnection", request.Namespace, request.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := conn.DeepCopy()
	out, err := r.probe(ctx, conn)
	if err != nil {
		out = outcomeOf(err)
	}
	showInsecureTLS(conn, "SPSConnection", conn.Spec.TLS)
	return r.statusWriter().save(ctx, before, conn, out)
}

// probe asks the appliance for its version and its config_hash, which proves that it can be reached and that the
// credentials are accepted, and tells the dependents if somebody else changed it.
func (r *spsConnectionReconciler) probe(ctx context.Context, conn *pamv1alpha1.SPSConnection) (outcome, error) {
	appliance, err := r.pool.Connect(ctx, conn)
	if err != nil {
		return outcome{}, err
	}
	conn.Status.Dependents = new(r.countDependents(ctx, conn))
	r.showActivity(conn, appliance.Activity())
	info, moved, err := appliance.Inventory.Check(ctx)
	if err != nil {
		return outcome{}, err
	}
	if moved {
		r.moved.send(ctx, event.GenericEvent{Object: conn.DeepCopy()})
	}
	conn.Status.Version, conn.Status.ConfigHash = info.Version, info.ConfigHash
	out := done(pamv1alpha1.ReasonSynced, "the appliance answers and accepts the credentials")
	out.after = defaultDriftCheckInterval
	if conn.Spec.DriftCheckInterval != nil {
		out.after = conn.Spec.DriftCheckInterval.Duration
	}
	return out, nil
}

// countDependents counts the objects that refer to the connection.
func (r *spsConnectionReconciler) countDependents(ctx context.Context, conn *pamv1alpha1.SPSConnection) int32 {
	total := 0
	for _, list := range []client.ObjectList{
		&pamv1alpha1.RDPConnectionPolicyList{}, &pamv1alpha1.LocalUserList{}, &pamv1alpha1.LocalUserGroupList{},
		&pamv1alpha1.SessionTerminationList{},
	} {
		total += len(requests(ctx, r.client, list, client.MatchingFields{
			indexConnection: client.ObjectKeyFromObject(conn).String(),
		}))
	}
	return int32(total)
}

// showActivity puts what happened on the appliance into the status.
func (r *spsConnectionReconciler) showActivity(conn *pamv1alpha1.SPSConnection, a connection.Activity) {
	conn.Status.Lock = nil
	if !a.LockedSince.IsZero() {
		conn.Status.Lock = &pamv1alpha1.ConfigurationLock{HeldBy: a.LockedBy, Since: metav1.NewTime(a.LockedSince)}
	}
	if !a.LastCommit.Time.IsZero() {
		conn.Status.LastCommit = &pamv1alpha1.CommitRecord{
			Time:     metav1.NewTime(a.LastCommit.Time.Truncate(time.Second)),
			Changes:  new(int32(a.LastCommit.Changes)), //nolint:gosec // at most maxChanges
			Duration: metav1.Duration{Duration: a.LastCommit.Hold.Round(time.Millisecond)},
		}
	}
}

// showInsecureTLS is loud about a connection that verifies nothing.
func showInsecureTLS(conn object, kind string, t *pamv1alpha1.TLSSettings) {
	insecure := t != nil && isTrue(t.InsecureSkipVerify)
	setInsecureCondition(conn.GetStatus().ObjectConditions(), conn.GetGeneration(), insecure)
	if !insecure {
		insecureConnections.DeleteLabelValues(kind, conn.GetNamespace(), conn.GetName())
		return
	}
	insecureConnections.WithLabelValues(kind, conn.GetNamespace(), conn.GetName()).Set(1)
}
