// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Connection is the connection that something happened on. Its methods count what happened; the series go with the
// connection, see Forget.
type Connection struct {
	// Kind is kinds.SPSConnection or kinds.NPSConnection.
	Kind string
	types.NamespacedName
}

// SPS returns an SPSConnection, and NPS an NPSConnection.
func SPS(name types.NamespacedName) Connection { return Connection{kinds.SPSConnection, name} }

// NPS returns an NPSConnection.
func NPS(name types.NamespacedName) Connection { return Connection{kinds.NPSConnection, name} }

func (c Connection) system() string {
	if c.Kind == kinds.SPSConnection {
		return SystemSPS
	}
	return SystemNPS
}

// Called counts a call of the connection's server.
func (c Connection) Called(call rest.Call) {
	c.note()
	count(requestsTotal, c.system(), c.Namespace, c.Name, call.Operation, call.Result)
	observeInTrace(call.TraceID, requestSeconds, call.Duration.Seconds(), c.system(), c.Namespace, c.Name, call.Operation)
}

// Circuit shows the state of the connection's circuit breaker.
func (c Connection) Circuit(state rest.CircuitState) {
	c.note()
	gauge(CircuitBreaker, c.Kind, c.Namespace, c.Name).Set(float64(state))
}

// DriftFound counts a difference that was found for an object of a kind.
func (c Connection) DriftFound(kind string) {
	c.note()
	count(driftFound, kind, c.Namespace, c.Name)
}

// DriftRepaired counts a difference that was written over.
func (c Connection) DriftRepaired(kind string) {
	c.note()
	count(driftRepaired, kind, c.Namespace, c.Name)
}

// Adoption counts an object of a kind that was adopted, or not; result is one of the Adoption constants.
func (c Connection) Adoption(kind, result string) {
	c.note()
	count(adoptionsTotal, kind, c.Namespace, c.Name, result)
}

// SessionRequest counts a request for a session; result is one of the Request constants.
func (c Connection) SessionRequest(result string) {
	c.note()
	count(sessionRequests, c.Namespace, c.Name, result)
}

// SessionDuplicate counts a second session; outcome is one of the Duplicate constants.
func (c Connection) SessionDuplicate(outcome string) {
	c.note()
	count(sessionDuplicates, c.Namespace, c.Name, outcome)
}

// SessionExtension counts an attempt to extend a session; result is one of the Extension constants.
func (c Connection) SessionExtension(result string) {
	c.note()
	count(sessionExtensions, c.Namespace, c.Name, result)
}

// SessionActive observes how long it took until a session could be used.
func (c Connection) SessionActive(approval bool, took time.Duration) {
	c.note()
	value := "false"
	if approval {
		value = "true"
	}
	observe(sessionToActive, max(took, 0).Seconds(), c.Namespace, c.Name, value)
}

// SessionEnded counts a session that is over; failure is the reason of its failure, empty if there is none.
func (c Connection) SessionEnded(phase, failure string) {
	c.note()
	if failure == "" {
		failure = NoReason
	}
	count(sessionEnds, c.Namespace, c.Name, phase, failure)
}

// SecretRemoved observes how old a connection Secret became, and by how much it outlived its session.
func (c Connection) SecretRemoved(age, lag time.Duration) {
	c.note()
	observe(secretAge, max(age, 0).Seconds(), c.Namespace, c.Name)
	observe(secretLag, max(lag, 0).Seconds(), c.Namespace, c.Name)
}

// seen are the connections and appliances that may have series.
var seen struct {
	connections, appliances sync.Map
}

func (c Connection) note() {
	if _, known := seen.connections.LoadOrStore(c, true); !known {
		beginAtZero(func(m Metric) (prometheus.Labels, bool) { return c.match(m) })
	}
}

// beginAtZero makes the series of the rows that begin with 0. match returns the labels that are known, and whether a
// row is concerned.
func beginAtZero(match func(Metric) (prometheus.Labels, bool)) {
	for name, vector := range counters {
		m := rows[name]
		known, ours := match(m)
		if !m.FromZero || !ours {
			continue
		}
		for _, labels := range combinations(m, known, m.Labels) {
			vector.With(labels)
		}
	}
}

// combinations are all that the labels left can be, besides those that are known.
func combinations(m Metric, known prometheus.Labels, left []string) []prometheus.Labels {
	if len(left) == 0 {
		return []prometheus.Labels{maps.Clone(known)}
	}
	if _, ok := known[left[0]]; ok {
		return combinations(m, known, left[1:])
	}
	var out []prometheus.Labels
	for _, value := range m.Values[left[0]] {
		with := maps.Clone(known)
		with[left[0]] = value
		out = append(out, combinations(m, with, left[1:])...)
	}
	return out
}

// Forget removes the series of a connection that is gone. What a client counts that is still being closed brings some
// of them back; Prune removes those.
func (c Connection) Forget() {
	seen.connections.Delete(c)
	for name, vector := range vectors() {
		if match, ours := c.match(rows[name]); ours {
			vector.DeletePartialMatch(match)
		}
	}
}

// match returns the labels of the connection's series in a metric; ours is false if it can have none there.
func (c Connection) match(m Metric) (match prometheus.Labels, ours bool) {
	match = prometheus.Labels{labelConnectionNamespace: c.Namespace, labelConnection: c.Name}
	switch {
	case !m.has(labelConnection):
		return nil, false
	case m.has(labelSystem):
		match[labelSystem] = c.system()
	case m.Through != "":
		return match, m.Through == c.Kind
	default:
		match[labelKind] = c.Kind
	}
	return match, true
}

// Seen returns what may have series now, for Prune.
func Seen() (connections []Connection, appliances []string) {
	seen.connections.Range(func(key, _ any) bool {
		if c, ok := key.(Connection); ok {
			connections = append(connections, c)
		}
		return true
	})
	seen.appliances.Range(func(key, _ any) bool {
		if a, ok := key.(string); ok {
			appliances = append(appliances, a)
		}
		return true
	})
	return connections, appliances
}

// Prune removes the series of what exists no more. What exists must have been listed after Seen was called.
func Prune(connections []Connection, appliances []string, exists func(Connection) bool, reached func(string) bool) {
	for _, c := range connections {
		if !exists(c) {
			c.Forget()
		}
	}
	for _, address := range appliances {
		if !reached(address) {
			forgetAppliance(address)
		}
	}
}

// vector is what the vectors of all types have in common.
type vector interface {
	DeletePartialMatch(labels prometheus.Labels) int
}

func vectors() map[string]vector {
	out := map[string]vector{}
	for name, v := range counters {
		out[name] = v
	}
	for name, v := range gauges {
		out[name] = v
	}
	for name, v := range histograms {
		out[name] = v
	}
	return out
}

// Address is the value of the label appliance for a URL: host:port.
func Address(url string) string {
	host := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(url), "https://"), "/")
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host
	}
	return host + ":443"
}
