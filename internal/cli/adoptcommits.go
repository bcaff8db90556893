// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// The operator writes the status of an object before that of its connection. commitDelay bounds how much later the
// commit is shown there.
const (
	commitDelay = 2 * time.Second
	commitPause = 100 * time.Millisecond
)

// commits are what is known before anything is applied, to tell afterwards whether something was committed.
type commits struct {
	// last are the last commits through the connections, as far as they may be read.
	last map[client.ObjectKey]string
	// differed are the objects that the appliance must be changed for.
	differed map[string]bool
	// managed are the objects that were managed before.
	managed map[string]bool
}

func newCommits() commits {
	return commits{last: map[client.ObjectKey]string{}, differed: map[string]bool{}, managed: map[string]bool{}}
}

// read adds the last commit through a connection.
func (k commits) read(ctx context.Context, c *cluster.Client, connection client.ObjectKey) {
	if _, known := k.last[connection]; known {
		return
	}
	if last, readable := lastCommit(ctx, c, connection); readable {
		k.last[connection] = last
	}
}

// willChange notes an object whose adoption changes the appliance.
func (k commits) willChange(ref cluster.Ref) { k.differed[path(ref)] = true }

func path(ref cluster.Ref) string { return ref.Namespace + "/" + ref.String() }

func connectionOf(o kinds.Connected) client.ObjectKey {
	to := o.Connection()
	return client.ObjectKey{Namespace: cmp.Or(to.Namespace, o.GetNamespace()), Name: to.Name}
}

// connectionOfManifest is empty if the manifest names none, which the API server refuses.
func connectionOfManifest(m *unstructured.Unstructured) client.ObjectKey {
	name, _, _ := unstructured.NestedString(m.Object, "spec", "connectionRef", "name")
	namespace, _, _ := unstructured.NestedString(m.Object, "spec", "connectionRef", "namespace")
	return client.ObjectKey{Namespace: cmp.Or(namespace, m.GetNamespace()), Name: name}
}

// lastCommit is all that is shown of a commit: two may complete within the second to which its time is rounded.
func lastCommit(ctx context.Context, c *cluster.Client, key client.ObjectKey) (commit string, readable bool) {
	connection := &pamv1alpha1.SPSConnection{}
	if err := c.Get(ctx, key, connection); err != nil {
		return "", false
	}
	if last := connection.Status.LastCommit; last != nil {
		return fmt.Sprint(last.Time, ptr.Deref(last.Changes, 0), last.Duration), true
	}
	return "", true
}

// written says how sure it is that something was committed through a connection.
type written int

const (
	notWritten written = iota
	maybeWritten
	surelyWritten
)

// since says of each connection whether something was committed.
func (k commits) since(ctx context.Context, c *cluster.Client, outcomes []act.Outcome) []string {
	through := map[client.ObjectKey]written{}
	for _, each := range outcomes {
		if o, is := each.Object.(kinds.PolicyObject); is && each.State.Ready() {
			key := connectionOf(o)
			through[key] = max(through[key], k.writtenFor(each.Ref, o))
		}
	}
	out := make([]string, 0, len(k.last))
	for _, key := range slices.SortedFunc(maps.Keys(k.last), func(a, b client.ObjectKey) int {
		return strings.Compare(a.String(), b.String())
	}) {
		what := "nothing was committed"
		if through[key] == surelyWritten || k.moved(ctx, c, key, through[key]) {
			what = "changes were committed"
		}
		out = append(out, key.Name+": "+what)
	}
	return out
}

// writtenFor judges an object that was adopted: a difference is repaired, what was not there is created, and what was
// managed before takes a changed spec.
func (k commits) writtenFor(ref cluster.Ref, o kinds.PolicyObject) written {
	switch {
	case k.differed[path(ref)]:
		return surelyWritten
	case o.ManagementPolicies().AdoptionPolicy == pamv1alpha1.AdoptionPolicyAlways,
		o.PolicyStatus().Origin == pamv1alpha1.OriginCreated, k.managed[path(ref)]:
		return maybeWritten
	}
	return notWritten
}

// moved reports whether a connection shows another commit than before. If something may have been written, it gives the
// commit time to be shown.
func (k commits) moved(ctx context.Context, c *cluster.Client, key client.ObjectKey, w written) bool {
	now, readable := lastCommit(ctx, c, key)
	if !readable || now != k.last[key] || w == notWritten {
		return readable && now != k.last[key]
	}
	err := wait.PollUntilContextTimeout(ctx, commitPause, commitDelay, false, func(ctx context.Context) (bool, error) {
		now, readable := lastCommit(ctx, c, key)
		return readable && now != k.last[key], nil
	})
	return err == nil
}
