// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=spsconnections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=spsconnections/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets;configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// spsConnections probes connections, and detects changes of their appliance by other clients.
type spsConnections struct {
	loop.Deps

	unmanaged *unmanaged
}

// SetupSPSConnection adds the controller of SPSConnection to a manager.
func SetupSPSConnection(mgr ctrl.Manager, deps loop.Deps) error {
	own := spsConnections{Deps: deps, unmanaged: &unmanaged{claims: deps.Claims}}
	r := connectionReconciler[*pamv1alpha1.SPSConnection]{
		Deps: deps, waiting: &loop.Once[types.NamespacedName]{}, kind: "SPSConnection",
		empty: func() *pamv1alpha1.SPSConnection { return &pamv1alpha1.SPSConnection{} },
		probe: own.probe, retain: own.retain, forget: own.unmanaged.forget,
	}
	list := &pamv1alpha1.SPSConnectionList{}
	return r.complete(mgr, watchNeeding(ctrl.NewControllerManagedBy(mgr), deps.Client).Named("spsconnection").
		For(&pamv1alpha1.SPSConnection{}, loop.OnSpec()).
		Watches(&pamv1alpha1.SPSConnection{}, deps.Requests.Watch()).
		WatchesRawSource(deps.Secrets.Source(deps.Referring(list, loop.IndexSecrets))).
		WatchesRawSource(deps.ConfigMaps.Source(deps.Referring(list, loop.IndexConfigMaps))).
		WatchesRawSource(source.Channel(deps.Activity, &handler.EnqueueRequestForObject{})))
}

// probe asks the appliance for its version and its config_hash, which proves that it is reachable and accepts the
// credentials, and wakes the dependents if another client has changed it. On request, it reads the whole inventory
// again, and wakes them in any case.
func (r spsConnections) probe(
	ctx context.Context, conn *pamv1alpha1.SPSConnection, request loop.ReconcileRequest,
) (loop.Outcome, error) {
	a, err := r.Pool.Connect(ctx, conn)
	if err != nil {
		return loop.Outcome{}, err
	}
	if err := a.Certificate.Check(time.Now()); err != nil {
		return loop.Outcome{}, err
	}
	if request.Open() {
		a.LogIns.TryAtOnce()
		a.Inventory.RetryTooLarge()
		a.RetryRefused()
	}
	waited := conn.Status.Lock != nil
	activity := a.Activity()
	lockShown := r.showActivity(conn, a.URL, activity)
	if waited && conn.Status.Lock == nil { // the lock is gone: retry at once what waits for it
		r.wake(ctx, conn)
	}
	info, moved, err := r.check(ctx, conn, a)
	if err != nil {
		return circuitOutcome(ofOwner(conn, err), a.Breaker), nil
	}
	read := readAgain(ctx, a.Inventory, conn, request)
	if moved || read.done {
		r.wake(ctx, conn)
	}
	conn.Status.Version, conn.Status.ConfigHash = info.Version, info.ConfigHash
	if err := r.showUnmanaged(ctx, conn, a); err != nil {
		return loop.Outcome{}, err
	}
	out := loop.Done(pamv1alpha1.ReasonSynced,
		"the appliance answers and accepts the credentials"+warnOfManagedHost(conn, info.Roles)+read.trouble)
	if activity.RefusesAll != "" {
		out.Message += "; the latest commits were all refused in the same words: " + activity.RefusesAll
	}
	if same := r.Pool.Recognise(ctx, a); len(same) > 0 {
		out.Message += "; it is the same appliance that other connections reach as " + strings.Join(same, ", ")
	}
	out.After = loop.Soonest(conn.CheckInterval(), lockShown, read.after)
	return out, nil
}

// check asks the appliance what it is, and reports whether another client has changed it.
func (r spsConnections) check(
	ctx context.Context, conn *pamv1alpha1.SPSConnection, a *appliance.Appliance,
) (info sps.Info, moved bool, err error) {
	err = try(ctx, r.Deps, conn, a.Breaker, func(ctx context.Context) (err error) {
		if err := a.Recover(ctx); err != nil {
			return err
		}
		info, moved, err = a.Inventory.Check(ctx)
		return err
	})
	conn.Status.LogIn = a.LogIns.Status(conn.Status.LogIn)
	return info, moved, err
}

// wake has the dependents of a connection reconciled.
func (r spsConnections) wake(ctx context.Context, conn *pamv1alpha1.SPSConnection) {
	r.ConfigurationChanged.Send(ctx, event.GenericEvent{Object: conn.DeepCopy()})
}

// lockMemory is how many missed retries it takes until a lock is no longer shown: no change wants the configuration any
// more, and it is unknown whether the lock still exists.
const lockMemory = 4

// showActivity copies the appliance's activity to the status, and emits an Event when a lock is first met. It returns
// how much longer a lock is shown; 0 if there is none.
func (r spsConnections) showActivity(
	conn *pamv1alpha1.SPSConnection, url string, a appliance.Activity,
) (shown time.Duration) {
	known := conn.Status.Lock != nil
	conn.Status.Lock = nil
	if shown = time.Until(a.LockedAt.Add(lockMemory * r.LockedRetry)); !a.LockedSince.IsZero() && shown > 0 {
		conn.Status.Lock = &pamv1alpha1.ConfigurationLock{HeldBy: a.LockedBy, Since: metav1.NewTime(a.LockedSince)}
		if !known {
			r.StatusWriter().Event(conn, corev1.EventTypeNormal, pamv1alpha1.ReasonLocked, loop.LockMessage(a.LockedBy))
		}
	}
	if !a.LastCommit.Time.IsZero() {
		conn.Status.LastCommit = recordOf(a.LastCommit, url)
	}
	return max(shown, 0)
}

// recordOf is a commit in the form of the status. A duration of 0 would be omitted, which the API server refuses.
func recordOf(c appliance.Commit, url string) *pamv1alpha1.CommitRecord {
	return &pamv1alpha1.CommitRecord{
		Time:      metav1.NewTime(c.Time.Truncate(time.Second)),
		Changes:   new(int32(c.Changes)), //nolint:gosec // at most maxChanges
		Duration:  metav1.Duration{Duration: max(c.Hold.Round(time.Millisecond), time.Millisecond)},
		Appliance: url,
	}
}
