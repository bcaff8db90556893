// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/pam-operator/pam-operator/internal/connection"
)

// Options are what differs between one manager and another.
type Options struct {
	// UserAgent is sent to the appliances.
	UserAgent string
	// DeletionDeadline is how long an object that is being deleted waits for an appliance that does not answer, before it
	// is let go and reported as left over.
	DeletionDeadline time.Duration
	// Concurrency is how many RDP connection policies are worked on at the same time. It should not be less than the
	// largest batch, because each waits in it.
	Concurrency int
	// LockedRetry is how long an object waits before it asks again for a configuration that somebody else holds; 0 means
	// 15 s. It is jittered.
	LockedRetry time.Duration
	// SecondLook is how long after a session was not found at its server it is looked for once more, before that is
	// believed; 0 means 5 s. It is jittered.
	SecondLook time.Duration
	// Settle is how long after a request without an answer its session may still show up at the server; 0 means 1 min.
	Settle time.Duration
	// MinPollInterval is the shortest interval of polling, and MaxRequestsPerSecond the highest rate of requests, that an
	// NPSConnection may set; 0 is no bound.
	MinPollInterval      time.Duration
	MaxRequestsPerSecond int
	// Namespaces are those that the manager looks at; none means all.
	Namespaces []string
}

// deps is what every controller works with.
type deps struct {
	Options

	feeds

	client client.Client
	// live reads from the API server.
	live   client.Reader
	events events.EventRecorder
	pool   *connection.Pool
	// moved tells of appliances whose configuration was changed by somebody else.
	moved *broadcast
	// activity tells of connections on whose appliance something happened that their status shows.
	activity chan event.GenericEvent
	// sessions tells of objects whose session has changed at its server.
	sessions chan event.GenericEvent
}

// activityBuffer is more than there are connections; what does not fit is told by the next drift check.
const activityBuffer = 1024

// Setup adds every controller, and what they share, to a manager.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	if err := addIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("add indexes: %w", err)
	}
	if options.LockedRetry == 0 {
		options.LockedRetry = lockedRetry
	}
	if options.SecondLook == 0 {
		options.SecondLook = secondLook
	}
	if options.Settle == 0 {
		options.Settle = requestSettle
	}
	feeds, err := addFeeds(mgr, options.Namespaces)
	if err != nil {
		return fmt.Errorf("add the feeds of foreign objects: %w", err)
	}
	activity, sessions := make(chan event.GenericEvent, activityBuffer), make(chan event.GenericEvent)
	pool := connection.NewPool(connection.Config{
		Cache: mgr.GetCache(), Secrets: feeds.secrets, ConfigMaps: feeds.configMaps, Live: mgr.GetAPIReader(),
		Client: mgr.GetClient(), UserAgent: options.UserAgent, Notify: notify(activity), Tell: tellSession(sessions),
		KeepFor: options.DeletionDeadline, MinPollInterval: options.MinPollInterval,
		MaxRequestsPerSecond: int32(options.MaxRequestsPerSecond), //nolint:gosec // the API takes 1000 at most
	})
	if err := mgr.Add(pool); err != nil {
		return fmt.Errorf("add the pool of connections: %w", err)
	}
	d := deps{
		Options: options, feeds: feeds, client: mgr.GetClient(), live: mgr.GetAPIReader(),
		events: mgr.GetEventRecorder("pam-operator"), pool: pool, moved: &broadcast{}, activity: activity,
		sessions: sessions,
	}
	for _, setup := range []func(ctrl.Manager, deps) error{
		setupSPSConnection, setupNPSConnection, setupRDPConnectionPolicy, setupLocalUser, setupLocalUserGroup,
		setupSessionTermination, setupActivitySession,
	} {
		if err := setup(mgr, d); err != nil {
			return fmt.Errorf("add controllers: %w", err)
		}
	}
	return nil
}

func (d deps) statusWriter() statusWriter {
	return statusWriter{client: d.client, live: d.live, events: d.events}
}
