// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Paced sets the delay after which an object that waits for another client's lock tries again.
func (d Deps) Paced(out Outcome) Outcome {
	if out.Reason == pamv1alpha1.ReasonLocked && out.Err == nil {
		out.After = d.LockedRetry
	}
	return out
}

// Options are the settings of a manager.
type Options struct {
	// UserAgent is sent to appliances and servers.
	UserAgent string
	// DeletionDeadline is how long an object that is being deleted waits for an appliance that does not answer. After
	// that, the object is released and reported as a leftover.
	DeletionDeadline time.Duration
	// BlockedDeletionDeadline is how long an object that is being deleted waits for somebody to act: while something is
	// suspended, the appliance refuses or is locked, or the connection does not permit the object. After that, the object
	// is released and reported as a leftover. 0 means DefaultBlockedDeletionDeadline.
	BlockedDeletionDeadline time.Duration
	// Namespace is the manager's own. Leftovers are recorded there if no other namespace accepts the record. If it is
	// empty, they are not.
	Namespace string
	// TerminationPatience is how long closing a session is retried if the appliance fails to close it; 0 means
	// DefaultTerminationPatience.
	TerminationPatience time.Duration
	// Concurrency is how many RDP connection policies are reconciled at the same time. It should be no less than the
	// largest batch, because each policy in a batch waits for it.
	Concurrency int
	// LockedRetry is how long an object waits before it retries a configuration that another client has locked; 0 means
	// DefaultLockedRetry. It is jittered.
	LockedRetry time.Duration
	// SecondLook is how long after a server did not find a session it is asked once more, before the answer is believed;
	// 0 means DefaultSecondLook. It is jittered.
	SecondLook time.Duration
	// RequestPause is the shortest time between two reconciles of an object that only changes of its annotations or
	// finalizers, or of foreign objects that it refers to, ask for; it is six times as long after a refusal. 0 means
	// DefaultRequestPause.
	RequestPause time.Duration
	// RecoveryWindow is how long the session of an unanswered request may take to show up at the server; 0 means
	// DefaultRecoveryWindow.
	RecoveryWindow time.Duration
	// MinPollInterval is the shortest polling interval, and MaxRequestsPerSecond the highest request rate, that an
	// NPSConnection may set; 0 means no bound.
	MinPollInterval      time.Duration
	MaxRequestsPerSecond int
	// Fence returns an error once this manager may no longer lead, which forbids changes of appliances and new sessions;
	// nil forbids nothing.
	Fence func() error
	// AnswerMemory bounds the memory that the answers of all appliances and servers take together, in bytes; 0 means
	// connection.DefaultAnswerMemory.
	AnswerMemory int64
	// Network says how appliances and servers may be reached; its zero value allows any address.
	Network rest.Network
	// Namespaces are the namespaces that the manager works in; none means all. With a list, the manager needs no
	// cluster-wide right: it lists and watches only these namespaces, and reads the labels of each namespace by name.
	Namespaces []string
	// IgnoreNamespaceLabels means that no namespace is read. A connection that selects namespaces by labels is then
	// invalid.
	IgnoreNamespaceLabels bool
	// Metrics is where the metrics of objects are registered; nil registers none.
	Metrics prometheus.Registerer
	// Tracer is what passes are traced with; nil traces nothing.
	Tracer trace.Tracer
	// Vitals is filled in by Setup; it may be nil.
	Vitals *Vitals
}

// Deps is what every controller works with.
type Deps struct {
	Options

	Feeds

	Client client.Client
	// Live reads from the API server.
	Live   client.Reader
	Events events.EventRecorder
	Pool   *connection.Pool
	// Claims knows what the policy objects name on appliances.
	Claims *Claims
	// ConfigurationChanged reports connections whose appliance was changed by another client.
	ConfigurationChanged *Broadcast
	// Relabelled reports namespaces whose labels have changed; nil if an informer does.
	Relabelled *Broadcast
	// Activity reports connections whose status has to show what happened on their appliance.
	Activity chan event.GenericEvent
	// Servers reports connections whose server has to be probed at once.
	Servers chan event.GenericEvent
	// Records bounds the number of leftover records.
	Records *RecordBook
	// Requests knows since when requests to reconcile are open.
	Requests *RequestBook
	// OwnWrites knows which version of an object our last status write made.
	OwnWrites *OwnWrites
	// Sessions reports objects whose session has changed at its server.
	Sessions chan event.GenericEvent
}

// StatusWriter writes statuses and Events.
func (d Deps) StatusWriter() StatusWriter {
	return StatusWriter{client: d.Client, live: d.Live, events: d.Events, own: d.OwnWrites}
}

// Vitals are what a manager's probes look at.
type Vitals struct {
	// Unlisted names the foreign resources that a leading manager has not listed yet, perhaps because a right is missing.
	Unlisted func() []string
	// Touch takes the locks that every reconcile takes inside the manager, without a call to anything outside. It returns
	// at once unless the manager hangs.
	Touch func(ctx context.Context)
}
