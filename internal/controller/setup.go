// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Nothing is called managers: who has this right in the whole cluster is the manager to the policies of
// config/admission.
//
// +kubebuilder:rbac:groups=pam-operator.io,resources=managers,verbs=manage

// Options are what differs between one manager and another.
type Options struct {
	// UserAgent is sent to the appliances.
	UserAgent string
	// DeletionDeadline is how long an object that is being deleted waits for an appliance that does not answer, before it
	// is let go and reported as left over.
	DeletionDeadline time.Duration
	// BlockedDeletionDeadline is how long an object that is being deleted waits for somebody to act: while something is
	// suspended, the appliance refuses or is locked, or the connection does not permit the object. Then it is let go and
	// reported as left over; 0 means a day.
	BlockedDeletionDeadline time.Duration
	// Namespace is the manager's own: what objects leave behind is recorded there if no other namespace takes the record.
	// Empty does without.
	Namespace string
	// TerminationPatience is how long a session that the appliance could not close is tried again; 0 means a minute.
	TerminationPatience time.Duration
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
	// Fence forbids changes of appliances and new sessions with an error, once this manager may not lead any more; nil
	// forbids nothing.
	Fence func() error
	// AnswerMemory is how much memory the answers of all appliances and servers may take together, in bytes; 0 means 96
	// MiB.
	AnswerMemory int64
	// Network says how appliances and servers are reached; its zero value is by any address.
	Network rest.Network
	// Namespaces are those that the manager looks at; none means all. If some are named, no right in the whole cluster is
	// needed: nothing is listed or watched there, and labels of namespaces are read one by one.
	Namespaces []string
	// IgnoreNamespaceLabels has no namespace read at all. A connection that selects namespaces by labels is then invalid.
	IgnoreNamespaceLabels bool
	// Vitals is filled in by Setup; nil if nobody asks.
	Vitals *Vitals
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
	// relabelled tells of namespaces whose labels have changed; nil where an informer does.
	relabelled *broadcast
	// activity tells of connections on whose appliance something happened that their status shows.
	activity chan event.GenericEvent
	// servers tells of connections whose server is to be tried out at once.
	servers chan event.GenericEvent
	// records bounds how many leftovers are recorded.
	records *recordBook
	// sessions tells of objects whose session has changed at its server.
	sessions chan event.GenericEvent
}

// activityBuffer is more than there are connections; what does not fit is told by the next drift check.
const activityBuffer = 1024

// Setup adds every controller, and what they share, to a manager. The end of ctx is an order to stop: work that is
// under way may be finished. A manager that stops for another reason, such as a lost lease, drops it at once.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	if err := addIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("add indexes: %w", err)
	}
	if options.LockedRetry == 0 {
		options.LockedRetry = lockedRetry
	}
	if options.BlockedDeletionDeadline == 0 {
		options.BlockedDeletionDeadline = blockedDeletionDeadline
	}
	if options.TerminationPatience == 0 {
		options.TerminationPatience = terminationPatience
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
	namespaces, relabelled, err := addNamespaces(mgr, options)
	if err != nil {
		return fmt.Errorf("add what reads namespaces: %w", err)
	}
	activity, servers := make(chan event.GenericEvent, activityBuffer), make(chan event.GenericEvent, activityBuffer)
	sessions := make(chan event.GenericEvent)
	pool := connection.NewPool(connection.Config{
		Memory: rest.NewBudget(cmp.Or(options.AnswerMemory, connection.DefaultAnswerMemory)), Network: options.Network,
		Cache: mgr.GetCache(), Secrets: feeds.secrets, ConfigMaps: feeds.configMaps, Live: mgr.GetAPIReader(),
		Client: mgr.GetClient(), UserAgent: options.UserAgent, Notify: notify(activity),
		NotifyServer: notifyServer(servers), Circuit: showCircuit, Tell: tellSession(sessions),
		KeepFor: options.DeletionDeadline, Namespaces: namespaces, Stop: ctx.Done(), Fence: options.Fence,
		LockedRetry:          options.LockedRetry,
		MinPollInterval:      options.MinPollInterval,
		MaxRequestsPerSecond: int32(options.MaxRequestsPerSecond), //nolint:gosec // the API takes 1000 at most
	})
	if err := mgr.Add(pool); err != nil {
		return fmt.Errorf("add the pool of connections: %w", err)
	}
	d := deps{
		Options: options, feeds: feeds, client: mgr.GetClient(), live: mgr.GetAPIReader(),
		events: mgr.GetEventRecorder("pam-operator"), pool: pool, moved: &broadcast{}, activity: activity,
		servers: servers, records: newRecordBook(), sessions: sessions, relabelled: relabelled,
	}
	for _, setup := range []func(ctrl.Manager, deps) error{
		setupSPSConnection, setupNPSConnection, setupRDPConnectionPolicy, setupLocalUser, setupLocalUserGroup,
		setupSessionTermination, setupActivitySession,
	} {
		if err := setup(mgr, d); err != nil {
			return fmt.Errorf("add controllers: %w", err)
		}
	}
	if options.Vitals != nil {
		*options.Vitals = d.vitals(mgr.GetCache())
	}
	return nil
}

func (d deps) statusWriter() statusWriter {
	return statusWriter{client: d.client, live: d.live, events: d.events}
}
