// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=spsconnections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=spsconnections/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets;configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// defaultDriftCheckInterval is how often an appliance is asked whether its configuration changed.
const defaultDriftCheckInterval = 5 * time.Minute

// spsConnections tries connections out, and finds out whether somebody else changed their appliance.
type spsConnections struct{ deps }

// setupSPSConnection adds the controller of SPSConnection to a manager.
func setupSPSConnection(mgr ctrl.Manager, deps deps) error {
	r := connectionReconciler[*pamv1alpha1.SPSConnection]{
		deps: deps, kind: "SPSConnection", empty: func() *pamv1alpha1.SPSConnection { return &pamv1alpha1.SPSConnection{} },
		probe: spsConnections{deps}.probe, hold: spsConnections{deps}.hold,
	}
	list := &pamv1alpha1.SPSConnectionList{}
	return r.complete(mgr, watchNeeding(ctrl.NewControllerManagedBy(mgr), deps.client).Named("spsconnection").
		For(&pamv1alpha1.SPSConnection{}, onSpec()).
		WatchesRawSource(deps.secrets.Source(dependentsOn(deps.client, list, indexSecrets))).
		WatchesRawSource(deps.configMaps.Source(dependentsOn(deps.client, list, indexConfigMaps))).
		WatchesRawSource(source.Channel(deps.activity, &handler.EnqueueRequestForObject{})))
}

// probe asks the appliance for its version and its config_hash, which proves that it can be reached and that the
// credentials are accepted, and tells the dependents if somebody else changed it.
func (r spsConnections) probe(ctx context.Context, conn *pamv1alpha1.SPSConnection) (outcome, error) {
	appliance, err := r.pool.Connect(ctx, conn)
	if err != nil {
		return outcome{}, err
	}
	if err := appliance.Certificate.Check(time.Now()); err != nil {
		return outcome{}, err
	}
	if requested(conn) {
		appliance.LogIns.TryAtOnce()
		appliance.Inventory.Forget()
		appliance.Inventory.TryAgain()
	}
	waited := conn.Status.Lock != nil
	lockShown := r.showActivity(conn, appliance.URL, appliance.Activity())
	if waited && conn.Status.Lock == nil { // the lock is gone: whoever waits for it need not wait for its next try
		r.moved.send(ctx, event.GenericEvent{Object: conn.DeepCopy()})
	}
	var (
		info  sps.Info
		moved bool
	)
	err = r.try(ctx, conn, appliance.Breaker, func(ctx context.Context) (err error) {
		if err := appliance.Recover(ctx); err != nil {
			return err
		}
		info, moved, err = appliance.Inventory.Check(ctx)
		return err
	})
	conn.Status.LogIn = appliance.LogIns.Status(conn.Status.LogIn)
	if err != nil {
		return circuitOutcome(ofOwner(conn, err), appliance.Breaker), nil
	}
	if moved {
		r.moved.send(ctx, event.GenericEvent{Object: conn.DeepCopy()})
	}
	conn.Status.Version, conn.Status.ConfigHash = info.Version, info.ConfigHash
	out := done(pamv1alpha1.ReasonSynced,
		"the appliance answers and accepts the credentials"+warnOfManagedHost(conn, info.Roles))
	if same := r.pool.Recognise(ctx, appliance); len(same) > 0 {
		out.message += "; it is the same appliance that other connections reach as " + strings.Join(same, ", ")
	}
	out.after = defaultDriftCheckInterval
	if conn.Spec.DriftCheckInterval != nil {
		out.after = conn.Spec.DriftCheckInterval.Duration
	}
	out.after = soonest(out.after, lockShown)
	return out, nil
}

// lockMemory is after how many retries that did not come a lock is no longer shown: whoever wanted the configuration
// has gone away, and nobody can say whether somebody still holds it.
const lockMemory = 4

// showActivity puts what happened on the appliance into the status, and tells of a lock when it is first met. It
// returns for how long a lock is shown; 0 if there is none.
func (r spsConnections) showActivity(
	conn *pamv1alpha1.SPSConnection, url string, a connection.Activity,
) (shown time.Duration) {
	known := conn.Status.Lock != nil
	conn.Status.Lock = nil
	if shown = time.Until(a.LockedAt.Add(lockMemory * r.LockedRetry)); !a.LockedSince.IsZero() && shown > 0 {
		conn.Status.Lock = &pamv1alpha1.ConfigurationLock{HeldBy: a.LockedBy, Since: metav1.NewTime(a.LockedSince)}
		if !known {
			r.statusWriter().event(conn, corev1.EventTypeNormal, pamv1alpha1.ReasonLocked, lockMessage(a.LockedBy))
		}
	}
	if !a.LastCommit.Time.IsZero() {
		conn.Status.LastCommit = recordOf(a.LastCommit, url)
	}
	return max(shown, 0)
}

// recordOf is a commit as a status shows it. A duration of 0 would be left out, which the API server refuses.
func recordOf(c connection.Commit, url string) *pamv1alpha1.CommitRecord {
	return &pamv1alpha1.CommitRecord{
		Time:      metav1.NewTime(c.Time.Truncate(time.Second)),
		Changes:   new(int32(c.Changes)), //nolint:gosec // at most maxChanges
		Duration:  metav1.Duration{Duration: max(c.Hold.Round(time.Millisecond), time.Millisecond)},
		Appliance: url,
	}
}

func lockMessage(holder string) string {
	if holder == "" {
		holder = "somebody else"
	}
	return "the configuration is held by " + holder + "; changes wait until it is free"
}
