// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Namespaces reads what the rules of connections need to know about a namespace.
type Namespaces interface {
	Namespace(ctx context.Context, name string) (Namespace, error)
}

// readNamespace reads a namespace. The labels of one that does not exist, or that the operator may not read, are
// unknown.
func readNamespace(ctx context.Context, from client.Reader, name string) (Namespace, error) {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	err := from.Get(ctx, types.NamespacedName{Name: name}, m)
	switch {
	case apierrors.IsNotFound(err):
		return Namespace{Name: name, Unknown: "namespace " + name + " does not exist", Terminating: true}, nil
	case apierrors.IsForbidden(err):
		return Namespace{Name: name, Unknown: "the operator may not get namespace " + name +
			": grant it the verb get on namespaces in a Role there"}, nil
	case err != nil:
		return Namespace{}, err
	}
	return Namespace{Name: name, Labels: m.Labels, Terminating: !m.DeletionTimestamp.IsZero()}, nil
}

// cachedNamespaces reads from an informer, which needs a cluster-wide right.
type cachedNamespaces struct{ cache client.Reader }

func (n cachedNamespaces) Namespace(ctx context.Context, name string) (Namespace, error) {
	return readNamespace(ctx, n.cache, name)
}

// UnreadNamespaces is for an operator that is configured to read no namespaces.
type UnreadNamespaces struct{}

// Namespace returns only the name.
func (UnreadNamespaces) Namespace(_ context.Context, name string) (Namespace, error) {
	return Namespace{Name: name, Unknown: "the operator runs with --namespace-labels=false"}, nil
}

// CheckSelectors refuses a connection that selects namespaces by their labels, if the operator is configured not to
// read them.
func (p *Pool) CheckSelectors(c client.Object) error {
	if _, unread := p.cfg.Namespaces.(UnreadNamespaces); !unread {
		return nil
	}
	if fields := selectors(c); len(fields) > 0 {
		return invalid("%s selects namespaces by their labels, which this operator does not read, because it runs with "+
			"--namespace-labels=false: set allowedNamespaces.from to Same or All, and list the namespaces of a grant by name",
			fields[0])
	}
	return nil
}

// selectors returns the fields of a connection that select namespaces by their labels.
func selectors(c client.Object) []string {
	var (
		out     []string
		allowed *pamv1alpha1.AllowedNamespaces
		grants  []*metav1.LabelSelector
	)
	switch c := c.(type) {
	case *pamv1alpha1.SPSConnection:
		allowed = c.Spec.AllowedNamespaces
		for i := range c.Spec.Grants {
			grants = append(grants, c.Spec.Grants[i].NamespaceSelector)
		}
	case *pamv1alpha1.NPSConnection:
		allowed = c.Spec.AllowedNamespaces
		for i := range c.Spec.Grants {
			grants = append(grants, c.Spec.Grants[i].NamespaceSelector)
		}
	}
	if allowed != nil && allowed.From == pamv1alpha1.NamespacesFromSelector {
		out = append(out, "spec.allowedNamespaces")
	}
	for i, selector := range grants {
		if selector != nil {
			out = append(out, fmt.Sprintf("spec.grants[%d].namespaceSelector", i))
		}
	}
	return out
}

const (
	// namespaceFresh is how long a read of a namespace is reused. Thousands of reconciles ask within that time.
	namespaceFresh = 2 * time.Second
	// namespaceTimeout is how long a read may take.
	namespaceTimeout = 10 * time.Second
	// namespaceInterval is how often namespaces are read again to see whether their labels have changed.
	namespaceInterval = 30 * time.Second
)

// LiveNamespaces reads namespaces one by one and by name, for which a Role in each of them is enough: a list or watch
// of namespaces needs a cluster-wide right. It is a runnable of a manager, and reports changes of labels.
type LiveNamespaces struct {
	live   client.Reader
	names  []string
	notify func(ctx context.Context, namespace string)
	every  time.Duration

	reads singleflight.Group
	mu    sync.Mutex
	read  map[string]readAt
}

// readAt is a namespace, and when it was read.
type readAt struct {
	namespace Namespace
	at        time.Time
}

// NewLiveNamespaces returns a reader that watches the labels of these namespaces, and calls notify for each change.
func NewLiveNamespaces(
	live client.Reader, names []string, notify func(ctx context.Context, namespace string),
) *LiveNamespaces {
	return &LiveNamespaces{
		live: live, names: names, notify: notify, every: namespaceInterval, read: map[string]readAt{},
	}
}

// Namespace returns what was read within the last seconds, or reads it.
func (n *LiveNamespaces) Namespace(ctx context.Context, name string) (Namespace, error) {
	if last, fresh := n.lately(name); fresh {
		return last, nil
	}
	// Concurrent reconciles share one read, which none of them can cancel for the others. One that asks just as another
	// one's read ends finds what was read only here.
	reading := n.reads.DoChan(name, func() (any, error) {
		if last, fresh := n.lately(name); fresh {
			return last, nil
		}
		return n.readNow(context.WithoutCancel(ctx), name)
	})
	select {
	case <-ctx.Done():
		return Namespace{}, ctx.Err()
	case result := <-reading:
		now, _ := result.Val.(Namespace)
		return now, result.Err
	}
}

// lately returns a namespace that was read within the last seconds.
func (n *LiveNamespaces) lately(name string) (now Namespace, fresh bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last, ok := n.read[name]
	return last.namespace, ok && time.Since(last.at) < namespaceFresh
}

func (n *LiveNamespaces) readNow(ctx context.Context, name string) (Namespace, error) {
	ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
	defer cancel()
	began := time.Now()
	now, err := readNamespace(ctx, n.live, name)
	if err != nil {
		return Namespace{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.read[name] = readAt{now, began}
	return now, nil
}

// Start reads the labels periodically until the context ends.
func (n *LiveNamespaces) Start(ctx context.Context) error {
	last := map[string]Namespace{}
	for {
		for _, name := range n.names {
			now, err := n.Namespace(ctx, name)
			if err != nil {
				logf.FromContext(ctx).V(1).Info("the labels of a namespace cannot be read", "namespace", name,
					"cause", err.Error())
				continue
			}
			before, known := last[name]
			last[name] = now
			if known && (before.Unknown != now.Unknown || !maps.Equal(before.Labels, now.Labels)) {
				n.notify(ctx, name)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(n.every):
		}
	}
}

// NeedLeaderElection lets only the leader read: on another manager, no controller would be notified.
func (n *LiveNamespaces) NeedLeaderElection() bool { return true }
