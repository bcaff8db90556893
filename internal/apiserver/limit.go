// SPDX-License-Identifier: Apache-2.0

// Package apiserver bounds what the manager asks of the Kubernetes API server.
package apiserver

import (
	"net/http"
	"strings"

	"golang.org/x/sync/semaphore"
)

// Limit lets so many requests be under way at the same time; the others wait for their turn. Watches do not count. A
// thousand objects that come at once would otherwise have a thousand requests under way: more than one connection
// carries, so that those which must not wait, such as the renewal of the lease, wait with all others. Events have turns
// of their own, few, so that the statuses that they tell of do not wait for them.
func Limit(requests, events int64) func(http.RoundTripper) http.RoundTripper {
	turns, ofEvents := semaphore.NewWeighted(requests), semaphore.NewWeighted(events)
	return func(next http.RoundTripper) http.RoundTripper {
		return &limited{next: next, turns: turns, ofEvents: ofEvents}
	}
}

type limited struct {
	next            http.RoundTripper
	turns, ofEvents *semaphore.Weighted
}

// RoundTrip sends the request when it is its turn, or fails with the error of its context.
func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if watch := req.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		return l.next.RoundTrip(req)
	}
	turns := l.turns
	if isEvents(req.URL.Path) {
		turns = l.ofEvents
	}
	if err := turns.Acquire(req.Context(), 1); err != nil {
		return nil, err
	}
	defer turns.Release(1)
	return l.next.RoundTrip(req)
}

// isEvents says that a path is that of the Events of a namespace, or of one of them.
func isEvents(path string) bool {
	_, after, found := strings.Cut(path, "/namespaces/")
	parts := strings.Split(after, "/")
	return found && len(parts) >= 2 && parts[1] == "events"
}

// WrappedRoundTripper is the transport beneath, for those who look for its TLS settings.
func (l *limited) WrappedRoundTripper() http.RoundTripper { return l.next }
