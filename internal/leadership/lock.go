// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/recorder"
)

// namespaceFile holds the namespace of a Pod.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// errNoNamespace advises anyone who starts a manager by hand.
var errNoNamespace = errors.New("no namespace for the lease that keeps a second manager from writing to the same " +
	"appliances: outside a cluster, set --leader-election-namespace, or --leader-elect=false if no other manager runs " +
	"for these objects")

// Lease identifies the lease for leader election.
type Lease struct {
	// Namespace is the namespace of the lease; empty means that of the Pod.
	Namespace string
	Name      string
	// RenewDeadline bounds a request for the lease to half its value.
	RenewDeadline time.Duration
}

// NewLock returns the lock of a lease for an elector.
func NewLock(config *rest.Config, scheme *runtime.Scheme, lease Lease) (resourcelock.Interface, error) {
	namespace, err := namespaceOf(lease.Namespace, namespaceFile)
	if err != nil {
		return nil, err
	}
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the lease's Events: %w", err)
	}
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: core.Events("")})
	return leaderelection.NewResourceLock(config, events{broadcaster: broadcaster, scheme: scheme}, leaderelection.Options{
		LeaderElection: true, LeaderElectionID: lease.Name, LeaderElectionNamespace: namespace,
		RenewDeadline: lease.RenewDeadline,
	})
}

// namespaceOf returns the given namespace, or the one in a file.
func namespaceOf(wanted, file string) (string, error) {
	if wanted != "" {
		return wanted, nil
	}
	content, err := os.ReadFile(file) //nolint:gosec // G304: a constant, except in tests
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", errNoNamespace
	case err != nil:
		return "", fmt.Errorf("find the namespace of the lease: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// events announce the leader. The manager's own recorder does not exist yet when the lock is made.
type events struct {
	recorder.Provider

	broadcaster record.EventBroadcaster
	scheme      *runtime.Scheme
}

// GetEventRecorderFor returns a recorder for the lock.
func (e events) GetEventRecorderFor(name string) record.EventRecorder {
	return e.broadcaster.NewRecorder(e.scheme, corev1.EventSource{Component: name})
}
