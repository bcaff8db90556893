// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=npsconnections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=npsconnections/status,verbs=patch

// npsProbeInterval is how often a server is asked for its version.
const npsProbeInterval = 5 * time.Minute

// countPause is how long the number of live sessions may lag: a burst of sessions must not cause a burst of writes.
const countPause = 3 * time.Second

// npsConnections probes connections.
type npsConnections struct{ loop.Deps }

// SetupNPSConnection adds the controller of NPSConnection to a manager.
func SetupNPSConnection(mgr ctrl.Manager, deps loop.Deps) error {
	r := connectionReconciler[*pamv1alpha1.NPSConnection]{
		Deps: deps, waiting: &loop.Once[types.NamespacedName]{}, kind: "NPSConnection",
		empty: func() *pamv1alpha1.NPSConnection { return &pamv1alpha1.NPSConnection{} },
		probe: npsConnections{deps}.probe, retain: npsConnections{deps}.retain,
	}
	list := &pamv1alpha1.NPSConnectionList{}
	return r.complete(mgr, ctrl.NewControllerManagedBy(mgr).Named("npsconnection").
		For(&pamv1alpha1.NPSConnection{}, loop.OnSpec()).
		Watches(&pamv1alpha1.NPSConnection{}, deps.Requests.Watch()).
		WatchesRawSource(deps.Secrets.Source(deps.Referring(list, loop.IndexSecrets))).
		WatchesRawSource(deps.ConfigMaps.Source(deps.Referring(list, loop.IndexConfigMaps))).
		Watches(&pamv1alpha1.ActivitySession{}, connectionsOf(countPause), loop.OnLife()).
		Watches(&pamv1alpha1.ActivitySession{}, connectionsToRetain(deps.Client), onNeed()).
		WatchesRawSource(source.Channel(deps.Servers, &handler.EnqueueRequestForObject{})))
}

// probe asks the server for its version, which proves that it is reachable and accepts the credentials. On request, the
// credentials are proven anew, and the poller looks at all sessions.
func (r npsConnections) probe(
	ctx context.Context, conn *pamv1alpha1.NPSConnection, request loop.ReconcileRequest,
) (loop.Outcome, error) {
	server, err := r.Pool.ConnectServer(ctx, conn)
	if err != nil {
		return loop.Outcome{}, err
	}
	if err := server.Certificate.Check(time.Now()); err != nil {
		return loop.Outcome{}, err
	}
	maxAge := npsProbeInterval / 2
	if _, open := server.Breaker.Circuit(); open { // an older answer proves nothing
		maxAge = 0
	}
	if request.Open() {
		server.LogIns.TryAtOnce()
		maxAge = 0
	}
	live, err := loop.LiveSessions(ctx, r.Client, client.ObjectKeyFromObject(conn))
	if err != nil {
		return loop.Outcome{}, err
	}
	conn.Status.ActiveSessions = new(int32(live)) //nolint:gosec // a number of objects
	version := ""                                 // the status may be shown during the probe
	err = try(ctx, r.Deps, conn, server.Breaker, func(ctx context.Context) (err error) {
		version, err = server.Version(ctx, maxAge)
		return err
	})
	conn.Status.Version = version
	conn.Status.LogIn = server.LogIns.Status(conn.Status.LogIn)
	if err != nil {
		return circuitOutcome(ofOwner(conn, withAdvice(conn, err)), server.Breaker), nil
	}
	if request.Open() {
		server.LookAgain()
		request.Handle(conn)
	}
	conn.Status.ClockOffset = server.ClockOffset()
	conn.Status.TokenExpiresAt = nil
	if at := server.TokenExpiresAt(); !at.IsZero() {
		conn.Status.TokenExpiresAt = &metav1.Time{Time: at.Truncate(time.Second)}
	}
	out := loop.Done(pamv1alpha1.ReasonSynced, "the server answers and accepts the credentials")
	out.After = npsProbeInterval
	return out, nil
}
