// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=npsconnections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=npsconnections/status,verbs=patch

// npsProbeInterval is how often a server is asked for its version.
const npsProbeInterval = 5 * time.Minute

// countPause is how long the number of live sessions may lag behind: a burst of sessions must not be one of writes.
const countPause = 3 * time.Second

// npsConnections tries connections out.
type npsConnections struct{ deps }

// setupNPSConnection adds the controller of NPSConnection to a manager.
func setupNPSConnection(mgr ctrl.Manager, deps deps) error {
	r := connectionReconciler[*pamv1alpha1.NPSConnection]{
		deps: deps, kind: "NPSConnection", empty: func() *pamv1alpha1.NPSConnection { return &pamv1alpha1.NPSConnection{} },
		probe: npsConnections{deps}.probe, hold: npsConnections{deps}.hold,
	}
	list := &pamv1alpha1.NPSConnectionList{}
	return r.complete(mgr, ctrl.NewControllerManagedBy(mgr).Named("npsconnection").
		For(&pamv1alpha1.NPSConnection{}, onSpec()).
		WatchesRawSource(deps.secrets.Source(dependentsOn(deps.client, list, indexSecrets))).
		WatchesRawSource(deps.configMaps.Source(dependentsOn(deps.client, list, indexConfigMaps))).
		Watches(&pamv1alpha1.ActivitySession{}, connectionsOf(countPause), onLife()).
		Watches(&pamv1alpha1.ActivitySession{}, unheldConnections(deps.client), onNeed()).
		WatchesRawSource(source.Channel(deps.servers, &handler.EnqueueRequestForObject{})))
}

// probe asks the server for its version, which proves that it can be reached and that the credentials are accepted.
func (r npsConnections) probe(ctx context.Context, conn *pamv1alpha1.NPSConnection) (outcome, error) {
	server, err := r.pool.ConnectServer(ctx, conn)
	if err != nil {
		return outcome{}, err
	}
	if err := server.Certificate.Check(time.Now()); err != nil {
		return outcome{}, err
	}
	maxAge := npsProbeInterval / 2
	if _, open := server.Breaker.Circuit(); open { // an older answer proves nothing now
		maxAge = 0
	}
	if requested(conn) {
		server.LogIns.TryAtOnce()
		maxAge = 0
	}
	live, err := liveSessions(ctx, r.client, client.ObjectKeyFromObject(conn))
	if err != nil {
		return outcome{}, err
	}
	conn.Status.ActiveSessions = new(int32(live)) //nolint:gosec // a number of objects
	version := ""                                 // the status may be shown while the probe is under way
	err = r.try(ctx, conn, server.Breaker, func(ctx context.Context) (err error) {
		version, err = server.Version(ctx, maxAge)
		return err
	})
	conn.Status.Version = version
	conn.Status.LogIn = server.LogIns.Status(conn.Status.LogIn)
	if err != nil {
		return circuitOutcome(ofOwner(conn, withPlace(conn, err)), server.Breaker), nil
	}
	conn.Status.NoteHandling, conn.Status.NoteLimit = server.NoteHandling()
	conn.Status.ClockOffset = server.ClockOffset()
	conn.Status.TokenExpiresAt = nil
	if at := server.TokenExpiresAt(); !at.IsZero() {
		conn.Status.TokenExpiresAt = &metav1.Time{Time: at.Truncate(time.Second)}
	}
	out := done(pamv1alpha1.ReasonSynced, "the server answers and accepts the credentials")
	out.after = npsProbeInterval
	return out, nil
}
