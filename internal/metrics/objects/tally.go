// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// send passes on one series.
type send func(name string, value float64, labels ...string)

// tally is what is counted in one scrape.
type tally struct {
	connections connections
	objects     map[objectGroup]int
	drifted     map[driftGroup]int
	sessions    map[sessionGroup]int
	waiting     longestWaiting
	deleting    map[string]deletions
	// leftovers are by kind, in lower case.
	leftovers      map[string]int
	leftoversKnown bool
}

// through is the connection of an object, as the labels show it.
type through struct{ namespace, name string }

type objectGroup struct {
	kind string
	through
	reason, acts string
}

type driftGroup struct {
	kind string
	through
	policy string
}

type sessionGroup struct {
	through
	phase string
}

// deletions are the objects of one kind that are being deleted.
type deletions struct {
	number int
	oldest time.Time
}

func newTally() *tally {
	return &tally{
		connections: newConnections(), objects: map[objectGroup]int{}, drifted: map[driftGroup]int{},
		sessions: map[sessionGroup]int{}, deleting: map[string]deletions{},
	}
}

// add counts an object.
func (t *tally) add(kind kinds.Kind, obj kinds.Object) {
	s := stateOf(obj)
	if c, ok := obj.(connectionObject); ok {
		t.connections.add(kind.Name, c, s)
	}
	via := t.through(kind, obj)
	t.objects[objectGroup{kind.Name, via, s.reason, string(s.acts)}]++
	if s.waits() {
		t.waiting.add(waiting{kind.Name, types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}, via, s})
	}
	if at := obj.GetDeletionTimestamp(); at != nil {
		d := t.deleting[kind.Name]
		if d.number++; d.number == 1 || at.Time.Before(d.oldest) {
			d.oldest = at.Time
		}
		t.deleting[kind.Name] = d
	}
	switch o := obj.(type) {
	case kinds.PolicyObject:
		t.addDrift(kind, o, s, via)
	case *pamv1alpha1.ActivitySession:
		t.sessions[sessionGroup{via, phaseOf(o)}]++
	}
}

// through returns the connection of an object. Anyone who may create objects can name connections that do not exist;
// these have no series of their own.
func (t *tally) through(kind kinds.Kind, obj kinds.Object) through {
	c, ok := obj.(kinds.Connected)
	if !ok {
		return through{obj.GetNamespace(), obj.GetName()}
	}
	target := connection.Target(c.Connection(), obj.GetNamespace())
	if !t.connections.exists(metrics.Connection{Kind: kind.Connection, NamespacedName: target}) {
		return through{metrics.Other, metrics.Other}
	}
	return through{target.Namespace, target.Name}
}

func phaseOf(s *pamv1alpha1.ActivitySession) string {
	switch {
	case s.Status.Phase == "":
		return string(pamv1alpha1.SessionPending)
	case !slices.Contains(pamv1alpha1.AllSessionPhases(), s.Status.Phase):
		return metrics.Other
	}
	return string(s.Status.Phase)
}

func (t *tally) addDrift(kind kinds.Kind, obj kinds.PolicyObject, s state, via through) {
	if !meta.IsStatusConditionTrue(obj.PolicyStatus().Conditions, pamv1alpha1.ConditionDriftDetected) {
		return
	}
	policies := obj.ManagementPolicies()
	policy := string(pamv1alpha1.ManagementPolicyManage)
	switch {
	case policies.Observes():
		policy = string(pamv1alpha1.ManagementPolicyObserve)
	case policies.Suspended(), s.reason == pamv1alpha1.ReasonSuspended:
		policy = metrics.SuspendedPolicy
	}
	t.drifted[driftGroup{kind.Name, via, policy}]++
}

// send passes on everything that was counted.
func (t *tally) send(to send) {
	for g, n := range t.objects {
		to(metrics.Objects, float64(n), g.kind, g.namespace, g.name, g.reason, g.acts)
	}
	for g, n := range t.drifted {
		to(metrics.DriftedObjects, float64(n), g.kind, g.namespace, g.name, g.policy)
	}
	for g, n := range t.sessions {
		to(metrics.Sessions, float64(n), g.namespace, g.name, g.phase)
	}
	t.waiting.send(to)
	t.connections.send(to)
	for _, kind := range kinds.All() {
		d := t.deleting[kind.Name]
		to(metrics.DeletingObjects, float64(d.number), kind.Name)
		if d.number > 0 {
			to(metrics.OldestDeletion, unix(d.oldest), kind.Name)
		}
	}
	if !t.leftoversKnown {
		return
	}
	for collection, n := range t.leftoversByCollection() {
		to(metrics.Leftovers, float64(n), collection)
	}
}

// leftoversByCollection has every collection, so that a sum is 0 if there are none. The label of a record is the kind
// of its object, in lower case; anyone who may write ConfigMaps can write another one.
func (t *tally) leftoversByCollection() map[string]int {
	out := map[string]int{metrics.SessionCollection: 0}
	kindOf := map[string]string{strings.ToLower(kinds.ActivitySession): metrics.SessionCollection}
	for _, kind := range kinds.Policies() {
		kindOf[strings.ToLower(kind.Name)] = string(kind.Collection)
		out[string(kind.Collection)] = 0
	}
	for kind, n := range t.leftovers {
		collection, ours := kindOf[kind]
		if !ours {
			collection = metrics.Other
		}
		out[collection] += n
	}
	return out
}

// unix is a time as Prometheus shows it.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
